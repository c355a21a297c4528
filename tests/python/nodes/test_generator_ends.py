"""Generators as nodes: how they end, by exceptions, wrong results and stops."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import inspect
import threading
import time
from collections.abc import Callable, Generator, Iterator
from types import GeneratorType
from typing import Any

import pytest
from support import Collect, Count, Gate, Push, check_books, run_node, until

import freshframe as ff


def twice(value: int) -> Iterator[int]:
    yield 2 * value
    yield 2 * value + 1


# --- exceptions ---------------------------------------------------------------------------------------------


def test_results_before_an_exception_are_delivered_and_the_sample_is_an_error() -> None:
    def breaks(value: int) -> Iterator[int]:
        yield value
        if value == 1:
            raise ValueError("odd")
        yield value

    source = Push(live=False)
    source.push(0, 1, 2)
    source.end()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(breaks, pipeline.add(source), on_error="skip", name="breaks"))
    with pipeline:
        assert [s.value for s in reader] == [0, 0, 1, 2, 2]
    stats = pipeline.stats().nodes["breaks"]
    assert (stats.processed, stats.drops) == (3, {"error": 1})


class GoesBack(ff.Node[int, int]):
    """The second sample's result has the stamp of the first one, after the result of its own."""

    def __init__(self, when_closed: Callable[[], None]) -> None:
        self.when_closed = when_closed
        # Keeps the generators, as a debugger may, so that reference counting does not end them.
        self.kept: list[Any] = []

    def process(self, sample: ff.Sample[int], /) -> Iterator[int]:
        frame = inspect.currentframe()
        self.kept += [
            each for each in gc.get_objects() if type(each) is GeneratorType and each.gi_frame is frame
        ]
        try:
            yield sample.value
            if sample.seq == 0:
                self.first = sample.stamp
            else:
                yield ff.stamped(0, like=self.first)
        finally:
            if sample.seq == 1:
                self.when_closed()


@pytest.mark.slow
def test_an_invalid_result_closes_the_generator_at_once_on_its_own_thread() -> None:
    closed: list[str] = []
    node = GoesBack(lambda: closed.append(threading.current_thread().name))
    source = Push()
    pipeline = ff.Pipeline()
    port = pipeline.add(node, pipeline.add(source), name="node", on_error="skip", queue=ff.Queue(2))
    pipeline.reader(port)
    with pipeline:
        source.push(1, 2)
        until(lambda: pipeline.stats().nodes["node"].errors == 1, "the error")
        assert closed == ["node"]
    assert len(node.kept) == 2
    with pytest.raises(ff.NodeError, match="the stamp of sample 0 after one of sample 1") as raised:
        run_node(GoesBack(lambda: None), [0, 1])
    assert raised.value.seq == 1


@pytest.mark.slow
def test_a_sample_is_one_error_though_its_generators_finally_fails_too() -> None:
    def fail() -> None:
        raise ValueError("in finally")

    pipeline = ff.Pipeline()
    pipeline.reader(
        pipeline.add(GoesBack(fail), pipeline.add(Count(2)), name="node", on_error="skip"),
        queue=ff.Queue(10),
    )
    pipeline.run()
    stats = pipeline.stats().nodes["node"]
    assert (stats.processed, stats.errors, stats.drops) == (2, 1, {"error": 1})
    assert "in finally" in str(stats.last_error)
    with pytest.raises(ff.NodeError, match="in finally") as raised:
        run_node(GoesBack(fail), [0, 0])
    assert raised.value.__cause__ is not None
    assert "after one of sample 1" in str(raised.value.__cause__.__context__)


def test_an_exception_of_finally_is_the_nodes_error() -> None:
    def bad(value: int) -> Iterator[int]:
        try:
            yield value
        finally:
            raise ValueError("in finally")

    with pytest.raises(ff.NodeError, match="in finally"):
        run_node(bad, [1])


def test_a_yield_in_finally_is_an_error_and_no_hang() -> None:
    gate = Gate()

    def bad(value: int) -> Iterator[int]:
        try:
            while True:
                yield value
        finally:
            yield 2

    pipeline = ff.Pipeline()
    node = pipeline.add(bad, pipeline.add(Count(1)), name="bad")
    pipeline.add(Collect(gate), node)
    pipeline.start()
    until(lambda: pipeline.stats().nodes["bad"].state == "blocked", "a full edge")
    threading.Thread(target=gate.open).start()
    pipeline.stop()
    with pytest.raises(ff.NodeError, match="generator ignored GeneratorExit"):
        pipeline.wait()


def test_a_generator_that_returns_a_value_is_an_error() -> None:
    def mixed(value: int) -> Generator[int, None, list[int]]:
        yield value
        return [value]

    with pytest.raises(ff.NodeError, match=r"but it returned \[1\], which would be lost"):
        run_node(mixed, [1])


def test_a_plain_function_that_returns_a_generator_is_an_error_that_names_the_cure() -> None:
    with pytest.raises(ff.NodeError, match="use yield, or yield from, in the body"):
        run_node(lambda value: twice(value), [1])  # noqa: PLW0108  (a lambda is no generator function)


def test_a_batch_takes_no_generator() -> None:
    class Batched(ff.Node[int, int]):
        def process_batch(self, samples: list[ff.Sample[int]], /) -> Any:
            yield 1

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    with pytest.raises(ff.GraphError, match=": return a list with one result per sample"):
        pipeline.add(Batched(), source, batch=ff.Batch(2))
    with pytest.raises(ff.GraphError, match="is a generator function, which batch= does not allow"):
        pipeline.add(twice, source, batch=ff.Batch(2))  # type: ignore[arg-type]


def test_an_async_generator_is_no_node() -> None:
    async def wrong(value: int) -> Any:
        yield value

    pipeline = ff.Pipeline()
    with pytest.raises(ff.GraphError, match="is a coroutine function"):
        pipeline.add(wrong, pipeline.add(Count(1)))


# --- stops --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("where", ["blocked", "sleeping", "finally"])
def test_a_stop_during_a_generator_runs_its_finally_once_on_the_nodes_thread(where: str) -> None:
    for _ in range(70):
        ended: list[str] = []
        there = threading.Event()
        gate = Gate()

        def node(value: int, ended: list[str] = ended, there: threading.Event = there) -> Iterator[int]:
            try:
                for number in range(1_000_000):
                    yield number
                    if where == "finally" and number == 3:
                        return
                    if where == "sleeping":
                        there.set()
                        time.sleep(0.001)
            finally:
                if where == "finally":
                    there.set()
                    time.sleep(0.001)
                ended.append(threading.current_thread().name)

        pipeline = ff.Pipeline()
        port = pipeline.add(node, pipeline.add(Count(1)), name="node")
        sink = Collect(gate if where == "blocked" else None)
        pipeline.add(sink, port, name="sink", queue=ff.LATEST if where == "sleeping" else None)
        pipeline.start()
        if where == "blocked":
            until(lambda: pipeline.stats().nodes["node"].state == "blocked", "a full edge")  # noqa: B023
            gate.open()
        else:
            assert there.wait(100)
        pipeline.stop()
        assert ended == ["node"]
        check_books(pipeline)
