"""Compares a chain of Python nodes with a chain of Python threads and queue.Queue.

Every step returns its argument. Bursts measure samples per second, which are limited by the slowest link. In
paced runs, 200 samples per second are created, and the microseconds to the end of the chain are measured. All
queues block, and have the default depth downstream of a file.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from _measure import Result, Row, arguments, median, quantile, spread, take_turns

import freshframe as ff

DEPTH = 8
LENGTHS = (1, 2, 5, 10)
HERTZ = 200.0
RATIO_GOAL = 1.2
PACED_LENGTHS = (1, 5)


@dataclass(frozen=True)
class Run:
    """One run of a chain."""

    per_second: float
    cpu_us: float  # CPU time of the process per sample and hop
    late: list[float]  # microseconds from the creation of a sample to the end of the chain, if paced


def same(value: Any) -> Any:
    """A step of the chain."""
    return value


def births(samples: int, hertz: float) -> Iterator[float]:
    """Yields the times at which samples are created. `hertz`: 0 for as fast as they are consumed."""
    began = time.monotonic()
    for number in range(samples):
        if hertz > 0:
            time.sleep(max(0.0, began + number / hertz - time.monotonic()))
        yield time.monotonic()


class Births(ff.Source[float]):
    """births() as a source."""

    live = False

    def __init__(self, samples: int, hertz: float) -> None:
        """See births()."""
        self.samples = samples
        self.hertz = hertz

    def read(self) -> Iterator[tuple[float, float]]:
        """Yields the samples."""
        for birth in births(self.samples, self.hertz):
            yield birth, 0.0


def measured(samples: int, length: int, values: Iterator[float]) -> Run:
    """Consumes all values at the end of a running chain."""
    cpu, began = time.process_time(), time.perf_counter()
    late = [1e6 * (time.monotonic() - birth) for birth in values]
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert len(late) == samples
    return Run(samples / seconds, 1e6 * cpu / samples / (length + 1), late[samples // 20 :])


def nodes(length: int, samples: int, hertz: float = 0) -> Run:
    """Runs a chain of nodes of a pipeline."""
    pipeline = ff.Pipeline()
    port: Any = pipeline.add(Births(samples, hertz))
    for _ in range(length):
        port = pipeline.add(same, port)
    reader = pipeline.reader(port)
    with pipeline:
        return measured(samples, length, (sample.value for sample in reader))


def threads(length: int, samples: int, hertz: float = 0) -> Run:
    """Runs a chain of threads with bounded queues."""
    queues: list[queue.Queue[float | None]] = [queue.Queue(DEPTH) for _ in range(length + 1)]

    def first() -> None:
        for birth in births(samples, hertz):
            queues[0].put(birth)
        queues[0].put(None)

    def step(number: int) -> None:
        while (value := queues[number].get()) is not None:
            queues[number + 1].put(same(value))
        queues[number + 1].put(None)

    started = [threading.Thread(target=step, args=(number,)) for number in range(length)]
    started.append(threading.Thread(target=first))
    for thread in started:
        thread.start()
    last = queues[length]
    run = measured(samples, length, iter(last.get, None))
    for thread in started:
        thread.join()
    return run


def turns(length: int, samples: int, rounds: int, hertz: float = 0) -> dict[str, list[Run]]:
    """Runs all kinds alternately."""
    kinds: dict[str, Callable[[], Run]] = {
        "threads": lambda: threads(length, samples, hertz),
        "threads again": lambda: threads(length, samples, hertz),
        "nodes": lambda: nodes(length, samples, hertz),
    }
    return take_turns(kinds, rounds)


def burst(length: int, samples: int, rounds: int) -> Row:
    """Returns a row with the samples per second."""
    runs = turns(length, samples, rounds)
    rates = {name: [run.per_second for run in kind] for name, kind in runs.items()}
    theirs = rates["threads"] + rates["threads again"]
    figures = {
        "per_s": round(median(rates["nodes"])),
        "worst_per_s": round(min(rates["nodes"])),
        "threads_per_s": round(median(theirs)),
        "cpu_us_per_hop": median([run.cpu_us for run in runs["nodes"]]),
        "threads_cpu_us_per_hop": median([run.cpu_us for run in runs["threads"] + runs["threads again"]]),
    }
    return Row(
        f"burst through {length}: samples per second against threads",
        figures,
        median(rates["nodes"]) / median(theirs),
        RATIO_GOAL if length == max(LENGTHS) else None,
        at_least=True,
        spread=spread(rates["threads"], rates["threads again"]),
    )


def paced(length: int, samples: int, rounds: int) -> Row:
    """Returns a row with the microseconds from creation to the end of the chain."""
    runs = turns(length, samples, rounds, HERTZ)
    late = {name: [time for run in kind for time in run.late] for name, kind in runs.items()}
    theirs = late["threads"] + late["threads again"]
    figures = {
        "p50_us": quantile(late["nodes"], 0.5),
        "p99_us": quantile(late["nodes"], 0.99),
        "threads_p50_us": quantile(theirs, 0.5),
        "threads_p99_us": quantile(theirs, 0.99),
        "cpu_us_per_hop": median([run.cpu_us for run in runs["nodes"]]),
        "threads_cpu_us_per_hop": median([run.cpu_us for run in runs["threads"] + runs["threads again"]]),
    }
    return Row(
        f"paced through {length}, {HERTZ:g} Hz: against threads",
        figures,
        figures["p50_us"] / figures["threads_p50_us"],
        spread=spread(late["threads"], late["threads again"]),
    )


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "python_chain", rounds=7, samples=6000)
    result = Result(
        "python_chain",
        "Python nodes in a row",
        {"rounds": options.rounds, "samples": options.samples, "depth": DEPTH},
    )
    for length in LENGTHS:
        result.add(burst(length, options.samples, options.rounds))
    for length in PACED_LENGTHS:
        result.add(paced(length, options.samples // 30, options.rounds))
    result.keep(options.out)


if __name__ == "__main__":
    main()
