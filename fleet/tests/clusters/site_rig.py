"""Two sites with painted cameras on a Ray cluster, and a reader whose results are checked independently."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import collections
import os
import threading
import time
from collections.abc import Iterable, Set
from typing import Any

import ray
from rig.camera_server import CameraServer
from support import until

from freshframe.fleet import SiteCounts, SitesReader

CAMERAS = 12
FPS = 25.0
LOST = ("outbox_full", "expired", "fenced", "lost_with_agent", "lost_with_site", "waiting")


def check_balance(counts: SiteCounts) -> None:
    lost = sum(getattr(counts, name) for name in LOST)
    assert counts.reported == counts.delivered + lost, counts


class Keeper(threading.Thread):
    """Reads all results: (site, camera, epoch, frame, when)."""

    def __init__(self, reader: SitesReader) -> None:
        super().__init__(daemon=True)
        self.reader = reader
        self.rows: list[tuple[str, str, int, int, float]] = []
        self.failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            for sample in self.reader:
                camera, frame = sample.value
                assert sample.camera == f"camera-{camera}"
                self.rows.append((sample.site, sample.camera, sample.epoch, frame, time.monotonic()))
        except BaseException as error:  # the test reports it
            self.failure = error

    def wait(self, cameras: Set[str], since: float) -> float:
        """Waits until each camera has a result that arrived after `since`. Returns the seconds."""

        def latest() -> dict[str, float]:
            return {camera: at for _, camera, _, _, at in self.rows if at > since}

        until(
            lambda: self.failure is not None or latest().keys() >= cameras,
            lambda: f"{cameras - latest().keys()}, {self.failure}, {self.reader.counts()}",
        )
        if self.failure is not None:
            raise self.failure
        first: dict[str, float] = {}
        for _, camera, _, _, at in self.rows:
            if at > since:
                first.setdefault(camera, at)
        return max(first[camera] for camera in cameras) - since

    def longest_gap(self, site: str, since: float) -> float:
        last: dict[str, float] = {}
        gap = 0.0
        for found, camera, _, _, at in self.rows:
            if found == site:
                if at > since:
                    gap = max(gap, at - last.get(camera, at))
                last[camera] = at
        return gap

    def twice(self) -> int:
        """Returns how many painted frames were delivered more than once."""
        seen = collections.Counter((camera, frame) for _, camera, _, frame, _ in self.rows)
        return sum(count > 1 for count in seen.values())


def specs(server: CameraServer, cameras: Iterable[int] = range(CAMERAS)) -> dict[str, Any]:
    """Returns the specifications of both sites. Cameras with odd numbers are in the north."""
    return {
        site: {
            "cameras": {f"camera-{n}": server.url(n) for n in cameras if n % 2 == odd},
            "agents": 2,
        }
        for site, odd in (("south", 0), ("north", 1))
    }


def cameras_of(site: str) -> set[str]:
    return {f"camera-{n}" for n in range(CAMERAS) if n % 2 == (site == "north")}


def pid_of(site: str) -> int:
    """Returns the process id of a site's actor."""
    actor = ray.get_actor(f"sites/{site}", "freshframe")
    return int(ray.get(actor.__ray_call__.remote(lambda _: os.getpid())))
