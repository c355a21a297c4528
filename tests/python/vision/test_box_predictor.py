"""Predicted boxes for the frames between a detector's results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import freshframe as ff


def box_at(pts: float) -> list[float]:
    return [40 + 120 * pts, 60.0, 80 + 120 * pts, 120.0]


class Detector(ff.Node[ff.Frame, ff.Detections]):
    """Detects a box that moves at 120 px/s, in every n-th frame until `end`."""

    def __init__(self, every: int, end: float = 1e9) -> None:
        self.every, self.end = every, end

    def process(self, sample: ff.Sample[ff.Frame]) -> ff.Detections | None:
        """Returns one box or None."""
        if sample.seq % self.every or sample.pts > self.end:
            return None
        columns = {
            "corners": np.array([[[0, 0], [9, 0], [9, 9], [0, 9]]], np.float32),
            "mask": np.array([""]),
        }
        return ff.Detections([box_at(sample.pts)], [0.9], [0], data=columns)


def predicted(detector: Detector, **options: Any) -> list[ff.Sample[ff.Detections]]:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=320x240&fps=30&frames=60&pace=0"))
    near = ff.Queue(1, "block")  # results arrive a few frames late, also on a busy machine
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(detector, camera, queue=near), queue=near)
    reader = pipeline.reader(pipeline.add(ff.BoxPredictor(**options), [camera, tracks], queue=near))
    with pipeline:
        return [*reader]


def test_there_is_a_result_for_each_frame_at_its_time() -> None:
    samples = predicted(Detector(5))
    assert [sample.seq for sample in samples] == list(range(60))
    assert all(sample.frame.width for sample in samples)
    late = [sample for sample in samples if sample.pts > 1]
    for sample in late:
        assert len(sample.value) == 1
        assert sample.value.tracker_id is not None
        np.testing.assert_allclose(sample.value.xyxy[0], box_at(sample.pts), atol=4)
    assert len({tuple(sample.value.xyxy[0].tolist()) for sample in late}) == len(late)  # none stands still


def test_columns_move_with_their_boxes_and_masks_stay_out() -> None:
    for sample in predicted(Detector(5)):
        if len(sample.value) and sample.pts > 1:
            moved = sample.value.data["corners"][0, 0]
            age = moved[0] / 120
            assert -0.5 <= age <= 0.5
            assert "mask" not in sample.value.data


def test_old_tracks_are_no_prediction() -> None:
    samples = predicted(Detector(1, end=0.5), max_age=0.3)
    seen = [sample.pts for sample in samples if len(sample.value)]
    assert 0.5 < max(seen) < 0.9
    assert samples[-1].value.tracker_id is not None


@pytest.mark.parametrize("missing", ["camera", "tracker"])
def test_a_predictor_without_frames_or_boxes_is_refused(missing: str) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=320x240&frames=9&pace=0"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(Detector(1), camera))
    parents: list[ff.Port[Any]] = [tracks] if missing == "camera" else [camera, camera]
    with pytest.raises(ff.GraphError, match=f"none of its parents is a {missing}"):
        pipeline.add(ff.BoxPredictor(), parents)


def test_a_result_without_boxes_needs_no_velocity() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=320x240&frames=9&pace=0"))
    boxes = pipeline.add(lambda frame: ff.Detections([], [], []), camera)
    reader = pipeline.reader(pipeline.add(ff.BoxPredictor(), [camera, boxes]))
    with pipeline:
        assert [len(sample.value) for sample in reader] == [0] * 9


def test_boxes_without_velocity_are_refused() -> None:
    node = ff.BoxPredictor()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=320x240&frames=9&pace=0"))
    boxes = pipeline.add(Detector(1), camera)
    pipeline.reader(pipeline.add(node, [camera, boxes]))
    with pytest.raises(ff.NodeError, match="have no velocity: add a BoxTracker before it"):
        pipeline.run()
    with pytest.raises(ff.OptionError, match="max_age of more than 0"):
        ff.BoxPredictor(max_age=0)


def test_each_camera_has_its_own_boxes() -> None:
    """One predictor for two cameras, only one of which has a tracker."""
    pipeline = ff.Pipeline()
    one = pipeline.add(ff.open("demo:shapes?size=320x240&fps=30&frames=60&pace=0"), name="one")
    two = pipeline.add(ff.open("demo:shapes?size=320x240&fps=30&frames=60&pace=0"), name="two")
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(Detector(1), one))
    reader = pipeline.reader(pipeline.add(ff.BoxPredictor(), [one, two, tracks]))
    with pipeline:
        samples = [*reader]
    seen = {name: [len(each.value) for each in samples if each.source == name] for name in ("one", "two")}
    assert max(seen["one"]) == 1
    assert set(seen["two"]) == {0}


def test_tracks_of_another_camera_than_the_frames_are_an_error() -> None:
    framed = threading.Event()

    class Waits(Detector):
        def process(self, sample: ff.Sample[ff.Frame]) -> ff.Detections | None:
            assert framed.wait(100)
            return super().process(sample)

    pipeline = ff.Pipeline()
    # Long enough not to end first.
    one = pipeline.add(ff.open("demo:shapes?size=320x240&fps=30&frames=3000&pace=0"))
    two = pipeline.add(ff.open("demo:shapes?size=320x240&fps=30&frames=60&pace=0"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(Waits(1), two))
    pipeline.reader(pipeline.add(ff.BoxPredictor(), [one, tracks]))
    # A frame has reached the predictor, which was added earlier.
    pipeline.add(lambda frame: framed.set(), one)
    with pytest.raises(ff.NodeError, match="tracks of one camera and frames of another"):
        pipeline.run()
