"""A real export of a classifier: the classes and probabilities are those of Ultralytics with the same file.

`./dev test --models` makes the export (make_classes.py) and names its folder in FRESHFRAME_TEST_EXPORTS.
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
NEAR = 0.01  # difference of the probability

pytestmark = pytest.mark.skipif(
    not (FOLDER / "classes.npz").is_file(), reason="./dev test --models makes the export"
)


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """Pictures and results of make_classes.py."""
    with np.load(FOLDER / "classes.npz") as file:
        return {name: file[name] for name in file.files}


def found(pictures: list[ff.Frame], **options: Any) -> tuple[Any, Any]:
    """The class of each picture, and its probability."""
    boxes = [ff.Detections([[0, 0, one.width, one.height]], [1], [0]) for one in pictures]
    names = [str(i) for i in range(1000)]
    classifier = ff.OnnxClassifier(FOLDER / "yolo11n-cls.onnx", names=names, threads=1, **options)
    data = [sample.value.data for sample in ff.testing.run_node(classifier, boxes, frames=pictures)]
    kinds = np.array([int(each["kind"][0]) for each in data])
    return kinds, np.array([each["kind_confidence"][0] for each in data])


def pictures_of(known: dict[str, Any]) -> list[ff.Frame]:
    return [ff.Frame.from_array(known[f"picture{i}"]) for i in range(len(known["probabilities"]))]


def compared(what: str, ours: tuple[Any, Any], theirs: tuple[Any, Any]) -> tuple[float, float]:
    """The share of equal classes, and that of equal classes whose probability is near."""
    same, apart = ours[0] == theirs[0], np.abs(ours[1] - theirs[1])
    print(
        f"{what}: {same.sum()} of {len(same)} classes, their probabilities apart by "
        f"{np.median(apart[same]):.2g} in the median and {apart[same].max():.2g} at most"
    )
    return float(same.mean()), float((same & (apart <= NEAR)).mean())


@pytest.mark.timeout(600)
def test_the_classes_are_those_of_ultralytics(known: dict[str, Any]) -> None:
    theirs = known["probabilities"].argmax(axis=1), known["probabilities"].max(axis=1)
    same, near = compared("BGR", found(pictures_of(known)), theirs)
    compared("as cv2.resize", found(pictures_of(known), antialias=False), theirs)
    assert same == near == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("pixel_format", ["i420", "nv12"])
def test_planes_give_the_classes_of_their_colours(
    known: dict[str, Any], pixel_format: ff.types.Format
) -> None:
    planes = []
    for one in pictures_of(known):
        even = ff.Frame.from_array(one.bgr[: one.height // 2 * 2, : one.width // 2 * 2])
        planes.append(ff.Frame.from_array(even.copy(pixel_format), pixel_format))
    theirs = found([ff.Frame.from_array(one.bgr) for one in planes])
    same, near = compared(pixel_format, found(planes), theirs)
    assert same == near == 1
