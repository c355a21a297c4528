"""A rejected or failed result of a worker does not affect its later results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rigs.process import second_calls as calls
from rigs.process.remains import nothing_is_left  # noqa: F401  (a fixture)
from support import WATCHDOG, Push, edge, until

import freshframe as ff

MEMORY = 256 * calls.MEBIBYTE


def summary(value: Any) -> Any:
    """Returns the value, or the size of an array in mebibytes."""
    return value if isinstance(value, str) else len(value) // calls.MEBIBYTE


def run(
    node: Any, given: list[Any], good: int, restarts: int = 3, **options: Any
) -> tuple[list[Any], ff.stats.NodeStats]:
    """Returns the `good` results and the counters of the node, which must balance."""
    pipeline = ff.Pipeline()
    source = Push(live=False)
    process = ff.Process(max_bytes=MEMORY, max_restarts=restarts)
    port = pipeline.add(
        node, pipeline.add(source, name="source"), name="node", on_error="skip", process=process, **options
    )
    reader = pipeline.reader(port)
    with pipeline:
        source.push(*given)
        found = [summary(reader.get(WATCHDOG).value) for _ in range(good)]
        source.end()
        found += [summary(sample.value) for sample in reader]
        assert pipeline.wait(WATCHDOG)
        stats = pipeline.stats().nodes["node"]
        taken = edge(pipeline, "node").delivered
        assert taken == stats.processed + sum(stats.drops.values()) == len(given), stats
        # All of it can be printed, whatever the exceptions contain.
        (stats.last_error or "").encode()
        assert repr(pipeline.stats())
        assert str(pipeline.why())
    return found, stats


@pytest.mark.slow
@pytest.mark.parametrize("node", [calls.answer, calls.several])
def test_results_after_each_fault_are_as_if_it_had_not_been(node: Callable[[Any], Any]) -> None:
    given: list[Any] = ["begin", 4]
    wanted: list[Any] = ["begin", 4]
    for fault in calls.FAULTS:
        given += [fault, 3, fault, "small", 2]
        wanted += [3, "small", 2]
    found, stats = run(node, given, len(wanted))
    assert found == wanted
    assert (stats.errors, stats.drops) == (2 * len(calls.FAULTS), {"error": 2 * len(calls.FAULTS)})
    assert stats.workers[0].restarts == 0, "no fault of a result ends the worker"


@pytest.mark.slow
def test_a_death_ends_one_sample_and_no_more() -> None:
    given: list[Any] = [4]
    for fault in calls.DEATHS:
        given += [fault, 3, "small"]
    found, stats = run(calls.answer, given, 5, restarts=10)
    assert found == [4, 3, "small", 3, "small"]
    assert stats.drops == {"worker": 2}


@pytest.mark.slow
def test_results_of_a_batch_are_lost_alone() -> None:
    given = [4, "no pickle", "small", 3, "too large", 2, 1, "end"]
    found, stats = run(calls.in_batches, given, 6, batch=ff.Batch(4))
    assert found == [4, "small", 3, 2, 1, "end"]
    assert stats.drops == {"error": 2}


@pytest.mark.slow
def test_a_result_that_cannot_be_opened_here_is_an_error_and_not_the_end_of_the_worker() -> None:
    pipeline = ff.Pipeline()
    source = Push(live=False)
    made = pipeline.add(calls.boxes, pipeline.add(source), name="node", on_error="skip", process=True)
    tracks = pipeline.add(ff.BoxTracker(), made)
    reader = pipeline.reader(tracks)
    with pipeline:
        source.push(1, "unopenable", 2, "wrong type", 3)
        source.end()
        assert [len(sample.value) for sample in reader] == [1, 2, 3]
        assert pipeline.wait(WATCHDOG)
        stats = pipeline.stats().nodes["node"]
    assert (stats.processed, stats.errors, stats.drops) == (3, 2, {"error": 2})
    assert stats.workers[0].restarts == 0


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("fault", ["too large", "raises a long text", "dies"])
def test_a_node_that_goes_after_an_error_keeps_the_books(fault: str) -> None:
    pipeline = ff.Pipeline()
    source = Push()
    given = pipeline.add(source, name="source")
    process = ff.Process(max_bytes=MEMORY, max_restarts=0)
    pipeline.add(calls.answer, given, name="node", on_error="remove", process=process, queue=ff.Queue(8))
    reader = pipeline.reader(given, queue=ff.Queue(8))
    with pipeline:
        source.push("first", 3, fault, "last")
        until(lambda: set(pipeline.stats().nodes) == {"source"}, "the node has gone")
        source.push("later")
        assert [reader.get(WATCHDOG).value for _ in range(5)] == ["first", 3, fault, "last", "later"]
        removed = pipeline.stats().removed
        assert removed.passed_in == removed.delivered + removed.dropped
        assert removed.delivered == removed.processed + sum(removed.node_drops.values())
        source.end()
        assert pipeline.wait(WATCHDOG)
