"""Connections, nodes, readers and viewers that come and go for minutes: what each leaves behind adds up."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import bisect
import contextlib
import gc
import logging
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rigs.web_client import Live, Video

import freshframe as ff
from night import own_process
from night.chaos.cameras import CameraFault, Cameras
from night.edges import faults_of
from night.own_process import log_to

FAULTS: tuple[CameraFault, ...] = ("away", "refused", "half")
_MJPEG, _RTSP, _FPS = 3, 1, 20.0
_EVERY = 4  # rounds between two changes of the nodes
_WARM = 150.0  # seconds in which a program makes what it keeps
_LOOKS: dict[str, Callable[[], int]] = {
    "blocks": own_process.blocks,
    "mappings": own_process.mappings,
    "threads": own_process.threads,
    "descriptors": own_process.descriptors,
}
_MOST = {"blocks": 100, "mappings": 8, "threads": 0, "descriptors": 0}


def _mean(frame: ff.Frame) -> float:
    return float(frame.luma.mean())


class _Rounds:
    """What is done again and again with one pipeline."""

    def __init__(self, cameras: Cameras, seed: int) -> None:
        self.cameras, self.findings, self.ran = cameras, list[str](), 0
        self.pipeline = ff.Pipeline("churn")
        self.sources = [
            self.pipeline.add(ff.open(url, still=None), name=f"camera{number}")
            for number, url in enumerate(cameras.urls)
        ]
        self.url = self.pipeline.serve().url.rstrip("/")
        self._chance = random.Random(seed)

    def all(self) -> None:
        """One round."""
        for camera in range(len(self.sources)):
            self.cameras.fault(camera, self._chance.choice(FAULTS), 0.1)
        camera = self._chance.randrange(len(self.sources))
        if self.ran % _EVERY == 0:
            self._nodes(self.sources[camera])
        for view in (self._pictures, self._page, self._video):
            with contextlib.suppress(TimeoutError):
                view(f"camera{camera}")
        self.ran += 1

    def _nodes(self, source: ff.Port[ff.Frame]) -> None:
        """Added, read and removed."""
        nodes: list[ff.Port[Any]] = [
            self.pipeline.add(_mean, source, name="mean"),
            self.pipeline.add(ff.CircleTracker(), source, name="circles"),
            self.pipeline.add(ff.Look(back=2, every=0.5), source, name="look"),
        ]
        with contextlib.closing(self.pipeline.reader(nodes[0])) as reader:
            reader.poll()
        for node in nodes:
            removed = self.pipeline.remove(node)
            for edge in [] if removed is None else removed.edges:
                self.findings += faults_of(edge)

    def _pictures(self, port: str) -> None:
        try:
            with urllib.request.urlopen(f"{self.url}/api/picture/{port}.mjpg", timeout=5) as answer:
                answer.read(100)
        except urllib.error.HTTPError as error:
            self.findings.append(f"/api/picture/{port}.mjpg answers {error.code}: {error.read()!r}")

    def _page(self, port: str) -> None:
        with Live(self.url) as viewer:
            viewer.next("state")

    def _video(self, port: str) -> None:
        with Video(self.url) as viewer:
            viewer.text("welcome")
            viewer.watch(port)


@dataclass
class Usage:
    """What the process uses after each round."""

    moments: list[float] = field(default_factory=list)  # seconds from the start
    seen: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in _LOOKS})

    def look(self, moment: float) -> None:
        """Notes the present."""
        self.moments.append(moment)
        for name, look in _LOOKS.items():
            self.seen[name].append(look())

    def findings(self) -> list[str]:
        """What has grown since it was warm: the least of the last third beside the least of the first."""
        begin = bisect.bisect(self.moments, _WARM)
        third = (len(self.moments) - begin) // 3
        if not self.moments or self.moments[-1] < 2 * _WARM:
            return []
        found = []
        for name, values in self.seen.items():
            before, after = min(values[begin : begin + third]), min(values[-third:])
            if after > before + _MOST[name]:
                found.append(f"{name} grew from {before} to {after} in {2 * third} rounds")
        return found


def churn(seconds: float, *, seed: int = 1) -> tuple[int, list[str], dict[str, float]]:
    """A round after the other, for that long.

    Returns:
        Rounds, findings, figures.
    """
    usage, began = Usage(), time.monotonic()
    with log_to(logging.NullHandler()), contextlib.closing(Cameras(_MJPEG, _RTSP, _FPS)) as cameras:
        rounds = _Rounds(cameras, seed)
        with rounds.pipeline.start():
            while (past := time.monotonic() - began) < seconds:
                rounds.all()
                gc.collect()
                usage.look(past)
            stats = rounds.pipeline.stats()
    for edge in stats.edges:
        rounds.findings += faults_of(edge)
    sources = [node.source for node in stats.nodes.values() if node.source is not None]
    figures: dict[str, float] = {"reconnects": sum(source.reconnects for source in sources)}
    return rounds.ran, [*dict.fromkeys(rounds.findings), *usage.findings()], figures
