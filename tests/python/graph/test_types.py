"""Which values may flow where: types are checked at add(), before a thread runs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time

import pytest
from rigs.adder import Adder
from support import Collect, Count, Pictures, run_node

import freshframe as ff


def test_a_native_node_below_a_port_of_another_type_is_refused_at_add() -> None:
    def mean(frame: ff.Frame) -> float:
        return float(frame.luma.mean())

    pipeline = ff.Pipeline()
    brightness = pipeline.add(mean, pipeline.add(Pictures(1)))
    with pytest.raises(ff.GraphError, match=r"CircleTracker.*Frame.*'mean'.*float"):
        pipeline.add(ff.CircleTracker(), brightness)  # type: ignore[misc]


def test_annotations_of_a_function_are_checked_at_add() -> None:
    def takes_circles(circles: ff.Circles) -> int:
        return len(circles.xyr)

    pipeline = ff.Pipeline()
    frames = pipeline.add(Pictures(1))
    with pytest.raises(ff.GraphError, match=r"takes_circles.*Circles.*Frame"):
        pipeline.add(takes_circles, frames)  # type: ignore[arg-type]


def test_the_types_of_a_class_are_checked_at_add() -> None:
    class TakesCircles(ff.Node[ff.Circles, int]):
        def process(self, sample: ff.Sample[ff.Circles]) -> int:
            return len(sample.value.xyr)

    pipeline = ff.Pipeline()
    frames = pipeline.add(Pictures(1))
    with pytest.raises(ff.GraphError, match=r"TakesCircles.*Circles.*Frame"):
        pipeline.add(TakesCircles(), frames)  # type: ignore[misc]


def test_an_optional_result_counts_as_its_type() -> None:
    def keep(frame: ff.Frame) -> ff.Frame | None:
        return frame if frame.width > 10 else None

    pipeline = ff.Pipeline()
    kept = pipeline.add(keep, pipeline.add(Pictures(2)))
    reader = pipeline.reader(pipeline.add(ff.CircleDetector(), kept))
    with pipeline:
        assert len(list(reader)) == 2


def test_a_missing_or_unresolvable_annotation_means_anything() -> None:
    def strange(value: "NoSuchType") -> "NeitherThis":  # type: ignore[name-defined]  # noqa: F821, UP037
        return value

    assert [s.value for s in run_node(strange, [1])] == [1]
    assert [s.value for s in run_node(lambda value: value, [1])] == [1]


def test_a_wrong_value_that_no_annotation_promised_fails_with_a_clear_error() -> None:
    pipeline = ff.Pipeline()
    anything = pipeline.add(lambda _: "text", pipeline.add(Pictures(1)), name="anything")
    pipeline.add(ff.CircleDetector(), anything)  # type: ignore[misc]
    with pytest.raises(ff.NodeError, match=r"'CircleDetector'.*Frame"):
        pipeline.run()


def test_a_node_instance_belongs_to_one_pipeline() -> None:
    one, two, node = ff.Pipeline(), ff.Pipeline(), Collect()
    one.add(node, one.add(Count(1)))
    with pytest.raises(ff.GraphError, match=r"Collect"):
        two.add(node, two.add(Count(1)))
    with pytest.raises(ff.GraphError, match=r"Collect"):
        one.add(node, one.add(Count(1)))


def test_a_native_node_instance_belongs_to_one_pipeline() -> None:
    one, two, node = ff.Pipeline(), ff.Pipeline(), ff.CircleDetector()
    one.add(node, one.add(Pictures(1)))
    with pytest.raises(ff.GraphError, match=r"CircleDetector"):
        two.add(node, two.add(Pictures(1)))


def test_one_function_may_be_several_nodes() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(3))
    reader = pipeline.reader(pipeline.add(Adder(1), pipeline.add(Adder(1), source)))
    with pipeline:
        assert [s.value for s in reader] == [2, 3, 4]


def test_process_is_called_by_one_thread_at_a_time() -> None:
    inside, most = [], []

    def busy(value: int) -> int:
        inside.append(value)
        most.append(len(inside))
        time.sleep(0)
        inside.remove(value)
        return value

    pipeline = ff.Pipeline()
    pipeline.add(busy, [pipeline.add(Count(50)), pipeline.add(Count(50)), pipeline.add(Count(50))])
    pipeline.run()
    assert max(most) == 1
    assert len(most) == 150
