"""Key points of pose models, as a column of their boxes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rigs.onnx_files import constant

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

POINTS = np.array([[10.0, 20.0, 0.9], [22.0, 30.0, 0.2]], np.float32)  # in the input
RIGHT = np.array([32.0, 0, 0], np.float32)
POSE = {"names": "{0: 'person'}", "task": "pose", "kpt_shape": "[2, 3]"}


def columns(points: npt.NDArray[np.float32] = POINTS) -> dict[str, Any]:
    """Returns the output of YOLOv8, 11 and 26 for 64x64: three boxes. The first covers the second."""
    rows = np.zeros((1, 5 + points.size, 84), np.float32)
    rows[0, :, 5] = [16, 24, 16, 16, 0.9, *points.ravel()]
    rows[0, :, 6] = [17, 24, 16, 16, 0.8, *(points + 1).ravel()]
    rows[0, :, 70] = [48, 24, 16, 16, 0.95, *(points + RIGHT[: points.shape[1]]).ravel()]
    return {"output0": rows}


def without_duplicates() -> dict[str, Any]:
    rows = np.zeros((1, 300, 12), np.float32)
    rows[0, 3] = [40, 16, 56, 32, 0.95, 0, *(POINTS + RIGHT).ravel()]
    rows[0, 8] = [8, 16, 24, 32, 0.9, 0, *POINTS.ravel()]
    return {"output0": rows}


def found_in(path: Path, size: tuple[int, int], **options: Any) -> ff.Detections:
    width, height = size
    frame = ff.Frame.from_array(np.full((height, width, 3), 90, np.uint8))
    (sample,) = ff.testing.run_node(ff.OnnxDetector(path, **options), [frame])
    value: ff.Detections = sample.value
    return value


@pytest.mark.parametrize(("layout", "make"), [("yolov8", columns), ("end2end", without_duplicates)])
def test_key_points_belong_to_their_boxes(tmp_path: Path, layout: str, make: Any) -> None:
    path = constant(tmp_path / "pose.onnx", make(), metadata=POSE)
    detector = ff.OnnxDetector(path)
    assert detector.layout == layout
    assert "6 numbers of key points" in detector.layout_reason
    found = found_in(path, (64, 64))
    np.testing.assert_allclose(found.xyxy, [[40, 16, 56, 32], [8, 16, 24, 32]], atol=1e-3)
    points = found.data["keypoints"]
    assert points.shape == (2, 2, 3)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, [POINTS + RIGHT, POINTS], atol=1e-4)


def test_key_points_come_back_through_the_letterbox_and_the_region(tmp_path: Path) -> None:
    path = constant(tmp_path / "pose.onnx", columns(), metadata=POSE)
    wide = found_in(path, (128, 64))  # half the size, with bars of 16 pixels above and below
    np.testing.assert_allclose(wide.data["keypoints"][1], [[20, 8, 0.9], [44, 28, 0.2]], atol=1e-3)
    part = found_in(path, (200, 100), roi=(50, 20, 178, 84))
    np.testing.assert_allclose(part.data["keypoints"][1], [[70, 28, 0.9], [94, 48, 0.2]], atol=1e-3)


def test_key_points_without_confidence_and_a_picture_without_objects(tmp_path: Path) -> None:
    plane = POINTS[:, :2].copy()
    path = constant(tmp_path / "flat.onnx", columns(plane), metadata={**POSE, "kpt_shape": "[2, 2]"})
    assert found_in(path, (64, 64)).data["keypoints"].shape == (2, 2, 2)
    none = found_in(path, (64, 64), min_confidence=0.99)
    assert len(none) == 0
    assert none.data["keypoints"].shape == (0, 2, 2)


def test_key_points_pass_a_tracker_and_are_drawn(tmp_path: Path) -> None:
    path = constant(tmp_path / "pose.onnx", columns(), metadata=POSE)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=64x64&frames=3&pace=0"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(ff.OnnxDetector(path), camera))
    with_bones = pipeline.reader(pipeline.add(ff.Annotate(labels="", trail=0), tracks))
    without = pipeline.reader(pipeline.add(ff.Annotate(labels="", trail=0, skeletons=False), tracks))
    with pipeline:
        drawn, plain = next(iter(with_bones)).value.bgr, next(iter(without)).value.bgr
    changed = (drawn != plain).any(axis=2)
    assert changed[20, 10]
    assert not changed[30, 22]  # its confidence is 0.2
