"""A camera of 14 pictures a second, a node that notes each, and one that sleeps a second over each.

The first must see every number, or the books of its edge say which not; the second 0, 14, 28, ...: the
newest each time, so that its steps are 14 within one. Meanwhile memory must not grow.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from pathlib import Path

import numpy as np
from _measure import Result, Row, arguments

import freshframe as ff

FPS = 14
SETTLED = 10.0  # seconds after which memory is watched
RSS_GOAL = 4096.0  # bytes per second: a page, the least that can be seen
PAGE = os.sysconf("SC_PAGE_SIZE")


class Debugger(ff.Node[ff.Frame, None]):
    """Notes the number of every picture."""

    def __init__(self) -> None:
        """Has seen nothing."""
        self.seen: list[int] = []
        self.dropped = 0

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        """Notes one, and how many its edge dropped before it."""
        self.seen.append(sample.seq)
        self.dropped += sample.dropped


class SlowConsumer(Debugger):
    """Sleeps a second over each."""

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        """Notes one and sleeps."""
        super().process(sample)
        time.sleep(1)


def rss_bytes() -> int:
    """Memory of this process that is in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def watch(seconds: float) -> list[tuple[float, int]]:
    """Memory over time, twice a second."""
    began = time.monotonic()
    readings = []
    while (now := time.monotonic() - began) < seconds:
        readings.append((now, rss_bytes()))
        time.sleep(0.5)
    return readings


def slope(readings: list[tuple[float, int]]) -> float:
    """Bytes per second."""
    if len(readings) < 2:
        return float("nan")
    return statistics.linear_regression(*zip(*readings, strict=True)).slope


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "seed1", seconds=60)
    picture = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.testing.MockCamera(picture, fps=FPS))
    debugger, slow = Debugger(), SlowConsumer()
    pipeline.add(debugger, parent=camera)
    pipeline.add(slow, parent=camera)
    stopper = threading.Timer(options.seconds, pipeline.stop, kwargs={"timeout": 3.0})
    stopper.start()
    with pipeline:
        readings = watch(options.seconds)
    stopper.join()
    stats = pipeline.stats()
    edges = {edge.child: edge for edge in stats.edges}
    lost_by_camera = stats.nodes["MockCamera"].drops

    gaps = debugger.seen[-1] + 1 - len(debugger.seen)
    unexplained = gaps - debugger.dropped - lost_by_camera.get("device", 0)
    off = max(abs(later - earlier - FPS) for earlier, later in itertools.pairwise(slow.seen))
    drift = slow.seen[-1] - FPS * (len(slow.seen) - 1)  # its seconds are a little longer than the camera's
    settled = [reading for reading in readings if reading[0] >= min(SETTLED, options.seconds / 3)]
    books = {
        name: {
            "passed_in": e.passed_in,
            "delivered": e.delivered,
            "waiting": e.waiting,
            "drops": dict(e.drops),
        }
        for name, e in edges.items()
    }
    result = Result("seed1", "camera 14 fps, debugger, slow consumer", {"seconds": options.seconds})
    result.add(
        Row(
            "Debugger: numbers missing and in no book",
            {"seen": len(debugger.seen), "last": debugger.seen[-1], "books": books["Debugger"]},
            float(abs(unexplained)),
            0.0,
        )
    )
    result.add(
        Row(
            "SlowConsumer: farthest step from 14",
            {"seen": slow.seen, "drift_at_the_end": drift, "books": books["SlowConsumer"]},
            float(off),
            1.0,
        )
    )
    megabytes = [value / 1e6 for _, value in settled]
    result.add(
        Row(
            "memory: slope, bytes per second",
            {"rss_mb_first": megabytes[0], "rss_mb_last": megabytes[-1], "rss_mb_max": max(megabytes)},
            slope(settled),
            RSS_GOAL,
        )
    )
    result.keep(options.out)


if __name__ == "__main__":
    main()
