"""Each address of the server in each state of a pipeline: there is always a response with a reason."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from rigs.web_client import connect, request
from support import WATCHDOG, until

import freshframe as ff

STATES = ("not started", "running", "stalled", "failed", "ended", "stopped")


class Pictures(ff.Source[ff.Frame]):
    """Emits an image every 20 ms while enabled, and ends when the test asks for it."""

    live = True

    def __init__(self) -> None:
        self.quiet = threading.Event()
        self.over = threading.Event()

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        while not self.over.is_set() and not self.stop_token.wait(0.02):
            if not self.quiet.is_set():
                yield ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray"), time.time()


class Drawer:
    """Passes images on until it is told to fail."""

    def __init__(self) -> None:
        self.broken = threading.Event()

    def __call__(self, frame: ff.Frame) -> ff.Frame | None:
        if self.broken.is_set():
            raise ValueError("no pen")
        return frame


class Served:
    """A pipeline in a state. Its port `drawn` has emitted an image, and its port `blank` never does."""

    def __init__(self, stall_timeout: float | None) -> None:
        self.pipeline = ff.Pipeline("states", stall_timeout=stall_timeout)
        self.source, self.drawer = Pictures(), Drawer()
        camera = self.pipeline.add(self.source, name="camera")
        drawn = self.pipeline.add(self.drawer, camera, name="drawn")
        blank = self.pipeline.add(self._nothing, camera, name="blank")
        self.url = self.pipeline.serve(view=[drawn, blank]).url

    @staticmethod
    def _nothing(frame: ff.Frame) -> ff.Frame | None:
        return None

    def go_to(self, state: str) -> None:
        if state == "not started":
            return
        self.pipeline.start()
        until(lambda: request(self.url, "/api/picture/drawn.jpg").status == 200, "a picture")
        if state == "stalled":
            self.source.quiet.set()
        elif state == "failed":
            self.drawer.broken.set()
        elif state == "ended":
            self.source.over.set()
        elif state == "stopped":
            self.pipeline.stop()
        phase = {"not started": "created", "stalled": "running"}.get(state, state)
        until(lambda: request(self.url, "/api/state").json()["phase"] == phase, phase)
        if state == "stalled":
            until(lambda: "stalled" in request(self.url, "/healthz").text, "the stall is seen")


@contextlib.contextmanager
def served(state: str) -> Iterator[Served]:
    one = Served(0.3 if state == "stalled" else None)  # longer than a busy machine may take for an image
    try:
        one.go_to(state)
        yield one
    finally:
        with contextlib.suppress(ff.NodeError):
            one.pipeline.stop()
        one.pipeline.serve().close()


REASONS = {
    "not started": "no frames flow: the pipeline is created",
    "running": "ok",
    "stalled": "stalled: no sample has moved for ",
    "failed": "drawn: failed: ValueError: no pen",
    "ended": "no frames flow: the pipeline is ended",
    "stopped": "no frames flow: the pipeline is stopped",
}


@pytest.mark.parametrize("state", STATES)
def test_healthz_says_the_state(state: str) -> None:
    with served(state) as one:
        answer = request(one.url, "/healthz")
        assert answer.status == (200 if state == "running" else 503)
        assert REASONS[state] in answer.text.splitlines()[0]


@pytest.mark.table
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("path", ["/", "/api/state", "/api/why", "/metrics"])
def test_pages_and_numbers_are_there_in_each_state(state: str, path: str) -> None:
    with served(state) as one:
        assert request(one.url, path).status == 200


@pytest.mark.slow
@pytest.mark.table(cases=3)
@pytest.mark.parametrize("state", STATES)
def test_a_single_picture_is_the_last_one_in_each_state_that_has_one(state: str) -> None:
    with served(state) as one:
        path = "/api/picture/drawn.jpg"
        if state in ("not started", "stalled"):
            until(lambda: request(one.url, path).status == 503, "the last picture is no fresh one any more")
            assert REASONS[state] in request(one.url, path).text
        else:
            answer = request(one.url, path)
            assert (answer.status, answer.body[:2]) == (200, b"\xff\xd8")


@pytest.mark.slow
@pytest.mark.table(cases=3)
@pytest.mark.parametrize("state", STATES)
def test_a_port_without_a_picture_says_the_reason_that_healthz_knows(state: str) -> None:
    with served(state) as one:
        answer = request(one.url, "/api/picture/blank.jpg")
        assert answer.status == 503
        reason = "no sample has reached this port in that time" if state == "running" else REASONS[state]
        assert reason in answer.text


@pytest.mark.table
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("port", ["drawn", "blank"])
def test_a_stream_of_pictures_that_will_not_come_is_refused_with_the_reason(state: str, port: str) -> None:
    with served(state) as one, connect(one.url) as sock:
        sock.sendall(f"GET /api/picture/{port}.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with sock.makefile("rb") as stream:
            status = int(stream.readline().split()[1])
            if state not in ("failed", "ended", "stopped"):  # images may still arrive
                assert status == 200
                return
            assert status == 503
            while stream.readline().strip():
                pass
            assert REASONS[state] in stream.readline().decode()


@pytest.mark.table
@pytest.mark.parametrize("state", ["failed", "ended", "stopped"])
@pytest.mark.parametrize("port", ["drawn", "blank"])
def test_an_open_stream_ends_with_its_pipeline(state: str, port: str) -> None:
    with served("running") as one, connect(one.url) as sock:
        sock.sendall(f"GET /api/picture/{port}.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with sock.makefile("rb") as stream:
            assert b"200" in stream.readline()
            ends: dict[str, Callable[[], object]] = {
                "failed": one.drawer.broken.set,
                "ended": one.source.over.set,
                "stopped": one.pipeline.stop,
            }
            ends[state]()
            # Until the server closes the connection; a hang ends with the socket's timeout.
            rest = stream.read()
            assert (b"\xff\xd8" in rest) == (port == "drawn")
            assert sock.gettimeout() == WATCHDOG
