"""/api/picture/NAME.mjpg: its parts, its pace, slow clients, and the token for images only."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from rigs.web_client import connect, request
from support import WATCHDOG, until

import freshframe as ff

SCENE = "demo:circles?size=320x180&fps=30"


class Parts:
    """The parts of one stream, as a browser reads them."""

    def __init__(self, url: str, *, buffer: int | None = None) -> None:
        where = urlsplit(url)
        if buffer is None:
            self.sock = connect(url)
        else:
            self.sock = socket.socket()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.sock.connect((where.hostname, where.port))
        target = f"{where.path}?{where.query}" if where.query else where.path
        self.sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        self.stream = self.sock.makefile("rb")
        self.status = int(self.stream.readline().split()[1])
        self.headers = self._headers()
        if self.status == 200:
            assert self.stream.readline() == b"--freshframe\r\n"

    def _headers(self) -> dict[str, str]:
        headers = {}
        while line := self.stream.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        return headers

    def next(self) -> tuple[dict[str, str], bytes]:
        """Returns the next part, and reads the boundary after it."""
        headers = self._headers()
        jpeg = self.stream.read(int(headers["Content-Length"]))
        assert self.stream.readline() == b"\r\n"
        assert self.stream.readline() == b"--freshframe\r\n"
        return headers, jpeg

    def close(self) -> None:
        self.stream.close()
        self.sock.close()


@contextlib.contextmanager
def served(**options: Any) -> Iterator[ff.types.Dashboard]:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(SCENE), name="front door")
    with pipeline, pipeline.serve(**options) as dashboard:
        yield dashboard


def viewers(dashboard: ff.types.Dashboard) -> int:
    views = request(dashboard.url, "/api/state").json()["views"]
    return int(views[0]["viewers"])


def test_each_part_is_a_picture_with_its_length_and_time_and_the_boundary_behind_it() -> None:
    with served() as dashboard:
        parts = Parts(dashboard.mjpeg_url("front door", fps=15))
        assert parts.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=freshframe"
        times = []
        for _ in range(4):
            headers, jpeg = parts.next()
            assert headers["Content-Type"] == "image/jpeg"
            assert jpeg.startswith(b"\xff\xd8")
            assert jpeg.endswith(b"\xff\xd9")
            times.append(float(headers["X-Timestamp"]))
        assert times == sorted(set(times))
        assert abs(time.time() - times[-1]) < 50
        until(lambda: viewers(dashboard) == 1, "the viewer is seen")
        parts.close()
        until(lambda: viewers(dashboard) == 0, "its end is seen")


@pytest.mark.slow
@pytest.mark.repeats
def test_a_stream_has_at_most_the_pictures_per_second_that_it_asks_for() -> None:
    with served() as dashboard:
        parts = Parts(dashboard.mjpeg_url("front door", fps=2))
        times = [float(parts.next()[0]["X-Timestamp"]) for _ in range(4)]
        parts.close()
    # Three intervals of half a second, the first of which may be half as long.
    assert times[3] - times[0] >= 1.0


@pytest.mark.slow
def test_the_last_picture_of_a_silent_source_is_repeated() -> None:
    pipeline = ff.Pipeline()
    source = PicturesUntilSeen()
    pipeline.add(source, name="cam")
    with pipeline.serve() as dashboard, pipeline:
        parts = Parts(dashboard.mjpeg_url("cam"))
        parts.next()
        source.seen.set()
        assert source.ended.wait(WATCHDOG)
        pictures = [parts.next()[1]]
        # The image is repeated after five seconds without a new one.
        while len(pictures) < 2 or pictures[-1] != pictures[-2]:
            pictures.append(parts.next()[1])
            assert len(pictures) < 200
        parts.close()


@pytest.mark.slow
def test_a_slow_client_gets_the_newest_picture_and_slows_no_other() -> None:
    with served() as dashboard:
        slow = Parts(dashboard.mjpeg_url("front door", fps=15), buffer=4096)
        fast = Parts(dashboard.mjpeg_url("front door", fps=15))
        old = float(slow.next()[0]["X-Timestamp"])
        for _ in range(60):  # four seconds at 15 frames per second
            newest = float(fast.next()[0]["X-Timestamp"])
        in_between = 0
        while float(slow.next()[0]["X-Timestamp"]) < newest:
            in_between += 1
        assert newest - old > 1
        assert in_between < 55  # the others were never queued
        slow.close()
        fast.close()


def test_there_are_at_most_thirty_two_streams() -> None:
    with served() as dashboard:
        url = dashboard.mjpeg_url("front door")
        many = [Parts(url) for _ in range(32)]
        refused = Parts(url)
        assert refused.status == 503
        many.pop().close()
        refused.close()

        def one_more() -> bool:
            again = Parts(url)
            many.append(again)
            return again.status == 200

        until(one_more, "the place is free")
        assert request(dashboard.url, "/healthz").status == 200
        for each in many:
            each.close()


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("http://127.0.0.1:5000/", True),
        ("http://localhost:5000/door?a=b", True),
        ("http://LOCALHOST", True),
        ("http://[::1]:5000/", True),
        ("http://127.0.0.1.evil.example/", False),
        ("http://evil.example/?http://127.0.0.1/", False),
        ("http://127.0.0.1@evil.example/", False),
        ("https://localhost:5000/", False),
        ("", False),
    ],
)
def test_a_page_of_this_machine_may_show_the_picture_whatever_its_port(page: str, shown: bool) -> None:
    with served() as dashboard:
        answer = request(dashboard.url, urlsplit(dashboard.jpeg_url("front door")).path, Referer=page)
        assert answer.headers["cross-origin-resource-policy"] == ("cross-origin" if shown else "same-site")


def test_the_token_of_a_picture_opens_pictures_and_nothing_else() -> None:
    token = "a-token-of-this-test"
    with served(host="0.0.0.0", token=token) as dashboard:
        stream = dashboard.mjpeg_url("front door")
        still = dashboard.jpeg_url("front door")
        assert token not in stream
        parts = Parts(stream)
        assert parts.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        parts.next()
        parts.close()
        where = urlsplit(still)
        answer = request(still, f"{where.path}?{where.query}")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
        assert "set-cookie" not in answer.headers
        for path in ("/", "/api/state", "/metrics", "/healthz"):
            assert request(still, f"{path}?{where.query}").status == 401
        own = where.query.partition("=")[2]
        assert request(still, "/api/state", Authorization=f"Bearer {own}").status == 401
        # URLs end up in logs, so the full token is rejected in them.
        assert request(still, f"{where.path}?token={token}").status == 401
        assert request(still, where.path).status == 401
    with served(host="0.0.0.0", token=token) as dashboard:
        assert urlsplit(dashboard.mjpeg_url("front door")).query == where.query  # after a restart, too


def test_ffmpeg_reads_a_stream() -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("ffmpeg is not installed")
    with served() as dashboard:
        url = dashboard.mjpeg_url("front door", fps=15, max_side=320)
        command = [ffmpeg, "-v", "error", "-i", url, "-frames:v", "10", "-f", "framehash", "-"]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WATCHDOG)
    assert ended.returncode == 0, ended.stderr
    pictures = [line.split()[-1] for line in ended.stdout.splitlines() if not line.startswith("#")]
    assert len(pictures) == 10
    assert len(set(pictures)) > 5


def test_a_picture_after_the_one_that_a_page_has() -> None:
    with served() as dashboard:
        base = "/api/picture/front%20door.jpg"
        first = request(dashboard.url, base)
        newest = int(first.headers["x-seq"])
        assert abs(time.time() - float(first.headers["x-timestamp"])) < 50
        for _ in range(5):
            answer = request(dashboard.url, f"{base}?after={newest}")
            assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
            assert int(answer.headers["x-seq"]) > newest
            newest = int(answer.headers["x-seq"])
        # A sequence number from an earlier run of the program.
        assert request(dashboard.url, f"{base}?after=1000000").status == 200
        for after in ("", "new", "1.5", "99999999999999999999"):
            assert request(dashboard.url, f"{base}?after={after}").status == 400, after


@pytest.mark.slow
def test_a_page_waits_for_a_picture_that_does_not_come_and_asks_again() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles?size=320x180&fps=30&frames=20"), name="cam")
    with pipeline.serve() as dashboard:
        pipeline.start()
        seq = int(request(dashboard.url, "/api/picture/cam.jpg").headers["x-seq"])
        pipeline.wait()
        while (last := request(dashboard.url, f"/api/picture/cam.jpg?after={seq}")).status == 200:
            seq = int(last.headers["x-seq"])
        assert (last.status, last.body) == (204, b"")
        assert "content-length" not in last.headers
    pipeline.stop()


class PicturesUntilSeen(ff.Source[ff.Frame]):
    """Emits an image every 20 ms until `seen` is set, because the server may open its view late."""

    live = True

    def __init__(self) -> None:
        self.seen = threading.Event()
        self.ended = threading.Event()
        self.given = 0

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        while not self.seen.wait(0.02):
            self.given += 1
            yield ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray"), time.time()
        self.ended.set()
        self.stop_token.wait(WATCHDOG)


@pytest.mark.slow
def test_a_client_that_has_gone_while_it_waits_for_a_picture_gives_its_place_back() -> None:
    pipeline = ff.Pipeline()
    source = PicturesUntilSeen()
    pipeline.add(source, name="cam")
    path = "/api/picture/cam.jpg"
    with pipeline.serve() as dashboard, pipeline:
        until(lambda: request(dashboard.url, path).status == 200, "a picture")
        source.seen.set()
        assert source.ended.wait(WATCHDOG)
        seq = source.given - 1
        until(lambda: int(request(dashboard.url, path).headers["x-seq"]) == seq, "the last picture")
        wait = f"GET {path}?after={seq} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with connect(dashboard.url) as gone, connect(dashboard.url) as stays:
            gone.sendall(wait)
            gone.shutdown(socket.SHUT_WR)
            stays.sendall(wait + wait)  # its next request waits, too
            assert gone.recv(12) == b""
            assert stays.recv(12) == b"HTTP/1.1 204"


def test_a_script_of_another_page_reads_pictures_with_their_token_only() -> None:
    with served(host="0.0.0.0", token="a-token-of-this-test") as dashboard:
        still = dashboard.jpeg_url("front door")
        where = urlsplit(still)
        origin = {"Origin": "http://wall.example"}
        answer = request(still, f"{where.path}?{where.query}", **origin)
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-expose-headers"] == "X-Seq, X-Timestamp, X-Age"
        age = time.time() - float(answer.headers["x-timestamp"])  # the image was captured a moment ago
        assert 0 <= float(answer.headers["x-age"]) <= age + 0.01
        assert request(still, where.path, **origin).status == 403
        assert request(still, f"/api/state?{where.query}", **origin).status == 403
    with served() as dashboard:
        answer = request(dashboard.url, "/api/picture/front%20door.jpg", **origin)
        assert answer.status == 403


def test_wishes_and_ports_that_cannot_be_are_said() -> None:
    with served() as dashboard:
        base = "/api/picture/front%20door.mjpg"
        for query in (
            "fps=0",
            "fps=16",
            "fps=fast",
            "max_side=10",
            "max_side=5000",
            "width=640",
            "fps=1e400",
        ):
            assert request(dashboard.url, f"{base}?{query}").status == 400, query
        assert request(dashboard.url, "/api/picture/back.mjpg").status == 404
        for options in ({"fps": 0.5}, {"fps": 16}, {"max_side": 63}, {"max_side": 2000}):
            with pytest.raises(ff.OptionError):
                dashboard.mjpeg_url("front door", **options)
    with pytest.raises(ff.StateError, match="closed"):
        dashboard.mjpeg_url("front door")
