"""Connections, nodes, readers and viewers that come and go for minutes: what each leaves behind adds up."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import bisect
import contextlib
import gc
import logging
import random
import sys
import tempfile
import time
import urllib.error
import urllib.request
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rigs.web_client import Live, Video

import freshframe as ff
from night import own_process
from night.chaos.cameras import CameraFault, Cameras
from night.edges import faults_in
from night.own_process import log_to

FAULTS: tuple[CameraFault, ...] = ("away", "refused", "half")
_MJPEG, _RTSP, _FPS = 3, 2, 20.0
_EVERY = 4  # rounds between two changes of the nodes
_WARM = 150.0  # seconds in which a program makes what it keeps
_LOOKS: dict[str, Callable[[], int]] = {
    "blocks": own_process.blocks,
    "objects": sys.getallocatedblocks,  # of Python's own allocator
    "mappings": own_process.mappings,
    "threads": own_process.threads,
    "descriptors": own_process.descriptors,
}
_MOST = {"blocks": 40, "objects": 1600, "mappings": 8, "threads": 2, "descriptors": 2}
_PER_ROUND = {"blocks": 0.1, "objects": 0.5}  # that may be left behind besides
_PATIENCE = 5.0  # seconds for a picture of a camera that may be away


def _mean(frame: ff.Frame) -> float:
    return float(frame.luma.mean())


class _Rounds:
    """What is done again and again with one pipeline."""

    def __init__(self, cameras: Cameras, seed: int, folder: Path) -> None:
        self.cameras, self.findings = cameras, list[str]()
        self.ran, self.unseen = 0, 0
        self.pipeline = ff.Pipeline("churn")
        self.sources = [self._source(number, folder) for number in range(len(cameras.urls))]
        self.replaced = self.pipeline.add(_mean, self.sources[0], name="replaced")
        self.url = self.pipeline.serve().url.rstrip("/")
        self._chance = random.Random(seed)

    def _source(self, number: int, folder: Path) -> ff.Port[ff.Frame]:
        """The first one remembers its pictures, the last one is decoded in part, without an end."""
        url = self.cameras.urls[number]
        camera = ff.open(url, remember=folder) if number == 0 else ff.open(url, still=None)
        if number == len(self.cameras.urls) - 1:
            camera = ff.open(url, still=None, decode="keys")
        return self.pipeline.add(camera, name=f"camera{number}")

    def run_one(self) -> None:
        """Cuts cameras off but the last and another, which gets nodes and viewers that leave it again."""
        watched = self._chance.randrange(len(self.sources) - 1)
        for camera in range(len(self.sources) - 1):
            if camera != watched:
                self.cameras.fault(camera, self._chance.choice(FAULTS), 0.1)
        if self.ran % _EVERY == 0:
            self._nodes(self.sources[watched])
            self.pipeline.replace(self.replaced, _mean)
        self._pictures(f"camera{watched}")
        self._page()
        self._video(f"camera{watched}")
        self.ran += 1

    def _nodes(self, source: ff.Port[ff.Frame]) -> None:
        """Adds them, reads one and removes all."""
        nodes: list[ff.Port[Any]] = [
            self.pipeline.add(_mean, source, name="mean"),
            self.pipeline.add(ff.CircleTracker(), source, name="circles"),
            self.pipeline.add(ff.Look(back=2, every=0.5), source, name="look"),
        ]
        with contextlib.closing(self.pipeline.reader(nodes[0])) as reader:
            reader.poll()
        for node in nodes:
            removed = self.pipeline.remove(node)
            self.findings += [] if removed is None else faults_in(removed)

    def _pictures(self, port: str) -> None:
        try:
            address = f"{self.url}/api/picture/{port}.mjpg"
            with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:
                answer.read(100)
        except TimeoutError:
            self.unseen += 1
        except urllib.error.HTTPError as error:
            self.findings.append(f"/api/picture/{port}.mjpg answers {error.code}: {error.read()!r}")

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


class Usage:
    """What the process uses after each round, in arrays, whose numbers are no objects of their own."""

    def __init__(self) -> None:
        self.moments = array("d")  # seconds from the start
        self.seen = {name: array("q") for name in _LOOKS}

    def look(self, moment: float) -> None:
        """Notes the present."""
        self.moments.append(moment)
        for name, look in _LOOKS.items():
            self.seen[name].append(look())

    def findings(self) -> list[str]:
        """What has grown since it was warm: the least of the last third beside the least of the first."""
        begin = bisect.bisect(self.moments, _WARM)
        third = (len(self.moments) - begin) // 3
        if third == 0:
            return []
        found = []
        for name, values in self.seen.items():
            before, after = min(values[begin : begin + third]), min(values[-third:])
            if after > before + _MOST[name] + 2 * third * _PER_ROUND.get(name, 0.0):
                found.append(f"{name} grew from {before} to {after} in {2 * third} rounds")
        return found


def churn(seconds: float, *, seed: int = 1) -> tuple[int, list[str], dict[str, float]]:
    """Does a round after the other, for that long.

    Returns:
        Rounds, findings, figures.
    """
    usage, began = Usage(), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="churn-") as folder,
        log_to(logging.NullHandler()),
        contextlib.closing(Cameras(_MJPEG, _RTSP, _FPS)) as cameras,
    ):
        rounds = _Rounds(cameras, seed, Path(folder))
        with rounds.pipeline.start():
            while (past := time.monotonic() - began) < seconds:
                rounds.run_one()
                gc.collect()
                usage.look(past)
            stats = rounds.pipeline.stats()
    sources = [node.source for node in stats.nodes.values() if node.source is not None]
    figures: dict[str, float] = {
        "reconnects": sum(source.reconnects for source in sources),
        "viewers without a picture": rounds.unseen,
        **{name: values[-1] for name, values in usage.seen.items()},
    }
    found = [*rounds.findings, *faults_in(stats)]
    return rounds.ran, [*dict.fromkeys(found), *usage.findings()], figures
