"""Real exports: the layout is recognised, and the boxes are those that Ultralytics finds with the same file.

`./dev test --models` makes the exports (make_exports.py) and names their folder in FRESHFRAME_TEST_EXPORTS.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff

FOLDER = Path(os.environ.get("FRESHFRAME_TEST_EXPORTS", ""))
LAYOUTS = {
    "yolov5nu": {"yolov8"},
    "yolov8n": {"yolov8"},
    "yolov8n_open": {"yolov8"},
    "yolov8n_nms": {"end2end"},
    "yolov10n": {"yolov8", "end2end"},  # by the version of Ultralytics
    "yolo11n": {"yolov8"},
    "yolo26n": {"yolov8", "end2end"},
    "rtdetr": {"rtdetr", "rtdetr6"},
    "shapes": {"yolov8"},
}
SIDE = 160  # side of the exports' input, in pixels
SMALL = 64  # pixels: of smaller boxes each edge is compared
EDGE = 0.3  # pixels
OVERLAP = 0.99
EQUAL = 0.99  # share of the boxes

pytestmark = pytest.mark.skipif(
    not (FOLDER / "boxes.npz").is_file(), reason="./dev test --models makes the exports"
)


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """Pictures and boxes of make_exports.py."""
    with np.load(FOLDER / "boxes.npz") as file:
        return {name: file[name] for name in file.files}


def is_same(a: Any, b: Any) -> bool:
    """Compares x1, y1, x2, y2, confidence, class."""
    if a[5] != b[5]:
        return False
    if max(a[2] - a[0], a[3] - a[1]) < SMALL:
        return bool(np.abs(a[:4] - b[:4]).max() <= EDGE)
    width, height = np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2])
    both = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return bool(both >= OVERLAP * (areas - both))


def found(path: Path, confidence: float, pictures: list[Any]) -> list[Any]:
    detector = ff.OnnxDetector(path, min_confidence=confidence, threads=1)
    frames = [ff.Frame.from_array(picture) for picture in pictures]
    results = [sample.value for sample in ff.testing.run_node(detector, frames)]
    return [np.column_stack([value.xyxy, value.confidence, value.class_id]) for value in results]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_is_recognised(known: dict[str, Any], name: str) -> None:
    if f"{name}/confidence" not in known:
        pytest.skip(f"the Ultralytics that is installed makes no {name}")
    detector = ff.OnnxDetector(FOLDER / f"{name}.onnx", threads=1)
    assert detector.layout in LAYOUTS[name]


def matched(ours: Any, theirs: Any) -> int:
    """Returns how many boxes have a partner on the other side, each a different one."""
    left = list(ours)
    count = 0
    for box in theirs:
        index = next((i for i, other in enumerate(left) if is_same(box, other)), None)
        if index is None:
            continue
        left.pop(index)
        count += 1
    return count


def with_area(boxes: Any) -> Any:
    """Ultralytics clips boxes that lie in the bars to empty ones and keeps them."""
    return boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]


def kind_of(picture: Any) -> str:
    """How it is scaled to the input."""
    height, width = picture.shape[:2]
    if height == width == SIDE:
        return "of the input's size"
    return "enlarged" if height == width and width % SIDE == 0 else "of any size"


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_boxes_are_those_of_ultralytics(known: dict[str, Any], name: str) -> None:
    if f"{name}/confidence" not in known:
        pytest.skip(f"the Ultralytics that is installed makes no {name}")
    pictures = [known[f"picture{i}"] for i in range(sum(key.startswith("picture") for key in known))]
    boxes = found(FOLDER / f"{name}.onnx", float(known[f"{name}/confidence"]), pictures)
    same, count = Counter[str](), Counter[str]()
    for i, (picture, ours) in enumerate(zip(pictures, boxes, strict=True)):
        theirs = with_area(known[f"{name}/{i}"])
        same[kind_of(picture)] += matched(ours, theirs)
        count[kind_of(picture)] += max(len(ours), len(theirs))
    for kind in count:
        print(f"{name}, {kind}: {same[kind]} of {count[kind]} boxes, {same[kind] / count[kind]:.2%}")
    for kind in count:
        assert count[kind] > 80
        assert same[kind] >= EQUAL * count[kind], kind
