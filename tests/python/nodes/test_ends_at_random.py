"""Stops and kills of workers at random moments, with joins and nodes of several results: 20 or 1,000."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support import Count, Ticker, check_books, until

import freshframe as ff

TIMES = pytest.mark.parametrize(
    "times", [20, pytest.param(1000, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
RESULTS = 100  # results of a call


class Several(ff.Node[Any, int]):
    """Records which calls start and end, and on which thread."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def process(self, sample: ff.Sample[Any], /) -> Iterator[int]:
        self.calls.append("begin")
        try:
            yield from range(RESULTS)
        finally:
            self.calls.append("end")
            self.thread = threading.current_thread().name

    def finish(self) -> Iterator[int]:
        self.calls.append("finish")
        yield -1

    def close(self) -> None:
        self.calls.append("close")


def wait_for(pause: float, value: int) -> None:
    time.sleep(pause)


class Numbered(ff.Node[Any, int]):
    def process(self, sample: ff.Sample[Any], /) -> Iterator[int]:
        yield from range(RESULTS)


@TIMES
def test_a_join_and_a_generator_that_are_stopped_at_any_moment_end_in_order(times: int) -> None:
    chance = random.Random(times)
    slowest = 0.0
    for number in range(times):
        node = Several()
        pipeline = ff.Pipeline()
        left, right = (pipeline.add(Ticker(chance.choice([0.0005, 0.002])), name=name) for name in "lr")
        wait = chance.choice([0.001, 0.02])
        pairs = pipeline.add(
            lambda one, other: one,
            (left, right),
            join=ff.Join(within=0.002, max_wait=wait, partial=chance.random() < 0.5),
        )
        several = pipeline.add(node, pairs, name="several")
        pause = chance.choice([0, 0.0005])  # its full queue blocks the generator
        pipeline.add(functools.partial(wait_for, pause), several)
        pipeline.start()
        time.sleep(chance.uniform(0, 0.03))
        began = time.monotonic()
        pipeline.stop()
        slowest = max(slowest, time.monotonic() - began)
        pairs_of_calls = list(zip(node.calls[::2], node.calls[1::2], strict=True))
        assert pairs_of_calls == [("begin", "end")] * (len(node.calls) // 2 - 1) + [("finish", "close")], (
            number
        )
        if len(node.calls) > 2:
            assert node.thread == "several"
        check_books(pipeline)
    print(f"{times} stops, the slowest took {1e3 * slowest:.0f} ms")


@pytest.mark.slow
@TIMES
def test_a_worker_that_is_killed_at_any_moment_has_given_all_results_of_a_call_or_none(times: int) -> None:
    chance = random.Random(times)
    pipeline = ff.Pipeline()
    options = ff.Process(max_restarts=2 * times)
    port = pipeline.add(Numbered(), pipeline.add(Count()), name="node", process=options)
    reader = pipeline.reader(port, queue=ff.Queue(100_000, "block"))
    seen: Counter[int] = Counter()
    killed: set[int] = set()
    over = threading.Event()

    def read() -> None:
        for sample in reader:
            assert sample.part == seen[sample.seq]
            seen[sample.seq] += 1
        over.set()

    with pipeline:
        thread = threading.Thread(target=read)
        thread.start()
        for _ in range(times):
            pid = until_one_works(pipeline, killed)
            time.sleep(chance.uniform(0, 0.01))
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
        until_one_works(pipeline, killed)
        pipeline.stop()
        assert over.wait(60)
        thread.join()
    last = max(seen)
    assert {count for seq, count in seen.items() if seq < last} == {RESULTS}
    drops = pipeline.stats().nodes["node"].drops
    assert 0 < drops["worker"] <= times
    check_books(pipeline)


def worker(pipeline: ff.Pipeline) -> ff.stats.WorkerStats:
    (one,) = pipeline.stats().nodes["node"].workers
    return one


def until_one_works(pipeline: ff.Pipeline, killed: set[int]) -> int:
    """Returns the PID of the next worker that has finished a sample and is working on others."""

    while not (one := worker(pipeline)).pid or one.pid in killed:
        until(lambda: worker(pipeline).pid not in killed | {0}, "the next worker")
    until(lambda: worker(pipeline).processed > one.processed, "a sample of it")
    return one.pid  # never 0, which would mean this process group
