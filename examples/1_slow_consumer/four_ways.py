"""A consumer that needs a second of CPU time per frame: in a thread pool, as a node, in one process, in two.

Each way runs in a separate program with the same camera, the same debugger and a heartbeat: a loop that
sleeps for 1 ms and records how long that took. The heartbeat stands for a game loop or a web server.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slow_consumer import FPS, picture

import freshframe as ff

WAYS = {
    "pool": "a thread pool, as in the write-up",
    "node": "a node",
    "process": "a node, process=True",
    "workers": "a node, Process(workers=2)",
}
BEAT = 0.001  # seconds


@dataclass
class Findings:
    """The effects of one way on frames, heartbeat and memory."""

    debugged: int = 0
    ages: list[tuple[float, float]] = field(default_factory=list)  # each result: when it arrived, and its age
    beats: list[float] = field(default_factory=list)  # seconds that a sleep of 1 ms took
    waiting: list[int] = field(default_factory=list)  # length of the queue to the consumer, once per second
    memory: float = 0  # growth of the program and its workers in MB
    seconds: float = 0


class Debugger(ff.Node[ff.Frame, None]):
    """Sees every frame."""

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        del sample


class SlowConsumer(ff.Node[ff.Frame, float]):
    """Computes in Python for this many seconds of CPU time, and returns when its frame was captured."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def process(self, sample: ff.Sample[ff.Frame]) -> float:
        compute(self.seconds)
        return sample.captured


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(500))


class Heart(threading.Thread):
    """Records heartbeats until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.beats: list[float] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            begin = time.perf_counter()
            time.sleep(BEAT)
            self.beats.append(time.perf_counter() - begin)

    def stop(self) -> list[float]:
        self.stopping.set()
        self.join()
        return self.beats


def own_memory() -> float:
    """Returns the resident memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def run_pool(findings: Findings, seconds: float, computing: float) -> None:
    """Runs the article's pipeline: each callback is submitted to a pool with an unbounded queue."""
    pixels = picture().bgr

    def debug() -> None:
        findings.debugged += 1

    def consume(captured: float, frame: Any) -> None:
        compute(computing)
        if not ended.is_set():
            findings.ages.append((time.monotonic() - begun, time.monotonic() - captured))

    ended = threading.Event()
    begun = time.monotonic()
    with ThreadPoolExecutor(max_workers=10) as pool:
        number = 0
        while time.monotonic() - begun < seconds:
            frame = pixels.copy()  # a new image, as from a camera
            pool.submit(debug)
            pool.submit(consume, time.monotonic(), frame)
            number += 1
            if number % FPS == 0:
                # There is no public way to get the queue's length.
                findings.waiting.append(pool._work_queue.qsize())
            time.sleep(max(0.0, begun + number / FPS - time.monotonic()))
        findings.memory = own_memory()
        findings.seconds = time.monotonic() - begun
        ended.set()
        pool.shutdown(cancel_futures=True)


def run_pipeline(findings: Findings, way: str, seconds: float, computing: float) -> None:
    """Runs the same steps as a freshframe pipeline. The ways differ only in `process`."""
    process: Any = {"node": False, "process": True, "workers": ff.Process(workers=2, ordered=False)}[way]
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.testing.MockCamera(picture(), fps=FPS))
    pipeline.add(Debugger(), parent=camera, name="debugger")
    slow = pipeline.add(SlowConsumer(computing), parent=camera, name="slow", process=process)
    reader = pipeline.reader(slow, frames=False)
    with pipeline:
        begun = time.monotonic()
        while (left := begun + seconds - time.monotonic()) > 0:
            try:
                sample = reader.get(timeout=left)
            except TimeoutError:
                break
            now = time.monotonic()
            findings.ages.append((now - begun, now - sample.value))
            findings.waiting.append(waiting_for(pipeline, "slow"))
        stats = pipeline.stats()
        workers = stats.nodes["slow"].workers
        findings.memory = own_memory() + sum(worker.rss_bytes for worker in workers) / 1e6
        findings.seconds = time.monotonic() - begun
        findings.debugged = stats.nodes["debugger"].processed


def waiting_for(pipeline: ff.Pipeline, child: str) -> int:
    """Returns the number of samples in the queue to this node."""
    return next(edge.waiting for edge in pipeline.stats().edges if edge.child == child)


def run_one(way: str, seconds: float, computing: float) -> Findings:
    findings = Findings()
    picture()
    before = own_memory()
    heart = Heart()
    heart.start()
    if way == "pool":
        run_pool(findings, seconds, computing)
    else:
        run_pipeline(findings, way, seconds, computing)
    findings.beats = heart.stop()
    findings.memory -= before
    return findings


def in_a_program_of_its_own(way: str, seconds: float, computing: float) -> Findings:
    command = [
        sys.executable,
        __file__,
        "--only",
        way,
        "--seconds",
        str(seconds),
        "--compute",
        str(computing),
    ]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Findings(**json.loads(ended.stdout))


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


COLUMNS = (
    ("the consumer is", 34),
    ("debugger", 8),
    ("consumer", 8),
    ("age p50", 8),
    ("age max", 8),
    ("beat p99", 9),
    ("beat max", 9),
    ("waiting", 11),
    ("memory", 7),
)


def table_line(cells: tuple[str, ...]) -> str:
    first, *rest = zip(cells, (width for _, width in COLUMNS), strict=True)
    return " ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])


def row(way: str, found: Findings) -> str:
    ages = [age for _, age in found.ages]
    cells = (
        WAYS[way],
        f"{found.debugged / found.seconds:.1f}/s",
        f"{len(ages) / found.seconds:.2f}/s",
        f"{statistics.median(ages):.2f} s" if ages else "-",
        f"{max(ages):.2f} s" if ages else "-",
        f"{1e3 * quantile(found.beats, 0.99):.1f} ms",
        f"{1e3 * max(found.beats):.1f} ms",
        growth(found.waiting),
        f"{found.memory:.0f} MB",
    )
    return table_line(cells)


def growth(waiting: list[int]) -> str:
    """Returns the length of the queue halfway and at the end."""
    return f"{waiting[len(waiting) // 2]} -> {waiting[-1]}" if waiting else "-"


def plot(findings: dict[str, Findings], path: Path) -> None:
    """Plots the age of each result, and the heartbeats in ascending order."""
    import matplotlib as mpl  # noqa: PLC0415  (the example runs without it)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    shares = [i / 200 for i in range(201)]
    for way, found in findings.items():
        times, ages = [t for t, _ in found.ages], [age for _, age in found.ages]
        left.plot(times, ages, marker="o", ms=4, label=WAYS[way])
        beats = [1e3 * quantile(found.beats, share) for share in shares]
        right.plot([100 * share for share in shares], beats, label=WAYS[way])
    left.set(title="How old the slow consumer's results are", xlabel="seconds since the start")
    left.set(ylabel="age (s)")
    right.set(
        title="How long a sleep of 1 ms took", xlabel="share of the sleeps (%)", ylabel="ms", yscale="log"
    )
    left.set_ylim(bottom=0)
    left.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each way runs (default 15)")
    parser.add_argument(
        "--compute", type=float, default=1.0, help="seconds of computing per frame (default 1)"
    )
    parser.add_argument(
        "--plot", type=Path, help="a picture to draw, such as four_ways.svg; needs matplotlib"
    )
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(asdict(run_one(options.only, options.seconds, options.compute))))
        return
    print(table_line(tuple(name for name, _ in COLUMNS)))
    findings = {}
    for way in WAYS:
        findings[way] = in_a_program_of_its_own(way, options.seconds, options.compute)
        print(row(way, findings[way]), flush=True)
    if options.plot:
        plot(findings, options.plot)


if __name__ == "__main__":
    main()
