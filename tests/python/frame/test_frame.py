"""Frames: views without copy, conversions made once, arrays in and out, how long pixels live."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from rigs.frame_arrays import FORMATS, SHAPES, Array, noise

import freshframe as ff


@pytest.mark.parametrize("format_", FORMATS)
def test_an_array_becomes_a_frame_and_the_same_array_again(format_: Any) -> None:
    array = noise(format_)
    frame = ff.Frame.from_array(array, format_)
    assert (frame.width, frame.height, frame.format) == (64, 48, format_)
    assert frame.array.shape == SHAPES[format_]
    assert np.array_equal(frame.array, array)


def test_bgr_is_the_default_format() -> None:
    assert ff.Frame.from_array(noise("bgr")).format == "bgr"


@pytest.mark.parametrize("format_", FORMATS)
def test_a_copied_array_may_change_afterwards(format_: Any) -> None:
    array = noise(format_)
    before = array.copy()
    frame = ff.Frame.from_array(array, format_)
    array[:] = 0
    assert np.array_equal(frame.array, before)


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["gray", "bgr", "rgb"])
def test_without_a_copy_the_frame_shares_the_memory_and_keeps_it_alive(format_: Any) -> None:
    array = noise(format_)
    before = array.copy()
    frame = ff.Frame.from_array(array, format_, copy=False)
    assert np.shares_memory(frame.array, array)
    del array
    gc.collect()
    assert np.array_equal(frame.array, before)


@pytest.mark.parametrize(
    "cut",
    [np.s_[::2, ::2], np.s_[::-1], np.s_[:, ::-1], np.s_[5:40, 3:61]],
    ids=["steps", "upside down", "mirrored", "inner"],
)
def test_an_array_of_any_strides_is_copied_right(cut: Any) -> None:
    formats: list[Any] = ["gray", "bgr"]
    for format_ in formats:
        array = noise(format_)[cut]
        assert np.array_equal(ff.Frame.from_array(array, format_).array, array)


@pytest.mark.parametrize(
    "cut", [np.s_[:, ::2], np.s_[:, ::-1], np.s_[::-1]], ids=["steps", "mirrored", "upside down"]
)
def test_what_cannot_be_shared_without_a_copy_is_refused(cut: Any) -> None:
    with pytest.raises(ValueError, match=r"copy"):
        ff.Frame.from_array(noise("gray")[cut], "gray", copy=False)


@pytest.mark.parametrize(("with_alpha", "without"), [("bgra", "bgr"), ("rgba", "rgb")])
@pytest.mark.parametrize(
    "cut", [np.s_[:], np.s_[::2, ::2], np.s_[::-1], np.s_[:, ::-1], np.s_[5:40, 3:61]], ids=str
)
def test_alpha_is_dropped(with_alpha: Any, without: str, cut: Any) -> None:
    array = np.random.default_rng(3).integers(0, 256, (48, 64, 4), np.uint8)[cut]
    frame = ff.Frame.from_array(array, with_alpha)
    assert frame.format == without
    assert np.array_equal(frame.array, array[:, :, :3])
    with pytest.raises(ff.OptionError, match=r"needs pixels without alpha.*use copy=True"):
        ff.Frame.from_array(array, with_alpha, copy=False)
    with pytest.raises(ff.OptionError, match=r"a frame in .* needs an array of shape \(height, width, 4\)"):
        ff.Frame.from_array(array[:, :, :3], with_alpha)
    with pytest.raises(ff.OptionError, match="at least one pixel"):
        ff.Frame.from_array(array[:0], with_alpha)


def test_fortran_order_is_copied_right() -> None:
    array = np.asfortranarray(noise("bgr"))
    assert np.array_equal(ff.Frame.from_array(array, "bgr").array, array)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (65, 49)])
def test_odd_sizes_work(size: tuple[int, int]) -> None:
    array = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), np.uint8)
    frame = ff.Frame.from_array(array, "bgr")
    assert np.array_equal(frame.rgb, array[..., ::-1])
    assert frame.luma.shape == (size[1], size[0])


@pytest.mark.parametrize("format_", ["i420", "nv12"])
def test_an_odd_size_of_a_subsampled_format_has_no_single_array_but_says_what_to_use(format_: Any) -> None:
    frame = ff.Frame.from_array(np.zeros((5, 7, 3), np.uint8), "bgr").to(format_)
    assert (frame.width, frame.height) == (7, 5)
    with pytest.raises(ValueError, match=r"planes.*luma.*bgr"):
        _ = frame.array
    assert frame.luma.shape == (5, 7)
    assert frame.bgr.shape == (5, 7, 3)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_array_of_a_frame_is_read_only(format_: Any) -> None:
    frame = ff.Frame.from_array(noise(format_), format_)
    arrays = [frame.array, frame.luma, frame.bgr, frame.rgb, *(np.asarray(plane) for plane in frame.planes)]
    for array in arrays:
        assert array.dtype == np.uint8
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        with pytest.raises(ValueError, match=r"(?i)write"):
            array.setflags(write=True)


@pytest.mark.parametrize("format_", ["gray", "nv12", "i420", "i422", "i444"])
def test_luma_is_a_view_of_plane_0(format_: Any) -> None:
    array = noise(format_)
    frame = ff.Frame.from_array(array, format_)
    luma = array[0] if format_ == "i444" else array[:48]
    assert np.array_equal(frame.luma, luma)
    assert np.shares_memory(frame.luma, np.asarray(frame.planes[0]))
    assert np.shares_memory(frame.luma, frame.luma)


def test_planes_have_the_shapes_of_their_format() -> None:
    shapes: dict[Any, list[Any]] = {
        "gray": [(48, 64)],
        "bgr": [(48, 64, 3)],
        "i420": [(48, 64), (24, 32), (24, 32)],
        "i422": [(48, 64), (48, 32), (48, 32)],
        "i444": [(48, 64)] * 3,
    }
    for format_, expected in shapes.items():
        frame = ff.Frame.from_array(noise(format_), format_)
        found = [np.asarray(plane).shape for plane in frame.planes]
        assert [int(np.prod(shape)) for shape in found] == [int(np.prod(shape)) for shape in expected], (
            format_
        )
        assert isinstance(frame.planes, tuple)


def test_nv12_has_one_plane_of_luma_and_one_of_pairs() -> None:
    array = noise("nv12")
    luma, chroma = (np.asarray(plane) for plane in ff.Frame.from_array(array, "nv12").planes)
    assert np.array_equal(luma, array[:48])
    assert np.array_equal(chroma.reshape(24, 64), array[48:])


@pytest.mark.slow
def test_pixels_live_as_long_as_any_view() -> None:
    frame = ff.Frame.from_array(noise("i420"), "i420")
    expected = {name: getattr(frame, name).copy() for name in ("luma", "bgr", "array")}
    views = {name: getattr(frame, name) for name in expected}
    plane = np.asarray(frame.planes[1])
    chroma = plane.copy()
    del frame
    gc.collect()
    _ = [
        ff.Frame.from_array(noise("i420", seed), "i420").bgr for seed in range(2, 30)
    ]  # these would reuse the memory
    for name, view in views.items():
        assert np.array_equal(view, expected[name]), name
    assert np.array_equal(plane, chroma)


def test_a_frame_is_immutable_and_has_a_telling_repr() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    for name in ("width", "height", "format", "luma", "bgr", "array", "planes", "color_range"):
        with pytest.raises(AttributeError):
            setattr(frame, name, 1)
    assert "64x48" in repr(frame)
    assert "bgr" in repr(frame)


def disc(dark: int, bright: int) -> Array:
    """Returns an image with a disc of radius 40 around (150, 100)."""
    y, x = np.mgrid[:240, :320]
    inside = np.clip(40.5 - np.hypot(x - 150, y - 100), 0, 1)
    pixels: Array = (dark + (bright - dark) * inside).astype(np.uint8)
    return pixels


def test_circles_are_found_in_an_array_and_in_a_frame_alike() -> None:
    array = disc(60, 140)
    found = ff.CircleDetector().detect(array)
    assert len(found.xyr) >= 1
    assert np.array_equal(ff.CircleDetector().detect(ff.Frame.from_array(array, "gray").luma).xyr, found.xyr)


def test_an_array_with_more_rows_than_a_frame_can_have_is_refused() -> None:
    with pytest.raises(ff.FreshframeError, match="at most 2147483647 rows"):
        ff.Frame.from_array(np.broadcast_to(np.uint8(7), (2**32 + 5, 4)), "gray")
