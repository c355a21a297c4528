"""Many small cameras into one Python node, one picture per call and in batches.

Two nodes, each alone and beside a Python thread that computes. "mean": of 64 x 48 pictures, one NumPy call
per picture or over all of a batch. "model": stands for a call of another device, 1 ms and 0.1 ms per picture
without the GIL. Results per second, and the share of the camera that got least of an equal one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from _measure import Result, Row, arguments, median, spread, take_turns

import freshframe as ff

CAMERAS = 16
FPS = 300.0  # of each
BATCH = ff.Batch(CAMERAS)
MODEL_GOAL = 4.0


@dataclass(frozen=True)
class Run:
    """One run."""

    per_second: float
    least_share: float
    batch: float  # samples per call


def mean(frame: ff.Frame) -> float:
    """Of one picture."""
    return float(frame.luma.mean())


def means(frames: list[ff.Frame]) -> list[float]:
    """Of all pictures of a call."""
    return [float(one) for one in np.stack([frame.luma for frame in frames]).mean(axis=(1, 2))]


def model(frame: ff.Frame) -> float:
    """Of one picture."""
    time.sleep(0.0011)
    return 0.0


def models(frames: list[ff.Frame]) -> list[float]:
    """Of all pictures of a call."""
    time.sleep(0.001 + 0.0001 * len(frames))
    return [0.0] * len(frames)


@contextmanager
def busy_thread(there: bool) -> Iterator[None]:
    """A Python thread that computes."""
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(2000))

    thread = threading.Thread(target=compute)
    if there:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if there:
            thread.join()


def measured(seconds: float, what: str, in_batches: bool, beside: bool) -> Run:
    """One pipeline."""
    pipeline = ff.Pipeline()
    picture = ff.Frame.from_array(np.full((48, 64), 90, np.uint8), "gray")
    cameras = [pipeline.add(ff.testing.MockCamera(picture, fps=FPS), name=f"cam{n}") for n in range(CAMERAS)]
    if in_batches:
        pipeline.add({"mean": means, "model": models}[what], cameras, name="node", batch=BATCH)
    else:
        pipeline.add({"mean": mean, "model": model}[what], cameras, name="node")
    with busy_thread(beside), pipeline:
        time.sleep(seconds)
        stats = pipeline.stats()
    shares = [edge.delivered for edge in stats.edges]
    node = stats.nodes["node"]
    calls = sum(node.batches.values()) or node.processed
    return Run(node.processed / stats.uptime, min(shares) * CAMERAS / sum(shares), node.processed / calls)


def compare(seconds: float, rounds: int, what: str, beside: bool) -> Row:
    """Both ways in turns."""
    kinds: dict[str, Callable[[], Run]] = {
        "single": lambda: measured(seconds, what, False, beside),
        "single again": lambda: measured(seconds, what, False, beside),
        "batch": lambda: measured(seconds, what, True, beside),
    }
    runs = take_turns(kinds, rounds)
    rates = {name: [run.per_second for run in kind] for name, kind in runs.items()}
    one = rates["single"] + rates["single again"]
    figures = {
        "per_s": round(median(rates["batch"])),
        "single_per_s": round(median(one)),
        "samples_per_call": median([run.batch for run in runs["batch"]]),
        "least_share": min(run.least_share for run in runs["batch"]),
    }
    return Row(
        f"{what}, {'beside a Python thread that computes' if beside else 'alone'}: against one per call",
        figures,
        median(rates["batch"]) / median(one),
        MODEL_GOAL if what == "model" else None,
        at_least=True,
        spread=spread(rates["single"], rates["single again"]),
    )


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "batches", rounds=5, milliseconds=1000)
    settings = {
        "rounds": options.rounds,
        "milliseconds": options.milliseconds,
        "cameras": CAMERAS,
        "fps": FPS,
    }
    result = Result("batches", "Batches of many small cameras", settings)
    for what in ("mean", "model"):
        for beside in (False, True):
            result.add(compare(options.milliseconds / 1000, options.rounds, what, beside))
    result.keep(options.out)


if __name__ == "__main__":
    main()
