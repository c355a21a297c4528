"""Conversions between pixel formats: the right colours, made once and shared."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import threading
from typing import Any, get_args

import numpy as np
import pytest
from rigs.frame_arrays import FORMATS, SHAPES, Array, noise
from support import picture

import freshframe as ff


def uniform(y: int, u: int, v: int, size: tuple[int, int] = (64, 48)) -> ff.Frame:
    """An i420 frame of one colour."""
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


COLOURS = [  # limited range BT.601: (Y, U, V) and (R, G, B)
    ((16, 128, 128), (0, 0, 0)),
    ((235, 128, 128), (255, 255, 255)),
    ((126, 128, 128), (128, 128, 128)),
    ((81, 90, 240), (255, 0, 0)),
    ((145, 54, 34), (0, 255, 0)),
    ((41, 240, 110), (0, 0, 255)),
]


@pytest.mark.parametrize(("yuv", "rgb"), COLOURS)
def test_small_video_is_taken_as_bt601_limited(yuv: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    frame = uniform(*yuv)
    assert np.abs(frame.rgb.astype(int) - rgb).max() <= 3
    assert np.array_equal(frame.bgr, frame.rgb[..., ::-1])


@pytest.mark.parametrize("format_", ["i420", "nv12", "i422", "i444"])
@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (128, 128, 128)])
def test_a_colour_survives_the_way_through_each_yuv_format(format_: Any, rgb: tuple[int, int, int]) -> None:
    array = np.empty((48, 64, 3), np.uint8)
    array[:] = rgb
    there = ff.Frame.from_array(array, "rgb").to(format_)
    assert there.format == format_
    assert np.abs(there.rgb.astype(int) - rgb).max() <= 4
    assert np.abs(there.to("bgr").array.astype(int) - np.array(rgb)[::-1]).max() <= 4


def test_to_its_own_format_is_the_same_pixels() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    assert np.shares_memory(frame.to("bgr").array, frame.array)


def test_to_gray_of_video_is_its_luma() -> None:
    frame = ff.Frame.from_array(noise("i420"), "i420")
    assert np.array_equal(frame.to("gray").array, frame.luma)


def test_gray_becomes_colour_with_three_equal_channels() -> None:
    frame = ff.Frame.from_array(picture(99), "gray")
    assert np.ptp(frame.bgr.astype(int), axis=2).max() == 0


def test_a_frame_has_its_range_and_matrix() -> None:
    frame = uniform(16, 128, 128)
    assert frame.color_range in ("limited", "full")
    assert isinstance(frame.color_space, str)


def test_many_threads_may_convert_one_frame_at_once() -> None:
    for seed in range(10):
        frame = ff.Frame.from_array(noise("i420", seed), "i420")
        barrier = threading.Barrier(4)
        results: list[Array] = []

        def convert(
            frame: ff.Frame = frame, barrier: threading.Barrier = barrier, results: list[Array] = results
        ) -> None:
            barrier.wait()
            results.append(frame.bgr)

        threads = [threading.Thread(target=convert) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(np.shares_memory(result, results[0]) for result in results)


def test_the_pixel_formats_of_the_type_are_those_of_the_engine() -> None:
    assert set(get_args(ff.types.PixelFormat)) == set(SHAPES)
