"""Connections, nodes, readers and viewers that come and go for minutes: what each leaves adds up."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import random
import re
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import av
import numpy as np
from rigs.ports import free_port
from rigs.process import nodes
from rigs.stamped_picture import read_stamp
from rigs.web_client import Live, Video, request

import freshframe as ff
from night import own_process
from night.chaos.cameras import CameraFault, Cameras
from night.edges import faults_in
from night.own_process import Usage, log_to

FAULTS: tuple[CameraFault, ...] = ("away", "refused", "half")
_MJPEG, _RTSP, _FPS = 3, 3, 20.0
_IN_PART = 2  # cameras of which a part is decoded, without an end
_EVERY = 4  # rounds between two changes of the nodes
_AWAY = 10  # changes for which a camera that is never there stays
_WARM = 150.0  # seconds in which a program makes what it keeps
_MOST = {"blocks": 40, "bytes": 1 << 17, "objects": 1600, "mappings": 8, "threads": 2, "descriptors": 2}
_PER_ROUND = {"blocks": 0.1, "objects": 0.5}  # growth that each round may leave
_PATIENCE = 5.0  # seconds for a picture of a camera that may be away
_TOLD = 60.0  # seconds after which an event is missing
_HALF = 1.0  # seconds for which a camera sends half of its pictures at most
_STATES = 0.6  # seconds in which the page shows a new state


class _Failing:
    """A node that fails at its first frame."""

    def __init__(self, text: str) -> None:
        self.text, self.has_failed = text, threading.Event()

    def __call__(self, frame: ff.Frame) -> float:
        if not self.has_failed.is_set():
            self.has_failed.set()
            raise ValueError(self.text)
        return nodes.mean(frame)


async def _read_for_ever(reader: ff.Reader[float]) -> None:
    async for _ in reader:
        pass


class _Rounds:
    """The actions that are repeated with one pipeline."""

    def __init__(self, cameras: Cameras, seed: int) -> None:
        self.cameras, self.findings = cameras, list[str]()
        self.ran, self.unseen = 0, 0
        self.pipeline = ff.Pipeline("churn")
        self.sources = [self._source(number) for number in range(len(cameras.urls))]
        self.replaced = self.pipeline.add(nodes.mean, self.sources[0], name="replaced")
        for number, source in enumerate(self.sources[-_IN_PART:]):  # otherwise they would not be decoded
            self.pipeline.add(nodes.mean, source, name=f"mean{number}")
        self.url = self.pipeline.serve().url.rstrip("/")
        self._chance = random.Random(seed)
        self._halved = [0.0] * len(self.sources)  # when they sent half a picture
        self._changes = 0
        self._nowhere = f"http://127.0.0.1:{free_port()}/"  # always the same: the log remembers what it said
        self._since = 0.0  # when that was added, Unix time
        self._away: tuple[ff.Port[float], ff.Port[ff.Frame]] | None = None

    def _source(self, number: int) -> ff.Port[ff.Frame]:
        """The last ones are decoded in part."""
        last = len(self.cameras.urls) - 1
        options: dict[int, dict[str, Any]] = {
            last - 1: {"frozen_after": None, "decode": "keyframes"},
            last: {"frozen_after": None, "options": {"skip_frame": "nokey"}},
        }
        camera = ff.open(self.cameras.urls[number], **options.get(number, {"frozen_after": None}))
        return self.pipeline.add(camera, name=f"camera{number}")

    def run_one(self) -> None:
        """Cuts cameras off but the last ones and another, which gets nodes and viewers for a moment."""
        whole = len(self.sources) - _IN_PART
        watched = self._chance.randrange(whole)
        for camera in range(whole):
            if camera != watched:
                fault = self._chance.choice(FAULTS)
                if fault == "half":
                    self._halved[camera] = time.time()
                self.cameras.fault(camera, fault, 0.1)
        if self.ran % _EVERY == 0:
            self._nodes(self.sources[watched])
            self.pipeline.replace(self.replaced, nodes.mean)
        self._pictures(f"camera{watched}")
        self._newest(watched)
        self._page()
        self._video(f"camera{watched}")
        self.ran += 1

    def _nodes(self, source: ff.Port[ff.Frame]) -> None:
        """Adds them, reads one and removes all."""
        if self._changes % _AWAY == 0:
            self._away_camera()
        self._changes += 1
        added: list[ff.Port[Any]] = [
            self.pipeline.add(nodes.mean, source, name="mean"),
            self.pipeline.add(ff.CircleTracker(), source, name="circles"),
            self.pipeline.add(ff.Look(seconds=2, every=0.5), source, name="look"),
        ]
        with contextlib.closing(self.pipeline.reader(added[0])) as reader:
            reader.poll()
        for node in added:
            self._remove(node)
        for time_of_it in ("first", "second"):  # at once: the page may not see that there was none between
            self._failure(source, f"the {time_of_it} failure of change {self._changes}")

    def _failure(self, source: ff.Port[ff.Frame], text: str) -> None:
        """A node fails, and leaves."""
        failing = _Failing(text)
        node = self.pipeline.add(failing, source, name="failing", on_error="skip")
        if failing.has_failed.wait(_PATIENCE):
            self._is_told(text)
        self._remove(node)

    def _remove(self, node: ff.Port[Any]) -> None:
        removed = self.pipeline.remove(node)
        self.findings += [] if removed is None else faults_in(removed)

    def _is_told(self, failure: str) -> None:
        """The page's events have the failure."""
        ends = time.monotonic() + _TOLD
        while time.monotonic() < ends:
            if any(failure in event["text"] for event in self._events()):
                return
            time.sleep(0.05)
        self.findings.append(f"the page's events do not have {failure!r}")

    def _events(self) -> list[dict[str, Any]]:
        """The page's events, except for nodes that come and go."""
        events = request(self.url, "/api/state").json()["events"]
        return [event for event in events if event["kind"] != "change"]

    def _away_camera(self) -> None:
        """The node before a camera that is never there is removed: it is away as before. Two new ones."""
        if self._away is not None:
            node, camera = self._away
            before = self._seconds_away()
            self._remove(node)
            time.sleep(_STATES)
            after = self._seconds_away()
            if not 0 < before <= after:
                self.findings.append(f"a camera that is away counted {before:g} s, and then {after:g} s")
            self._remove(camera)
            if not any(one["subject"] == "nowhere" and one["time"] > self._since for one in self._events()):
                self.findings.append(f"no event tells of the camera that is away since {self._since:.3f}")
        node = self.pipeline.add(nodes.mean, self.sources[0], name="before")
        self._since = time.time()
        self._away = node, self.pipeline.add(ff.open(self._nowhere), name="nowhere")

    def _seconds_away(self) -> float:
        found = re.search(r'source_away_seconds{.*"nowhere".*} (\S+)', request(self.url, "/metrics").text)
        return float(found[1]) if found else 0.0

    def _pictures(self, port: str) -> None:
        try:
            address = f"{self.url}/api/picture/{port}.mjpg"
            with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:
                answer.read(100)
        except TimeoutError:
            self.unseen += 1
        except urllib.error.HTTPError as error:
            self.findings.append(f"/api/picture/{port}.mjpg answers {error.code}: {error.read()!r}")

    def _newest(self, camera: int) -> None:
        """A viewer gets a whole picture of this camera, unless it has just sent half of one."""
        answer = request(self.url, f"/api/picture/camera{camera}.jpg")
        if answer.status != 200:
            self.unseen += 1
        elif float(answer.headers["x-timestamp"]) > self._halved[camera] + _HALF:
            with av.open(io.BytesIO(answer.body), "r", format="mjpeg") as file:
                [picture] = file.decode(video=0)  # all: PyAV loses a packet of the remaining ones
            stamp = read_stamp(np.asarray(picture.to_ndarray(format="gray"), np.uint8))
            if stamp is None or stamp[0] != camera:
                self.findings.append(f"the newest picture of camera{camera} is {stamp}")

    def _page(self) -> None:
        with Live(self.url) as viewer:
            viewer.next("state")

    def _video(self, port: str) -> None:
        with Video(self.url) as viewer:
            viewer.text("welcome")
            viewer.watch(port)
            viewer.wait_at_most(_PATIENCE)
            try:
                viewer.next("start")
            except TimeoutError:
                self.unseen += 1


def growth(usage: Usage) -> list[str]:
    """The growth since it was warm."""
    return usage.growth(_WARM, _MOST, _PER_ROUND)


def churn(seconds: float, *, seed: int = 1) -> tuple[int, list[str], dict[str, float]]:
    """Does a round after the other, for that long.

    Returns:
        Rounds, findings, figures.
    """
    usage, began = Usage(own_process.REMAINS), time.monotonic()
    with (
        log_to(logging.NullHandler()),
        contextlib.closing(Cameras(_MJPEG, _RTSP, _FPS)) as cameras,
    ):
        rounds = _Rounds(cameras, seed)
        reader = rounds.pipeline.reader(rounds.replaced)
        reading = threading.Thread(target=lambda: asyncio.run(_read_for_ever(reader)), name="async")
        with rounds.pipeline:
            reading.start()
            while (past := time.monotonic() - began) < seconds:
                rounds.run_one()
                gc.collect()
                usage.look(past)
            stats = rounds.pipeline.stats()
        reading.join()
    sources = [node.source for node in stats.nodes.values() if node.source is not None]
    figures: dict[str, float] = {
        "reconnects": sum(source.reconnects for source in sources),
        "viewers without a picture": rounds.unseen,
        **{name: values[-1] for name, values in usage.seen.items()},
    }
    found = [*rounds.findings, *faults_in(stats)]
    return rounds.ran, [*dict.fromkeys(found), *growth(usage)], figures
