"""Calls that are thread-safe: several threads start them at a barrier, with the shortest switch interval."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Collect, Count, Gate, Pictures, Push, at_once, open_dashboard, until

import freshframe as ff

THREADS = 6
ROUNDS = 30


@pytest.fixture(autouse=True)
def shortest_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def refused(results: list[Any], kind: type[Exception]) -> list[Exception]:
    return [each for each in results if isinstance(each, kind)]


# --- made once


def samples(source: ff.Source[Any], *nodes: Any, count: int = ROUNDS) -> list[ff.Sample[Any]]:
    with ff.stream(source, *nodes) as stream:
        return [sample for sample, _ in zip(stream, range(count), strict=False)]


@pytest.mark.parametrize("kind", ["circles", "object", "frame"])
def test_value_and_frame_of_a_sample_are_made_once_under_a_race(kind: str) -> None:
    if kind == "circles":
        found = samples(ff.open(f"demo:circles?pace=0&frames={ROUNDS}&size=320x240"), ff.CircleDetector())
    elif kind == "object":
        found = samples(Count(ROUNDS), lambda number: {"number": number})
    else:
        found = samples(Pictures(ROUNDS))
    assert len(found) == ROUNDS
    names = ("value",) if kind == "object" else ("value", "frame")
    for sample in found:
        values = at_once(*[lambda sample=sample: [getattr(sample, name) for name in names]] * THREADS)
        assert len({tuple(id(each) for each in row) for row in values}) == 1, values
        assert sample.value is values[0][0]


@pytest.mark.parametrize("name", ["bgr", "rgb", "luma", "array"])
def test_a_frame_is_converted_once_under_a_race(name: str) -> None:
    for sample in samples(ff.open("demo:circles?pace=0&frames=5&size=320x240"), count=5):
        frame = sample.frame
        arrays = at_once(*[lambda frame=frame: getattr(frame, name)] * THREADS)
        assert len({array.ctypes.data for array in arrays}) == 1
        for array in arrays:
            np.testing.assert_array_equal(array, arrays[0])


# --- one thread at a time in a reader


@pytest.mark.parametrize("verb", ["get", "poll"])
def test_the_turn_with_a_reader_lasts_for_the_whole_of_get(verb: str) -> None:
    source = Push()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    got: list[Any] = []

    def wait() -> None:
        while not got:
            with contextlib.suppress(ff.StateError):  # the main thread was first
                got.append(reader.get(WATCHDOG).value)

    with pipeline:
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: isinstance(_outcome(reader, verb), ff.StateError) or got, "the first reader's turn")
        deadline = (
            time.monotonic() + 0.2
        )  # get() waits in slices of 0.05 s, whose ends do not let another thread in
        while time.monotonic() < deadline:
            outcome = _outcome(reader, verb)
            assert isinstance(outcome, ff.StateError), outcome
            assert "is used by two threads at the same time: give each thread its own reader" in str(outcome)
        source.push("sample")
        thread.join(WATCHDOG)
    assert got == ["sample"]


def _outcome(reader: ff.Reader[Any], verb: str) -> Any:
    try:
        return getattr(reader, verb)(*([0.0] if verb == "get" else []))
    except ff.FreshframeError as error:
        return error


def test_a_reader_gives_each_sample_once_to_threads_that_fight_for_it() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(400)))

    def read() -> list[int]:
        mine: list[int] = []
        while True:
            try:
                sample = reader.poll()
            except ff.StateError:
                continue
            except ff.EndOfStreamError:
                return mine
            if sample is not None:
                mine.append(sample.value)

    with pipeline:
        parts = at_once(*[read] * 3)
    assert sorted(number for part in parts for number in part) == list(range(400))


def test_a_finaliser_on_the_same_thread_may_use_the_reader_too() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(3)))
    seen: list[Any] = []

    class Curious:
        def __del__(self) -> None:
            seen.append(reader.poll())

    with pipeline:
        first = reader.get()
        del first
        Curious()
        assert reader.get() is not None
    assert seen


# --- life, from anywhere


def test_of_many_starts_one_starts() -> None:
    for _ in range(ROUNDS // 3):
        pipeline = ff.Pipeline()
        sink = Collect()
        pipeline.add(sink, pipeline.add(Count(5)))
        results = at_once(*[pipeline.start] * THREADS)
        assert len(refused(results, ff.StateError)) == THREADS - 1, results
        assert pipeline.wait(WATCHDOG)
        assert [value for _, value in sink.seen] == list(range(5))


def test_stats_stop_close_and_serve_from_anywhere() -> None:
    for _ in range(4):
        pipeline = ff.Pipeline()
        port = pipeline.add(lambda value: value, pipeline.add(Count(live=True)))
        reader = pipeline.reader(port)
        pipeline.start()

        def look(pipeline: ff.Pipeline = pipeline) -> None:
            for _ in range(50):
                stats = pipeline.stats()
                assert all(e.passed_in == e.delivered + e.dropped + e.waiting for e in stats.edges)
                str(pipeline)

        def served(pipeline: ff.Pipeline = pipeline) -> ff.types.Dashboard:
            return pipeline.serve()

        results = at_once(look, look, served, served, served, reader.close)
        boards = results[2:5]
        assert results == [None, None, boards[0], boards[0], boards[0], None]
        close = boards[0].close
        results = at_once(look, pipeline.stop, pipeline.stop, ff.Pipeline.stop_all, close, close, look)
        assert results == [None] * 7
        assert boards[0].closed


def test_serve_and_close_side_by_side_leave_one_dashboard_or_none() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Count(1))

    def close() -> None:
        if (dashboard := open_dashboard(pipeline)) is not None:
            dashboard.close()

    for _ in range(10):
        boards = at_once(pipeline.serve, pipeline.serve, close, close)
        assert not [each for each in boards if isinstance(each, Exception)], boards
        close()


@pytest.mark.slow
def test_a_node_goes_into_one_pipeline_though_two_threads_add_it() -> None:
    for _ in range(ROUNDS):
        for make in (Collect, ff.CircleTracker):
            node = make()
            pairs = []
            for _ in range(THREADS):
                pipeline = ff.Pipeline()
                source: Any = Count(1) if make is Collect else ff.open("demo:circles?frames=1")
                pairs.append((pipeline, pipeline.add(source)))
            results = at_once(*[functools.partial(pipeline.add, node, port) for pipeline, port in pairs])
            assert len(refused(results, ff.GraphError)) == THREADS - 1, results


def test_add_beside_start_is_there_or_refused() -> None:
    for _ in range(ROUNDS):
        pipeline = ff.Pipeline()
        port = pipeline.add(Count(3))
        sink = Collect()
        _, added = at_once(pipeline.start, functools.partial(pipeline.add, sink, port))
        assert pipeline.wait(WATCHDOG)
        if isinstance(added, ff.Port):
            # All of them, or a contiguous rest if it was added after the start.
            seqs = [seq for seq, _ in sink.seen]
            assert seqs == [0, 1, 2][3 - len(seqs) :]
        else:
            assert isinstance(added, ff.StateError)
            assert sink.seen == []


# --- the garbage collector, and objects that are freed late -------------------------------------------------


def _listed(value: int) -> list[Any]:
    return [value]


@pytest.fixture
def small_heap() -> Iterator[None]:
    """Excludes objects of earlier tests from garbage collection."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.usefixtures("small_heap")
def test_the_collector_runs_beside_pipelines_that_live_fail_and_die(pipelines: list[ff.Pipeline]) -> None:
    done = threading.Event()

    def collect() -> int:
        count = 0
        while not done.wait(1e-3):  # without a pause, 3.15 without a GIL hardly lets another thread run
            gc.collect()
            count += 1
        return count

    def fail(value: int) -> None:
        if value == 3:
            raise ValueError("on purpose")

    def live() -> int:
        errors = 0
        for _ in range(8):
            pipeline = ff.Pipeline()
            pipeline.add(fail, pipeline.add(Count(6)))
            reader = pipeline.reader(pipeline.add(_listed, pipeline.add(Count(6))))
            try:
                with pipeline:
                    for sample in reader:
                        cycle: list[Any] = [sample, sample.value]
                        cycle.append(cycle)
                    pipeline.wait(WATCHDOG)
            except ff.NodeError:
                errors += 1
            pipelines.clear()
        return errors

    def both() -> list[int]:
        try:
            return [live() for _ in range(2)]
        finally:
            done.set()

    collections, *errors = at_once(collect, both, live)
    assert collections > 0
    assert errors == [[8, 8], 8]


def test_what_native_threads_let_go_is_freed_by_any_thread() -> None:
    class Value:
        pass

    alive: weakref.WeakSet[Value] = weakref.WeakSet()
    freed_by: set[int] = set()
    gate = Gate()
    source = Push()
    pipeline = ff.Pipeline()
    node = Collect(gate)
    node.seen = Forgets()
    pipeline.add(node, pipeline.add(source), queue=ff.LATEST)
    with pipeline:
        for _ in range(200):
            value = Value()
            alive.add(value)
            weakref.finalize(value, lambda: freed_by.add(threading.get_ident()))
            source.push(value)
            del value
        gate.open()
        until(lambda: not source._items.qsize(), "the source to emit all")

    def look() -> bool:
        pipeline.stats()
        ff.Pipeline()  # any call into the library
        return not alive

    until(look, "the end of the dropped values")
    assert freed_by


class Forgets(list[Any]):
    """A list that does not store anything."""

    def append(self, _: Any) -> None:
        pass
