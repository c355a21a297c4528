"""Frame.crops(): crops of a frame as one batch."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import freshframe as ff

PICTURE = np.random.default_rng(5).integers(0, 255, (120, 160, 3), np.uint8)


def test_crops_are_the_parts_of_the_picture() -> None:
    frame = ff.Frame.from_array(PICTURE)
    found = ff.Detections([[10, 20, 42, 44], [100, 90, 132, 114]], [0.9, 0.8], [0, 0])
    crops = frame.crops(found, (32, 24))
    assert crops.shape == (2, 24, 32, 3)
    assert crops.dtype == np.uint8
    assert (crops[0] == PICTURE[20:44, 10:42]).all()
    assert (crops[1] == PICTURE[90:114, 100:132]).all()
    assert (frame.crops(found.xyxy, (32, 24)) == crops).all()


def test_crops_are_scaled_as_opencv_does() -> None:
    cv2 = pytest.importorskip("cv2")
    frame = ff.Frame.from_array(PICTURE)
    for box in ([3, 5, 100, 80], [50, 10, 60, 115], [0, 0, 160, 120]):
        (crop,) = frame.crops([box], (64, 48))
        part = PICTURE[box[1] : box[3], box[0] : box[2]]
        assert (crop == cv2.resize(part, (64, 48), interpolation=cv2.INTER_LINEAR)).all()


def test_boxes_are_rounded_outwards_and_cut_to_the_picture() -> None:
    frame = ff.Frame.from_array(PICTURE)
    (crop,) = frame.crops([[9.5, 19.2, 41.1, 43.9]], (33, 25))
    assert (crop == PICTURE[19:44, 9:42]).all()
    (crop,) = frame.crops([[-50, 100, 20, 500]], (20, 20))
    assert (crop == PICTURE[100:120, 0:20]).all()
    (crop,) = frame.crops([[20, 20, 40, 40]], (40, 30), padding=0.5)
    assert crop.shape == (30, 40, 3)
    (crop,) = frame.crops([[20, 20, 40, 40]], (40, 40), padding=0.5)
    assert (crop == PICTURE[10:50, 10:50]).all()
    nothing = frame.crops([[200, 10, 220, 30], [5, 5, 5, 5], [np.nan] * 4], (8, 8))
    assert not nothing.any()


def test_any_format_gives_the_crops_of_its_bgr() -> None:
    frame = ff.Frame.from_array(PICTURE).to("i420")
    (crop,) = frame.crops([[11, 21, 43, 45]], (32, 24))
    assert (crop == frame.bgr[21:45, 11:43]).all()
    assert frame.crops([], (8, 8)).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([[1, 2, 3]], (8, 8)), {}, r"shape \(n, 4\)"),
        (([[1, 2, 3, 4]], (0, 8)), {}, "each at least 1"),
        (([[1, 2, 3, 4]], (8, 5000)), {}, "1 to 4096 pixels a side"),
        (([[1, 2, 3, 4]], (8, 8)), {"padding": -1}, "a padding of 0 to 10"),
        (([[1, 2, 3, 4]] * 30, (4000, 4000)), {}, "at most 1 GiB"),
    ],
)
def test_numbers_that_cannot_be_are_said(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.Frame.from_array(PICTURE).crops(*arguments, **options)
