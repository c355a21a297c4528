"""Compares the number of visible objects in a zone with the truth of the same frames."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import NamedTuple

import pytest

import freshframe as ff

LEFT, WIDTH = 0.3, 640  # the zone is to the right of this fraction of the width
LOT = {"lot": [(LEFT, 0.0), (1.0, 0.0), (1.0, 1.0), (LEFT, 1.0)]}
SEEDS = range(1, 6)


class Occupancy(NamedTuple):
    """Sums over the frames that were compared."""

    counted: int
    true: int

    @property
    def ratio(self) -> float:
        return self.counted / self.true


def occupancy_of_shapes(seed: int, agnostic_nms: bool) -> Occupancy:
    """Compares only frames in which at least 70 % of each shape is visible."""
    url = f"demo:shapes?size=640x360&fps=15&frames=300&pace=0&seed={seed}"
    pipeline = ff.Pipeline()
    model = ff.demo.shapes_model()
    detector = ff.OnnxDetector(model, min_confidence=0.4, agnostic_nms=agnostic_nms, threads=1)
    boxes = pipeline.add(detector, pipeline.add(ff.open(url)))
    reader = pipeline.reader(
        pipeline.add(ff.ZoneCounter(LOT, relative=True), pipeline.add(ff.BoxTracker(), boxes))
    )
    counted = true = 0
    with pipeline:
        for sample in reader:
            shapes = ff.demo.shapes(url, sample.seq)
            if all(shape.visible >= 0.7 for shape in shapes):
                counted += len(sample.value["lot"].visible)
                true += sum((shape.x1 + shape.x2) / 2 >= LEFT * WIDTH for shape in shapes)
    return Occupancy(counted, true)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_occupancy_by_circles_is_the_number_of_visible_balls(seed: int) -> None:
    url = f"demo:circles?size=640x360&fps=30&frames=300&pace=0&seed={seed}"
    pipeline = ff.Pipeline()
    tracks = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))
    reader = pipeline.reader(pipeline.add(ff.ZoneCounter(LOT, relative=True), tracks))
    counted = true = 0
    with pipeline:
        for sample in reader:
            counted += len(sample.value["lot"].visible)
            balls = ff.demo.circles(url, sample.seq)
            true += sum(ball.visible >= 0.5 and ball.x >= LEFT * WIDTH for ball in balls)
    assert 0.97 <= Occupancy(counted, true).ratio <= 1.03


@pytest.mark.slow
def test_the_occupancy_by_a_model_is_the_number_of_objects_that_are_in_view() -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    single = [occupancy_of_shapes(seed, agnostic_nms=True) for seed in SEEDS]
    assert [each.ratio for each in single if not 0.97 <= each.ratio <= 1.03] == []
    # Otherwise some objects count twice, with two classes.
    double = [occupancy_of_shapes(seed, agnostic_nms=False) for seed in SEEDS]
    assert sum(each.counted for each in double) > 1.02 * sum(each.counted for each in single)
