"""The pipelines that agents build in the tests, in a small module that loads quickly."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import itertools
import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import freshframe as ff

_calls: list[str] = []


class Ticks(ff.Source[int]):
    """Emits 0, 1, 2, ... at a rate, like a camera. With an end, it stops there."""

    live = True

    def __init__(self, period: float, end: int | None = None) -> None:
        self.period = period
        self.end = end

    def read(self) -> Iterator[tuple[int, float]]:
        for number in itertools.count() if self.end is None else range(self.end):
            if self.stop_token.wait(self.period):
                return
            yield number, number * self.period


def ticks(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """``ticks:0.01`` ticks every 10 ms; ``ticks:0.01:5`` five times."""
    _, period, *end = url.split(":")
    pipeline = ff.Pipeline()
    source = pipeline.add(Ticks(float(period), int(end[0]) if end else None))
    return pipeline, {"ticks": source}


def parts_of(number: int) -> Iterator[int]:
    yield from (number, number, number)


def parts(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Like ticks(), with three results per tick."""
    pipeline, outputs = ticks(url)
    return pipeline, {"parts": pipeline.add(parts_of, outputs["ticks"])}


def ticks_after(path: str, url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Like ticks(), but waits for this file first."""
    while not os.path.exists(path):
        time.sleep(0.02)
    return ticks(url)


class Broadcast(ff.Source[int]):
    """A camera that sends each frame to all sessions, numbered by the machine's clock."""

    live = True

    def __init__(self, period: float) -> None:
        self.period = period

    def read(self) -> Iterator[tuple[int, float]]:
        for number in itertools.count(int(time.monotonic() / self.period) + 1):
            if self.stop_token.wait(max(0.0, number * self.period - time.monotonic())):
                return
            yield number, number * self.period


def broadcast(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    time.sleep(0.3)  # as long as a camera takes to answer
    pipeline = ff.Pipeline()
    return pipeline, {"frames": pipeline.add(Broadcast(float(url)))}


class Burst(ff.Source[int]):
    """Emits this many numbers without a pause, like a camera whose results arrive too fast."""

    live = True

    def __init__(self, count: int) -> None:
        self.count = count

    def read(self) -> Iterator[tuple[int, float]]:
        for number in range(self.count):
            yield number, float(number)


def bursts(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(Burst(int(url)))}


def sizes(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Emits bytes objects of the sizes in the URL."""
    wanted = [int(size) for size in url.split(",")]
    pipeline = ff.Pipeline()
    source = pipeline.add(Ticks(0.05, len(wanted)))
    return pipeline, {"bytes": pipeline.add(lambda number: bytes(wanted[number]), source)}


def values(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Two outputs: (pid, number), and the URL."""
    pipeline = ff.Pipeline()
    source = pipeline.add(Ticks(0.02))
    return pipeline, {
        "pids": pipeline.add(lambda number: (os.getpid(), number), source),
        "urls": pipeline.add(lambda number: url, source),
    }


def large(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Emits results of half a MiB."""
    import numpy as np  # noqa: PLC0415

    pipeline = ff.Pipeline()
    source = pipeline.add(Ticks(0.02))
    return pipeline, {"arrays": pipeline.add(lambda number: np.full(1 << 16, number, np.float64), source)}


def demo(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    pipeline = ff.Pipeline()
    return pipeline, {"circles": pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))}


def frames(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    pipeline = ff.Pipeline()
    return pipeline, {"frames": pipeline.add(ff.open("demo:circles"))}


def raises(url: str) -> Any:
    raise ValueError(f"no camera at {url}")


def logs_and_raises(url: str) -> Any:
    logging.getLogger("user").warning("a log line about %s", url)
    try:
        raise ValueError(f"no camera at {url}")
    except ValueError:
        logging.getLogger("user").exception("a log line with a traceback")
        raise


def returns_nothing(url: str) -> Any:
    return None


def fails_later(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    def fail(number: int) -> int:
        raise RuntimeError("burnt out")

    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(fail, pipeline.add(Ticks(0.01)))}


def unpicklable(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    pipeline = ff.Pipeline()
    source = pipeline.add(Ticks(0.01))
    return pipeline, {"ticks": pipeline.add(lambda number: threading.Lock(), source)}


def holds_the_gil(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Holds the GIL for as long as the URL says, on its tenth tick."""
    pipeline = ff.Pipeline()

    def hold(number: int) -> int:
        if number == 10:
            ctypes.PyDLL(None).usleep(int(float(url) * 1e6))
        return number

    return pipeline, {"ticks": pipeline.add(hold, pipeline.add(Ticks(0.02)))}


def keeps_the_gil_once(path: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Holds the GIL forever on its tenth tick, if this file does not exist yet."""
    pipeline = ff.Pipeline()

    def keep(number: int) -> int:
        if number == 10 and not os.path.exists(path):
            open(path, "w").close()
            ctypes.PyDLL(None).usleep(10**9)
        return number

    return pipeline, {"ticks": pipeline.add(keep, pipeline.add(Ticks(0.02)))}


def slow_to_build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    time.sleep(float(url))
    return ticks("ticks:0.02")


def slow_to_build_once(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """The first call takes as long as the URL says."""
    _calls.append(url)
    if len(_calls) == 1:
        time.sleep(float(url))
    return ticks("ticks:0.02")


class Hangs(ff.Node[int, int]):
    """Its open() returns once a file exists."""

    def __init__(self, path: str) -> None:
        self.path = path

    def open(self) -> None:
        while not os.path.exists(self.path):
            time.sleep(0.01)

    def process(self, sample: ff.Sample[int]) -> int:
        return sample.value


def hangs_at_start(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Hangs until a file of this name exists."""
    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(Hangs(url), pipeline.add(Ticks(0.02)))}
