"""Masks and corners of ONNX models, as columns of their boxes."""
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

SEGMENT = {"names": "{0: 'person', 1: 'car'}", "task": "segment"}
TURNED = {"names": "{0: 'ship', 1: 'plane'}", "task": "obb"}
GRID = 16  # size of the prototypes for an input of 64x64


def planes() -> npt.NDArray[np.float32]:
    """Returns three prototypes: a disc, a slope to the right, and smooth noise."""
    y, x = np.mgrid[:GRID, :GRID].astype(np.float32)
    disc = 4.3 - np.hypot(x - 3.6, y - 5.2)
    noise = np.sin(x * 0.9 + 1) * np.cos(y * 0.7) * 3
    return np.stack([disc, x - 9.4, noise])[None].astype(np.float32)


WEIGHTS = np.array([[1, 0, 0], [0, 1, 0.3], [0.5, -0.4, 2]], np.float32)
BOXES = np.array([[4, 6, 27, 43], [30.5, 10.25, 60, 50], [1, 1, 63, 63]], np.float32)
CLASSES = [0, 1, 0]
SCORES = [0.95, 0.9, 0.85]


def columns() -> dict[str, Any]:
    """Returns the output of YOLOv8, 11 and 26 for 64x64, whose last box has another class."""
    rows = np.zeros((1, 4 + 2 + 3, 84), np.float32)
    for n, (box, kind, score, weights) in enumerate(zip(BOXES, CLASSES, SCORES, WEIGHTS, strict=True)):
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        rows[0, :, 9 * n] = [*centre, *size, *(score * (kind == each) for each in range(2)), *weights]
    return {"output0": rows, "output1": planes()}


def without_duplicates() -> dict[str, Any]:
    rows = np.zeros((1, 300, 9), np.float32)
    for n, given in enumerate(zip(BOXES, SCORES, CLASSES, WEIGHTS, strict=True)):
        box, score, kind, weights = given
        rows[0, 7 * n] = [*box, score, kind, *weights]
    return {"output1": planes(), "output0": rows}  # in another order


def transformer() -> dict[str, Any]:
    """Returns the output of RF-DETR with masks: a mask for each of four queries. One detects nothing."""
    boxes = np.zeros((1, 4, 4), np.float32)
    labels = np.full((1, 4, 3), -9, np.float32)
    masks = np.full((1, 4, GRID, GRID), -5, np.float32)
    logits = np.einsum("nk,khw->nhw", WEIGHTS, planes()[0])
    for n, (box, kind) in enumerate(zip(BOXES, CLASSES, strict=True)):
        boxes[0, n + 1] = [*(box[:2] + box[2:]) / 128, *(box[2:] - box[:2]) / 64]
        labels[0, n + 1, kind] = 3 - n
        masks[0, n + 1] = logits[n]
    return {"dets": boxes, "labels": labels, "masks": masks}


def found_in(path: Path, size: tuple[int, int], **options: Any) -> ff.Detections:
    width, height = size
    frame = ff.Frame.from_array(np.full((height, width, 3), 90, np.uint8))
    (sample,) = ff.testing.run_node(ff.OnnxDetector(path, **options), [frame])
    value: ff.Detections = sample.value
    return value


def scaled(plane: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Scales bilinearly between pixel centres, with the values at the edges continued beyond them."""

    def taps(length: int, count: int) -> tuple[Any, Any]:
        at = ((np.arange(length) + 0.5) * count / length - 0.5).clip(0, count - 1)
        first = np.minimum(at.astype(int), count - 2)
        return first, at - first

    (x, u), (y, v) = taps(size[0], plane.shape[1]), taps(size[1], plane.shape[0])
    rows = plane[y] * (1 - v[:, None]) + plane[y + 1] * v[:, None]
    wide: npt.NDArray[np.float64] = rows[:, x] * (1 - u) + rows[:, x + 1] * u
    return wide


def expected(
    logits: npt.NDArray[np.float32], size: tuple[int, int], boxes: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.bool_]:
    """Returns the expected masks: scaled to the image, thresholded, then cropped to the boxes."""
    masks = np.stack([scaled(plane, size) > 0 for plane in logits])
    if boxes is None:
        return masks
    y, x = np.mgrid[: size[1], : size[0]]
    x1, y1, x2, y2 = boxes.T[:, :, None, None]
    within: npt.NDArray[np.bool_] = masks & (x >= x1) & (x < x2) & (y >= y1) & (y < y2)
    return within


def overlap(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Returns the lowest intersection over union of pairs of masks."""
    both, either = (a & b).sum(axis=(1, 2)), (a | b).sum(axis=(1, 2))
    return float((both / either).min())


LOGITS = np.einsum("nk,khw->nhw", WEIGHTS, planes()[0])


@pytest.mark.parametrize(("layout", "make"), [("yolov8", columns), ("end2end", without_duplicates)])
def test_masks_are_prototypes_by_their_weights_within_the_box(tmp_path: Path, layout: str, make: Any) -> None:
    path = constant(tmp_path / "seg.onnx", make(), metadata=SEGMENT)
    detector = ff.OnnxDetector(path)
    assert detector.layout == layout
    assert "3 weights of a mask" in detector.layout_reason
    found = found_in(path, (64, 64))
    np.testing.assert_allclose(found.xyxy, BOXES, atol=1e-3)
    masks = ff.masks.decode(found.data["mask"])
    right = expected(LOGITS, (64, 64), found.xyxy)
    assert 50 < right[0].sum() < 1500
    assert overlap(masks, right) == 1


def test_masks_have_the_pictures_size(tmp_path: Path) -> None:
    """With a letterbox, whose bars are removed, and in a part of an image."""
    path = constant(tmp_path / "seg.onnx", columns(), metadata=SEGMENT)
    wide = found_in(path, (256, 128))  # the image covers the grid's rows 4 to 11
    right = expected(LOGITS[:, 4:12], (256, 128), wide.xyxy)
    assert overlap(ff.masks.decode(wide.data["mask"]), right) >= 0.999
    part = found_in(path, (400, 200), roi=(60, 40, 316, 168))
    np.testing.assert_allclose(part.xyxy, wide.xyxy + np.array([60, 40, 60, 40]), atol=1e-3)
    moved = np.zeros((3, 200, 400), bool)
    moved[:, 40:168, 60:316] = ff.masks.decode(wide.data["mask"])
    assert overlap(ff.masks.decode(part.data["mask"]), moved) == 1


def test_a_transformers_masks_are_of_the_whole_picture(tmp_path: Path) -> None:
    path = constant(tmp_path / "rfdetr.onnx", transformer(), metadata={"names": "['person', 'car']"})
    detector = ff.OnnxDetector(path)
    assert detector.layout == "rfdetr"
    found = found_in(path, (120, 90))
    assert found.class_id.tolist() == CLASSES
    right = expected(LOGITS, (120, 90), None)
    assert overlap(ff.masks.decode(found.data["mask"]), right) >= 0.999


def test_an_empty_mask_and_a_picture_without_objects(tmp_path: Path) -> None:
    outputs = columns()
    outputs["output0"][0, 6:, 0] = [-1, 0, 0]
    outputs["output1"][0, 0] = np.abs(outputs["output1"][0, 0]) + 1
    path = constant(tmp_path / "seg.onnx", outputs, metadata=SEGMENT)
    masks = ff.masks.decode(found_in(path, (64, 64)).data["mask"])
    assert masks.any(axis=(1, 2)).tolist() == [False, True, True]
    none = found_in(path, (64, 64), min_confidence=0.99)
    assert none.data["mask"].shape == (0,)


def test_masks_pass_a_tracker_and_are_drawn(tmp_path: Path) -> None:
    path = constant(tmp_path / "seg.onnx", columns(), metadata=SEGMENT)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:shapes?size=64x64&frames=3&pace=0"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(ff.OnnxDetector(path, classes=["car"]), camera))
    drawn = pipeline.reader(pipeline.add(ff.Annotate(labels="", trail=0), tracks))
    without = pipeline.reader(pipeline.add(ff.Annotate(labels="", trail=0, masks=False), tracks))
    with pipeline:
        painted, plain = next(iter(drawn)).value.bgr, next(iter(without)).value.bgr
    changed = (painted != plain).any(axis=2)
    right = expected(LOGITS[1:2], (64, 64), BOXES[1:2])[0]
    assert (changed & right).sum() > 0.8 * right.sum()
    assert (changed & ~right).sum() < 0.1 * right.sum()  # pixels that share their chroma


def corners(x: float, y: float, width: float, height: float, angle: float) -> npt.NDArray[np.float32]:
    along = np.array([np.cos(angle), np.sin(angle)]) * width / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * height / 2
    middle = np.array([x, y])
    signs = [(1, 1), (1, -1), (-1, -1), (-1, 1)]
    return np.array([middle + a * along + b * across for a, b in signs], np.float32)


SHIPS = [(20.0, 24.0, 24.0, 6.0, 0.6), (40.0, 40.0, 18.0, 9.0, -1.2)]


def turned_columns() -> dict[str, Any]:
    """Two of five boxes are suppressed; a box that crosses another is not."""
    rows = np.zeros((1, 4 + 2 + 1, 84), np.float32)
    given = [
        (SHIPS[0], [0.9, 0]),
        ((20.5, 24, 24, 6, 0.65), [0.8, 0]),  # covered
        ((20, 24, 24, 6, 0.6 + np.pi / 2), [0.7, 0]),  # crosses the first
        (SHIPS[1], [0, 0.95]),
        ((40, 40, 9, 18, -1.2 + np.pi / 2), [0, 0.6]),  # the same box in other numbers
    ]
    for n, ((x, y, width, height, angle), scores) in enumerate(given):
        rows[0, :, 11 * n] = [x, y, width, height, *scores, angle]
    return {"output0": rows}


def turned_rows() -> dict[str, Any]:
    rows = np.zeros((1, 300, 7), np.float32)
    rows[0, 2] = [*SHIPS[1][:4], 0.95, 1, SHIPS[1][4]]
    rows[0, 9] = [*SHIPS[0][:4], 0.9, 0, SHIPS[0][4]]
    rows[0, 12] = [20, 24, 24, 6, 0.7, 0, 0.6 + np.pi / 2]
    return {"output0": rows}


@pytest.mark.parametrize(("layout", "make"), [("yolov8", turned_columns), ("end2end", turned_rows)])
def test_turned_boxes_have_corners(tmp_path: Path, layout: str, make: Any) -> None:
    path = constant(tmp_path / "obb.onnx", make(), metadata=TURNED)
    detector = ff.OnnxDetector(path)
    assert detector.layout == layout
    assert "an angle" in detector.layout_reason
    found = found_in(path, (64, 64))
    assert found.class_id.tolist() == [1, 0, 0]
    right = np.stack([corners(*SHIPS[1]), corners(*SHIPS[0]), corners(20, 24, 24, 6, 0.6 + np.pi / 2)])
    np.testing.assert_allclose(found.data["corners"], right, atol=1e-4)
    np.testing.assert_allclose(found.xyxy[:, :2], right.min(axis=1), atol=1e-4)
    np.testing.assert_allclose(found.xyxy[:, 2:], right.max(axis=1), atol=1e-4)
    part = found_in(path, (200, 100), roi=(50, 20, 178, 84))  # half the size, with bars of 16 pixels
    np.testing.assert_allclose(part.data["corners"], right * 2 + np.array([50, 20 - 32]), atol=1e-3)


def test_corners_of_a_box_at_the_edge_are_whole_and_its_upright_box_is_cut(tmp_path: Path) -> None:
    rows = np.zeros((1, 300, 7), np.float32)
    rows[0, 0] = [2, 30, 30, 8, 0.9, 0, 0.3]
    rows[0, 1] = [-40, 30, 30, 8, 0.9, 0, 0.3]  # outside
    rows[0, 2] = [30, 30, 30, 8, 0.9, 0, np.nan]
    path = constant(tmp_path / "obb.onnx", {"output0": rows}, metadata=TURNED)
    found = found_in(path, (64, 64))
    assert len(found) == 1
    assert found.xyxy[0, 0] == 0
    assert found.data["corners"][0, :, 0].min() < -12


@pytest.mark.parametrize(
    ("outputs", "metadata", "words"),
    [
        ({"output0": np.zeros((1, 9, 84), np.float32)}, SEGMENT, "neither boxes with prototypes"),
        (
            {"output0": np.zeros((1, 10, 84), np.float32), "output1": planes()},
            SEGMENT,
            "fit layout 'yolov8' with 3 classes, but 2 names are known",
        ),
        ({"output0": np.zeros((1, 9, 84), np.float32), "output1": planes()}, {}, "pass names="),
        ({"output0": np.zeros((1, 7, 83), np.float32)}, TURNED, "cannot tell what the outputs"),
        (
            {
                "dets": np.zeros((1, 4, 4), np.float32),
                "labels": np.zeros((1, 4, 3), np.float32),
                "masks": np.zeros((1, 5, 8, 8), np.float32),
            },
            {},
            "neither boxes with prototypes",
        ),
        ({"output0": np.zeros((1, 9), np.float32)}, {"task": "classify"}, "see ff.OnnxClassifier"),
        ({"output0": np.zeros((1, 9), np.float32)}, {"task": "depth"}, "the task 'depth'"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(
    tmp_path: Path, outputs: dict[str, Any], metadata: dict[str, str], words: str
) -> None:
    path = constant(tmp_path / "odd.onnx", outputs, metadata=metadata)
    with pytest.raises(ff.OptionError, match=words):
        ff.OnnxDetector(path)
