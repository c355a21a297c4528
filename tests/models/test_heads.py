"""Real exports for masks, turned boxes and poses: the columns are those of Ultralytics with the same file.

`./dev test --models` makes the exports (make_heads.py) and names their folder in FRESHFRAME_TEST_EXPORTS.
Masks are compared with those of retina_masks=True: Ultralytics' other masks have the size of the input. Where
the bars of the input are no whole pixels of the prototypes, Ultralytics scales in two steps and freshframe in
one: with random weights, whose masks change from pixel to pixel, these differ.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff

FOLDER = Path(os.environ.get("FRESHFRAME_TEST_EXPORTS", ""))
SEGMENT = ("yolov8n-seg", "yolo11n-seg-nms", "yolo26n-seg", "yolo26n-seg-end2end")
TURNED = ("yolov8n-obb", "yolo26n-obb", "yolo26n-obb-end2end")
POSES = ("yolo11n-pose", "yolo26n-pose")
EQUAL = 0.99  # share of the boxes
SIDE = 160  # side of the exports' input
EDGE = 0.5  # pixels
OVERLAP = 0.99
DIFFERING = 4  # pixels by which a small mask may differ

pytestmark = pytest.mark.skipif(
    not (FOLDER / "heads.npz").is_file(), reason="./dev test --models makes the exports"
)


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """Pictures and results of make_heads.py."""
    with np.load(FOLDER / "heads.npz") as file:
        return {name: file[name] for name in file.files}


def found(known: dict[str, Any], name: str) -> list[ff.Detections]:
    if f"{name}/confidence" not in known:
        pytest.skip(f"the Ultralytics that is installed makes no {name}")
    detector = ff.OnnxDetector(
        FOLDER / f"{name}.onnx", min_confidence=float(known[f"{name}/confidence"]), threads=1
    )
    pictures = [known[f"picture{i}"] for i in range(sum(key.startswith("picture") for key in known))]
    return [
        sample.value
        for sample in ff.testing.run_node(detector, [ff.Frame.from_array(one) for one in pictures])
    ]


def partners(ours: ff.Detections, theirs: dict[str, Any], shapes: Any) -> list[tuple[int, int]]:
    """Pairs of indices: the same class, confidence and place."""
    pairs, free = [], set(range(len(ours)))
    for j, (kind, confidence) in enumerate(zip(theirs["class_id"], theirs["confidence"], strict=True)):
        for i in sorted(free):
            same = ours.class_id[i] == kind and abs(ours.confidence[i] - confidence) < 1e-3
            if same and shapes(i, j) <= EDGE:
                pairs.append((i, j))
                free.remove(i)
                break
    return pairs


def apart(ours: Any, theirs: Any) -> float:
    """The largest difference of corners, which may begin anywhere and go round either way."""
    orders = [np.roll(order, n, axis=0) for order in (theirs, theirs[::-1]) for n in range(4)]
    return float(min(np.abs(ours - order).max() for order in orders))


def is_one_step(width: int, height: int) -> bool:
    """Whether the bars are whole pixels of the prototypes, which have a quarter of the input's sides."""
    longer = max(width, height)
    return all((SIDE - round(side * SIDE / longer)) % 8 == 0 for side in (width, height))


def of_picture(known: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    head = f"{name}/{number}/"
    return {key[len(head) :]: array for key, array in known.items() if key.startswith(head)}


def with_area(theirs: dict[str, Any]) -> dict[str, Any]:
    """Leaves out the boxes that Ultralytics clips to empty ones and keeps."""
    box = theirs["xyxy"]
    real = (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])
    return {key: array[real] if len(array) == len(real) else array for key, array in theirs.items()}


@pytest.mark.parametrize("name", SEGMENT)
def test_the_masks_are_those_of_ultralytics(known: dict[str, Any], name: str) -> None:
    same = count = right = 0
    overlaps, others = [], [1.0]
    for number, given in enumerate(found(known, name)):
        theirs = with_area(of_picture(known, name, number))
        height, width = known[f"picture{number}"].shape[:2]
        seen = [ff.masks.decode([text])[0].any() for text in given.data["mask"]]
        ours = given[np.array(seen, bool)]  # Ultralytics leaves out boxes whose mask is empty
        pairs = partners(ours, theirs, lambda i, j: np.abs(ours.xyxy[i] - theirs["xyxy"][j]).max())  # noqa: B023
        same, count = same + len(pairs), count + max(len(ours), len(theirs["xyxy"]))
        if not pairs:
            continue
        masks = ff.masks.decode(ours.data["mask"], size=(width, height))
        for i, j in pairs:
            mask = np.unpackbits(theirs["masks"][j], axis=-1, count=width).astype(bool)
            both, differ = (mask & masks[i]).sum(), (mask ^ masks[i]).sum()
            if not is_one_step(width, height):
                others.append(both / (both + differ))
                continue
            overlaps.append(both / (both + differ))
            right += overlaps[-1] >= OVERLAP or differ <= DIFFERING
    share = right / max(len(overlaps), 1)
    print(
        f"{name}: {same} of {count} boxes, {share:.2%} of {len(overlaps)} masks within {OVERLAP}, least "
        f"{min(overlaps):.3f}; of two steps {np.median(others):.3f} in the median"
    )
    assert count > 80
    assert same >= EQUAL * count
    assert right >= EQUAL * len(overlaps)


@pytest.mark.parametrize("name", TURNED)
def test_the_corners_are_those_of_ultralytics(known: dict[str, Any], name: str) -> None:
    same = count = 0
    for number, ours in enumerate(found(known, name)):
        theirs = of_picture(known, name, number)
        height, width = known[f"picture{number}"].shape[:2]
        corners = theirs["corners"]
        inside = (corners.max(1) > 0).all(1) & (corners.min(1) < [width, height]).all(1)
        theirs = {key: array[inside] for key, array in theirs.items()}

        same += len(partners(ours, theirs, lambda i, j: apart(ours.data["corners"][i], theirs["corners"][j])))  # noqa: B023
        count += max(len(ours), len(theirs["corners"]))
    print(f"{name}: {same} of {count} boxes with corners within {EDGE} pixels")
    assert count > 80
    assert same >= EQUAL * count


@pytest.mark.parametrize("name", POSES)
def test_the_key_points_are_those_of_ultralytics(known: dict[str, Any], name: str) -> None:
    same = count = 0
    farthest = 0.0
    for number, ours in enumerate(found(known, name)):
        theirs = with_area(of_picture(known, name, number))
        pairs = partners(ours, theirs, lambda i, j: np.abs(ours.xyxy[i] - theirs["xyxy"][j]).max())  # noqa: B023
        same, count = same + len(pairs), count + max(len(ours), len(theirs["xyxy"]))
        for i, j in pairs:
            apart = np.abs(ours.data["keypoints"][i] - theirs["keypoints"][j])
            farthest = max(farthest, float(apart.max()))
    print(f"{name}: {same} of {count} boxes, key points within {farthest:.3f} pixels")
    assert count > 80
    assert same >= EQUAL * count
    assert farthest <= EDGE
