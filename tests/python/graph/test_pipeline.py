"""Building, starting, waiting, stopping: what a pipeline does as a whole."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from typing import Any

import pytest
from support import Collect, Count, Gate, Push, Ticker, edge, until

import freshframe as ff


def double(value: int) -> int:
    return 2 * value


# --- names and ports ----------------------------------------------------------------------------------------


def test_add_returns_a_port_with_a_name_and_its_node() -> None:
    pipeline, node = ff.Pipeline(), Count(1)
    port = pipeline.add(node)
    assert isinstance(port, ff.Port)
    assert port.name == "Count"
    assert port.node is node


def test_names_default_to_the_class_or_function_name_and_count_up_when_taken() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    names = [pipeline.add(node, source).name for node in (double, double, lambda value: value, Collect())]
    assert names == ["double", "double_2", "lambda", "Collect"]
    assert pipeline.add(Count(1)).name == "Count_2"
    assert pipeline.add(ff.testing.MockCamera(ff.Frame.from_array(_square(), "gray"))).name == "MockCamera"
    assert pipeline.add(ff.open("demo:circles")).name == "VideoSource"


def _square() -> Any:
    import numpy as np  # noqa: PLC0415

    return np.zeros((8, 8), np.uint8)


def test_a_refused_add_leaves_the_pipeline_usable() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(3))
    with pytest.raises(ff.GraphError):
        pipeline.add(double, source, queue=ff.NEXT, name="Count")
    reader = pipeline.reader(pipeline.add(double, source))
    with pipeline:
        assert [sample.value for sample in reader] == [0, 2, 4]


# --- starting and ending ------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_started", [True, False])
def test_with_starts_a_pipeline_that_is_not_started(is_started: bool) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(3)))
    if is_started:
        pipeline.start()
    with pipeline as started:
        assert started is pipeline
        assert len(list(reader)) == 3


def test_a_pipeline_may_also_derive_from_a_class_with_a_metaclass() -> None:
    class Meta(type):  # as Qt's
        pass

    class Other(metaclass=Meta):
        pass

    class Both(ff.Pipeline, Other):
        pass

    assert Both("both").name == "both"


def test_leaving_with_stops_the_pipeline() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Ticker()))
    with pipeline:
        assert pipeline.wait(timeout=0) is False
    assert pipeline.wait(timeout=0) is True
    assert pipeline.stats().nodes["Ticker"].state == "ended"


def test_wait_is_true_at_the_end_and_false_when_time_runs_out() -> None:
    pipeline, source = ff.Pipeline(), Push(live=False)
    pipeline.add(Collect(), pipeline.add(source))
    with pipeline:
        assert pipeline.wait(timeout=0.01) is False
        source.end()
        assert pipeline.wait() is True
        assert pipeline.wait(timeout=0) is True


def test_run_starts_drains_and_stops() -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    pipeline.add(collect, pipeline.add(double, pipeline.add(Count(100))))
    report = pipeline.run()
    assert collect.seen == [(n, 2 * n) for n in range(100)]
    assert report.complete
    assert report.samples == 100
    assert report.elapsed > 0
    assert report.nodes["double"].state == "ended"


def test_run_goes_on_with_a_pipeline_that_runs() -> None:
    pipeline, source, collect = ff.Pipeline(), Push(live=False), Collect()
    pipeline.add(collect, pipeline.add(source))
    pipeline.start()
    source.push(*range(5))
    source.end()
    assert pipeline.run().complete
    assert len(collect.seen) == 5


def test_run_raises_the_error_of_a_node() -> None:
    def boom(_: object) -> None:
        raise ZeroDivisionError("in run")

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(3)))
    with pytest.raises(ff.NodeError, match="in run"):
        pipeline.run()
    assert not threading.current_thread().daemon
    assert pipeline.stats().nodes["boom"].state == "failed"


def test_a_run_that_dropped_is_not_complete() -> None:
    pipeline = ff.Pipeline()
    gate = Gate()
    pipeline.add(Collect(gate), pipeline.add(Count(50)), queue=ff.LATEST)
    pipeline.start()
    until(lambda: edge(pipeline, "Collect").dropped, "a drop")
    gate.open()
    assert not pipeline.run().complete


def test_stop_from_a_nodes_own_thread_only_requests() -> None:
    pipeline = ff.Pipeline()
    returned = []

    def enough(value: int) -> int:
        if value == 3:
            pipeline.stop()
            returned.append(True)
        return value

    pipeline.add(enough, pipeline.add(Ticker()))
    pipeline.run()
    assert returned == [True]


def test_stop_names_the_nodes_that_are_still_busy_and_can_be_repeated() -> None:
    pipeline, source, gate = ff.Pipeline(), Push(), Gate()
    pipeline.add(Collect(gate), pipeline.add(source), name="stuck")
    pipeline.start()
    source.push(1)
    until(lambda: gate.arrived, "the node to be busy")
    with pytest.raises(ff.StopTimeoutError, match="'stuck'") as caught:
        pipeline.stop(timeout=0.05)
    assert list(caught.value.nodes) == ["stuck"]
    assert isinstance(caught.value, TimeoutError)
    gate.open()
    pipeline.stop()


# --- wrong states -------------------------------------------------------------------------------------------


def test_wait_before_start_is_refused() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Count(1))
    with pytest.raises(ff.StateError, match="start"):
        pipeline.wait()


def test_wait_on_a_nodes_own_thread_is_refused() -> None:
    pipeline = ff.Pipeline()

    def waits(_: int) -> None:
        pipeline.wait()

    pipeline.add(waits, pipeline.add(Count(1)))
    with pytest.raises(ff.NodeError, match="own thread") as caught:
        pipeline.run()
    assert isinstance(caught.value.__cause__, ff.StateError)


def test_an_empty_pipeline_cannot_start() -> None:
    with pytest.raises(ff.GraphError, match="add"):
        ff.Pipeline().start()


def test_a_pipeline_runs_once_whichever_way_it_was_started() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Count(3))
    assert pipeline.run().complete
    with pytest.raises(ff.StateError, match="A pipeline runs once"):
        pipeline.run()
    assert pipeline.stats().nodes["Count"].processed == 3

    pipeline = ff.Pipeline()
    pipeline.add(Count(3))
    with pipeline:  # has started it
        assert pipeline.run().complete
        with pytest.raises(ff.StateError, match="A pipeline runs once"):
            pipeline.run()
