"""What 1, 10 and 100 network sources cost in one process, each with a native node, and how soon all stop.

A server in a process of its own sends TS over TCP, 160x120 at 10 frames per second, to every source.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments

import freshframe as ff

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.camera import ServerProcess
from rigs.live.media import encode

FPS = 10
STOP_GOAL = 1.0  # seconds


def entries(folder: str) -> int:
    """Of /proc/self."""
    return len(os.listdir(f"/proc/self/{folder}"))


def resident_mb() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def cpu_seconds() -> float:
    """Of this process, until now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(url: str, count: int, seconds: float) -> dict[str, Any]:
    """One pipeline of `count` sources; its figures."""
    before = (entries("task"), entries("fd"), resident_mb())
    pipeline = ff.Pipeline()
    for number in range(count):
        camera = pipeline.add(ff.open(url), name=f"camera{number}")
        pipeline.add(ff.CircleDetector(max_circles=1), camera, name=f"node{number}")
    began = time.monotonic()
    pipeline.start()
    opened = time.monotonic() - began
    time.sleep(1)
    cpu, frames = cpu_seconds(), delivered(pipeline)
    time.sleep(seconds)
    cpu, frames = cpu_seconds() - cpu, delivered(pipeline) - frames
    after = (entries("task"), entries("fd"), resident_mb())
    began = time.monotonic()
    pipeline.stop()
    stopped = time.monotonic() - began
    stats = pipeline.stats()
    lost = sum(edge.passed_in - edge.delivered - edge.dropped - edge.waiting for edge in stats.edges)
    return {
        "threads": (after[0] - before[0]) / count,
        "fds": (after[1] - before[1]) / count,
        "rss_mb": (after[2] - before[2]) / count,
        "cpu_percent": 100 * cpu / seconds / count,
        "fps": frames / seconds / count,
        "dropped": sum(edge.dropped for edge in stats.edges),
        "uncounted": lost,
        "outages": sum(node.source.outages for node in stats.nodes.values() if node.source),
        "start_s": opened,
        "stop_s": stopped,
    }


def delivered(pipeline: ff.Pipeline) -> int:
    """Frames that have come to the nodes."""
    return sum(edge.delivered for edge in pipeline.stats().edges)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "many", seconds=5)
    result = Result("many", "figures per source", {"fps": FPS, "seconds": options.seconds})
    clip = dataclasses.replace(encode("mpegts", 600), fps=FPS)
    with tempfile.TemporaryDirectory() as folder:
        media = clip.save(Path(folder) / "clip")
        for count in (1, 10, 100):
            with ServerProcess("tcp", media) as server:
                shown = run(f"tcp://127.0.0.1:{server.port}", count, options.seconds)
            result.add(Row(f"{count} sources, stop", shown, shown["stop_s"], STOP_GOAL))
    result.keep(options.out)


if __name__ == "__main__":
    main()
