"""What RTSP cameras cost: processor time of one beside another build's, and fifty in one process.

The camera is the truth server of tests/python in a process of its own. The processor time is that of the
reading process, from the 30th frame on, by frames that it got.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _freshness_cases import PICTURES, made
from _measure import RESULTS, Result, Row, median, quantile, spread, take_turns
from rigs.live.truth.pictures.encode import Shape
from rigs.live.truth.process import TruthProcess

import freshframe as ff

GOAL = 0.95  # of the other build's processor time
CAMERAS, CAMERA_FPS = 50, 10
SMALL = Shape(count=120)
TRANSPORTS = ("tcp", "udp")
STOP_GOAL = 1.0  # seconds
LIMIT = 60.0  # seconds until every camera has a frame

READ = """
import resource, sys, time
import freshframe as ff
url, transport, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
pipeline = ff.Pipeline()
reader = pipeline.reader(pipeline.add(ff.open(url, options={"rtsp_transport": transport})))
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
with pipeline:
    for _ in range(30):
        reader.get(timeout=20)
    begin, before, frames = time.monotonic(), used(), 0
    while time.monotonic() < begin + seconds:
        reader.get(timeout=20)
        frames += 1
    print(1e3 * (used() - before) / frames)
"""


def frame_ms(package: Path, url: str, transport: str, seconds: float) -> float:
    """Milliseconds of processor time per frame of one camera."""
    command = [sys.executable, "-c", READ, url, transport, str(seconds)]
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout)


def compare(result: Result, options: argparse.Namespace, folder: Path) -> None:
    """One camera of 720p at 30 fps, this build and the other in turns."""
    ours, other = Path(ff.__file__).parents[1], options.before
    with TruthProcess({"film": made(PICTURES)}, folder / "log", fps=30) as server:
        for transport in TRANSPORTS:
            read = partial(frame_ms, url=server.url, transport=transport, seconds=options.seconds)
            kinds: dict[str, Callable[[], float]] = {
                "other": partial(read, other),
                "ours": partial(read, ours),
                "other again": partial(read, other),
            }
            runs = take_turns(kinds, options.rounds)
            before = median(runs["other"] + runs["other again"])
            figures = {f"{name.replace(' ', '_')}_ms": median(found) for name, found in runs.items()}
            noise = spread(runs["other"], runs["other again"])
            ratio = median(runs["ours"]) / before
            name = f"720p30 over {transport}: processor time per frame, of the other build's"
            result.add(Row(name, figures, ratio, GOAL, spread=noise))


def entries(folder: str) -> int:
    """Of /proc/self."""
    return len(os.listdir(f"/proc/self/{folder}"))


def resident_mb() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def first_frames(readers: list[Any], began: float) -> list[float]:
    """Seconds from the start to the first frame of each camera."""
    waiting, found = list(readers), []
    while waiting and time.monotonic() < began + LIMIT:
        there = [reader for reader in waiting if reader.poll() is not None]
        found += [time.monotonic() - began] * len(there)
        waiting = [reader for reader in waiting if reader not in there]
        time.sleep(0.001)
    return found


def many(url: str, transport: str, seconds: float) -> dict[str, Any]:
    """CAMERAS in one pipeline: opened, played, ended."""
    before = (entries("task"), entries("fd"), resident_mb())
    pipeline = ff.Pipeline()
    readers = []
    for number in range(CAMERAS):
        source = ff.open(url, options={"rtsp_transport": transport})
        readers.append(pipeline.reader(pipeline.add(source, name=f"camera{number}")))
    began = time.monotonic()
    pipeline.start()
    first = first_frames(readers, began)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    frames = sum(edge.passed_in for edge in pipeline.stats().edges)
    time.sleep(seconds)
    after = (entries("task"), entries("fd"), resident_mb())
    frames = sum(edge.passed_in for edge in pipeline.stats().edges) - frames
    end = resource.getrusage(resource.RUSAGE_SELF)
    began = time.monotonic()
    pipeline.stop()
    stop = time.monotonic() - began
    sources = [node.source for node in pipeline.stats().nodes.values() if node.source]
    return {
        "opened": len(first),
        "first_frame_p50_s": quantile(first, 0.5),
        "first_frame_max_s": max(first),
        "fps_of_each": frames / seconds / CAMERAS,
        "threads_of_each": (after[0] - before[0]) / CAMERAS,
        "descriptors_of_each": (after[1] - before[1]) / CAMERAS,
        "memory_of_each_mb": (after[2] - before[2]) / CAMERAS,
        "processor_percent": 100 * (end.ru_utime + end.ru_stime - usage.ru_utime - usage.ru_stime) / seconds,
        "outages": sum(source.outages for source in sources),
        "packets_lost": sum(source.packets_lost for source in sources),
        "threads_left": entries("task") - before[0],
        "stop_s": stop,
    }


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="PACKAGE", help="another build of freshframe")
    parser.add_argument("--commit", default="", help="of that build")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a reading; default: %(default)s")
    parser.add_argument("--out", type=Path, default=RESULTS / "rtsp_cost.json", help="default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def main() -> None:
    """Measures, shows, keeps."""
    options = parse()
    settings = {"rounds": options.rounds, "seconds": options.seconds, "before": options.commit}
    result = Result("rtsp_cost", "what RTSP cameras cost", settings)
    with tempfile.TemporaryDirectory() as folder:
        if options.before:
            compare(result, options, Path(folder))
        small = {"film": made(SMALL)}
        with TruthProcess(small, Path(folder) / "small", fps=CAMERA_FPS) as server:
            for transport in TRANSPORTS:
                shown = many(server.url, transport, options.seconds)
                name = f"{CAMERAS} cameras of 320x180 at {CAMERA_FPS} fps over {transport}: stop, seconds"
                result.add(Row(name, shown, shown["stop_s"], STOP_GOAL))
    result.keep(None if options.dry else options.out)


if __name__ == "__main__":
    main()
