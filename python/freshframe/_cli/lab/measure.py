"""Tools of labs and benchmarks: kinds that take turns, and Python threads that always need the GIL."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bench:
    """The options of a lab.

    Attributes:
        quick: Take a few seconds and be less exact.
        say: Prints a message to stderr.
        picture: File for the lab's picture, if it draws one.
        free_threaded: Path of a free-threaded Python with freshframe, whose figures get their own column.
    """

    quick: bool
    say: Callable[[str], None]
    picture: Path | None = None
    free_threaded: Path | None = None


def take_turns(
    kinds: Mapping[str, Callable[[], T]], rounds: int, *, after_round: Callable[[], None] = lambda: None
) -> dict[str, list[T]]:
    """Runs every kind once per round. Each round begins with another kind, so that the first one changes."""
    results: dict[str, list[T]] = {name: [] for name in kinds}
    names = list(kinds)
    for turn in range(rounds):
        for step in range(len(names)):
            name = names[(turn + step) % len(names)]
            results[name].append(kinds[name]())
        after_round()
    return results


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Spent(NamedTuple):
    """The cost of a piece of work: seconds on the clock, and seconds of processor time of all threads."""

    wall: float
    cpu: float


def spent(work: Callable[[], object]) -> Spent:
    """The wall time and the processor time that `work` took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


class Counter(threading.Thread):
    """A Python thread that counts as fast as it can, so it needs the GIL all the time."""

    def __init__(self) -> None:
        super().__init__(name="lab-counter", daemon=True)
        self.count = 0
        self._ended = False

    def run(self) -> None:
        """Counts until end() is called."""
        while not self._ended:
            self.count += 1

    def end(self) -> None:
        """Ends the thread and waits for it."""
        self._ended = True
        self.join()


@contextmanager
def counting(threads: int = 1) -> Iterator[list[Counter]]:
    """Runs this number of counting Python threads beside the body, which begins when all of them count."""
    counters: list[Counter] = []
    try:
        for _ in range(threads):
            counters.append(Counter())
            counters[-1].start()
        for counter in counters:
            while not counter.count:
                time.sleep(1e-4)
        yield counters
    finally:
        for counter in counters:
            counter.end()


@contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """Sets the switch interval of Python within the block."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
