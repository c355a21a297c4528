"""frame.jpeg() encodes the image as a JPEG file."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import freshframe as ff


def picture() -> npt.NDArray[np.uint8]:
    """Two colours plus noise, so that a higher quality costs more bytes."""
    array = np.full((120, 160, 3), (30, 60, 200), np.uint8)
    array[:, 80:] = (200, 40, 90)
    array[80:] = np.random.default_rng(0).integers(0, 255, (40, 160, 3), np.uint8)
    return array


def read(data: bytes, path: Path) -> ff.Frame:
    path.write_bytes(data)
    return ff.Frame.read(path)


@pytest.mark.parametrize("colours", ["bgr", "rgb"])
def test_the_file_shows_the_picture(tmp_path: Path, colours: Any) -> None:
    frame = ff.Frame.from_array(picture(), colours)
    shown = read(frame.jpeg(quality=95), tmp_path / "shown.jpg")
    assert (shown.width, shown.height) == (160, 120)
    array = shown.bgr if colours == "bgr" else shown.rgb
    for x in (20, 140):
        assert np.abs(array[40, x].astype(int) - picture()[40, x]).max() <= 4


def test_quality_costs_bytes_and_buys_likeness(tmp_path: Path) -> None:
    frame = ff.Frame.from_array(picture())
    files = [frame.jpeg(quality=quality) for quality in (1, 30, 80, 100)]
    assert [len(file) for file in files] == sorted({len(file) for file in files})
    apart = [np.abs(read(file, tmp_path / "a.jpg").luma.astype(int) - frame.luma).mean() for file in files]
    assert apart == sorted(apart, reverse=True)
    assert len(frame.jpeg()) == len(files[2])  # 80


def test_a_picture_with_a_longer_side_is_scaled_down(tmp_path: Path) -> None:
    frame = ff.Frame.from_array(picture())
    small = read(frame.jpeg(max_side=40), tmp_path / "small.jpg")
    assert (small.width, small.height) == (40, 30)
    upright = ff.Frame.from_array(np.ascontiguousarray(picture().swapaxes(0, 1)))
    small = read(upright.jpeg(max_side=40), tmp_path / "upright.jpg")
    assert (small.width, small.height) == (30, 40)
    same = read(frame.jpeg(max_side=4000), tmp_path / "same.jpg")
    assert (same.width, same.height) == (160, 120)


def test_a_gray_frame_has_no_colours(tmp_path: Path) -> None:
    frame = ff.Frame.from_array(picture()[:, :, 0].copy(), "gray")
    shown = read(frame.jpeg(quality=95), tmp_path / "gray.jpg").bgr
    assert np.abs(shown[40, 20].astype(int) - 30).max() <= 4


@pytest.mark.parametrize("options", [{"quality": 0}, {"quality": 101}, {"max_side": 0}, {"max_side": -3}])
def test_impossible_numbers_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ff.OptionError, match=r"quality|max_side"):
        ff.Frame.from_array(picture()).jpeg(**options)
