"""What a result of a generator costs beside the same generator in a plain loop.

The results go into a queue that is deep enough for all of them, so no thread waits and the GIL stays where it
is. The node ends when all of them are there. Nodes that return one result per sample are in python_chain.py.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator

from _measure import Result, Row, arguments, median, spread, take_turns

import freshframe as ff

GOAL_US = 0.3  # per result, beyond the plain loop
PER_SAMPLE = 1000


class Samples(ff.Source[int]):
    """The numbers 0, 1, ..."""

    live = False

    def __init__(self, count: int) -> None:
        """As many as ``count``."""
        self.count = count

    def read(self) -> Iterator[tuple[int, float]]:
        """Yields them."""
        for number in range(self.count):
            yield number, 0.0


def many(value: int) -> Iterator[int]:
    """The results of one sample."""
    for number in range(PER_SAMPLE):
        yield value + number


def plain(samples: int) -> float:
    """Microseconds per result of a loop that keeps the results."""
    kept: collections.deque[int] = collections.deque()
    began = time.perf_counter()
    for value in range(samples):
        for result in many(value):
            kept.append(result)
    return 1e6 * (time.perf_counter() - began) / len(kept)


def node(samples: int) -> float:
    """The same of a node."""
    pipeline = ff.Pipeline()
    port = pipeline.add(many, pipeline.add(Samples(samples)), name="many")
    pipeline.reader(port, queue=ff.Queue(samples * PER_SAMPLE, "block"))
    began = time.perf_counter()
    with pipeline:
        while pipeline.stats().nodes["many"].state != "ended":
            time.sleep(0.002)
        return 1e6 * (time.perf_counter() - began) / (samples * PER_SAMPLE)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "several_results", rounds=7, samples=200)
    result = Result(
        "several_results",
        "results of a generator",
        {"rounds": options.rounds, "samples": options.samples, "per_sample": PER_SAMPLE},
    )
    kinds: dict[str, Callable[[], float]] = {
        "plain": lambda: plain(options.samples),
        "plain again": lambda: plain(options.samples),
        "node": lambda: node(options.samples),
    }
    runs = take_turns(kinds, options.rounds)
    theirs = median(runs["plain"] + runs["plain again"])
    result.add(
        Row(
            "a generator's result: µs beyond a plain loop",
            {"us": median(runs["node"]), "plain_us": theirs, "worst_us": max(runs["node"])},
            median(runs["node"]) - theirs,
            GOAL_US,
            spread=spread(runs["plain"], runs["plain again"]),
            scale=theirs,
        )
    )
    result.keep(options.out)


if __name__ == "__main__":
    main()
