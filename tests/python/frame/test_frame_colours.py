"""Conversions between pixel formats: the right colours, made once and shared."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
from typing import Any, get_args

import numpy as np
import pytest
from rigs.frame_arrays import FORMATS, SHAPES, noise

import freshframe as ff


def uniform(y: int, u: int, v: int, size: tuple[int, int] = (64, 48)) -> ff.Frame:
    """Returns an i420 frame of one colour."""
    width, height = size
    array = np.empty((height * 3 // 2, width), np.uint8)
    array[:height] = y
    array[height : height + height // 4] = u
    array[height + height // 4 :] = v
    return ff.Frame.from_array(array, "i420")


def test_luma_of_a_colour_frame_is_converted_once() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    assert np.shares_memory(frame.luma, frame.luma)
    grey = ff.Frame.from_array(np.full((4, 4, 3), 128, np.uint8), "bgr").luma
    assert np.abs(grey.astype(int) - 126).max() <= 2  # 16 + 128 * 219 / 255


@pytest.mark.parametrize("format_", FORMATS)
def test_conversions_are_made_once_and_shared(format_: Any) -> None:
    frame = ff.Frame.from_array(noise(format_), format_)
    for name in ("bgr", "rgb", "array"):
        assert np.shares_memory(getattr(frame, name), getattr(frame, name)), name
    assert np.shares_memory(copy.copy(frame).bgr, frame.bgr)


@pytest.mark.parametrize("format_", ["i420", "nv12", "i422", "i444"])
@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (128, 128, 128)])
def test_a_colour_survives_the_way_through_each_yuv_format(format_: Any, rgb: tuple[int, int, int]) -> None:
    array = np.empty((48, 64, 3), np.uint8)
    array[:] = rgb
    there = ff.Frame.from_array(array, "rgb").to(format_)
    assert there.format == format_
    assert np.abs(there.rgb.astype(int) - rgb).max() <= 4
    assert np.abs(there.to("bgr").array.astype(int) - np.array(rgb)[::-1]).max() <= 4


def test_a_frame_has_its_range_and_matrix() -> None:
    frame = uniform(16, 128, 128)
    assert frame.color_range in ("limited", "full")
    assert isinstance(frame.color_space, str)


def test_the_pixel_formats_of_the_type_are_those_of_the_engine() -> None:
    assert set(get_args(ff.types.Format)) == set(SHAPES)
