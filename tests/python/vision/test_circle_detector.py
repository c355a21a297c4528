"""CircleDetector.detect(): accepted arrays, errors for others, the GIL, threads."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import at_once

import freshframe as ff

Array = npt.NDArray[np.uint8]

DISCS = ((150.0, 100.0, 40.0, 190), (70.0, 170.0, 25.0, 30), (260.0, 60.0, 18.0, 220))


def scene(seed: int = 1, height: int = 240, width: int = 320) -> Array:
    """Returns three discs with noise, in grey."""
    y, x = np.mgrid[:height, :width]
    picture = np.full((height, width), 110.0)
    for cx, cy, r, grey in DISCS:
        cover = np.clip(r + 0.5 - np.hypot(x - cx, y - cy), 0, 1)
        picture += (grey - picture) * cover
    picture += np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.asarray(picture.clip(0, 255), np.uint8)


def colour(gray: Array) -> Array:
    """Returns a BGR image with nearly the same luma."""
    return np.ascontiguousarray(np.repeat(gray[..., None], 3, axis=2))


def same(a: ff.Circles, b: ff.Circles) -> bool:
    return np.array_equal(a.xyr, b.xyr) and np.array_equal(a.confidence, b.confidence)


def inside(array: Array) -> Array:
    """Returns the array as a view into a larger one."""
    large = np.full((array.shape[0] + 10, array.shape[1] + 14, *array.shape[2:]), 7, np.uint8)
    part = large[4:-6, 5:-9]
    part[:] = array
    return part


def every_second(array: Array) -> Array:
    large = np.zeros((2 * array.shape[0], 2 * array.shape[1], *array.shape[2:]), np.uint8)
    part = large[::2, ::2]
    part[:] = array
    return part


def read_only(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda a: a,
    "a part of a larger one": inside,
    "every second pixel": every_second,
    "rows from the bottom": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "columns from the right": lambda a: np.ascontiguousarray(a[:, ::-1])[:, ::-1],
    "both reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "Fortran order": np.asfortranarray,
    "read-only": read_only,
    "a subclass": lambda a: a.view(np.recarray),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["gray", "bgr"])
def test_the_layout_of_an_array_makes_no_difference(layout: str, kind: str) -> None:
    plain = scene() if kind == "gray" else colour(scene())
    expected = ff.CircleDetector().detect(plain)
    assert len(expected) == len(DISCS)
    array = LAYOUTS[layout](plain)
    before = array.copy()
    assert same(ff.CircleDetector().detect(array), expected)
    assert np.array_equal(array, before)


def test_rgb_seen_through_a_reversed_axis_is_bgr() -> None:
    rgb = colour(scene())
    rgb[..., 0] //= 2
    assert same(ff.CircleDetector().detect(rgb[..., ::-1]), ff.CircleDetector().detect(rgb[..., ::-1].copy()))


def test_one_channel_of_a_picture_is_a_gray_picture() -> None:
    gray = scene()
    assert same(ff.CircleDetector().detect(colour(gray)[..., 1]), ff.CircleDetector().detect(gray))


def test_the_same_row_over_and_over_is_a_picture() -> None:
    bars = np.broadcast_to(scene()[100], (240, 320))
    assert same(ff.CircleDetector().detect(bars), ff.CircleDetector().detect(bars.copy()))


def test_the_discs_are_where_they_were_drawn() -> None:
    found = ff.CircleDetector().detect(scene())
    for cx, cy, r, _ in DISCS:
        assert np.abs(found.xyr - (cx, cy, r)).max(axis=1).min() < 0.5
    assert found.tracker_id is None
    assert (np.diff(found.confidence) <= 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 7), (2, 3, 3), (9, 9)])
def test_a_picture_too_small_for_a_circle_has_none(shape: tuple[int, ...]) -> None:
    assert len(ff.CircleDetector().detect(np.full(shape, 200, np.uint8))) == 0


@pytest.mark.parametrize("path", ["picture.png", Path("picture.png")])
def test_a_path_is_refused_with_the_function_that_reads_it(path: object) -> None:
    with pytest.raises(ff.OptionTypeError, match=r"got [\w.]+; Frame\.read\(\) reads a file"):
        ff.CircleDetector().detect(path)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32", "float64", "complex64"])
def test_other_types_than_uint8_are_refused_by_name(dtype: str) -> None:
    with pytest.raises(ff.OptionTypeError, match=rf"CircleDetector.detect\(\) needs a uint8 array.*{dtype}"):
        ff.CircleDetector().detect(np.zeros((20, 20), dtype))


@pytest.mark.parametrize("thing", [None, 3, "picture.png", [[1, 2], [3, 4]]])
def test_an_object_that_is_no_array_is_refused_by_its_type(thing: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match=rf"CircleDetector.detect\(\) needs.*{type(thing).__name__}"):
        ff.CircleDetector().detect(thing)


@pytest.mark.parametrize("shape", [(), (20,), (20, 20, 1), (20, 20, 2), (20, 20, 4), (1, 20, 20, 3)])
def test_other_shapes_are_refused_with_the_shape(shape: tuple[int, ...]) -> None:
    found = ", ".join(map(str, shape))
    with pytest.raises(
        ff.OptionError, match=rf"CircleDetector.detect\(\) needs.*\(height, width\).*\({found}"
    ):
        ff.CircleDetector().detect(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(0, 0), (0, 20), (20, 0), (0, 20, 3), (20, 0, 3)])
def test_a_picture_without_pixels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ff.OptionError, match=r"(?i)pixel|empty|1 x 1|at least"):
        ff.CircleDetector().detect(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": (1, 50)}, r"min_radius.*at least 2.*1"),
        ({"radius": (50, 20)}, r"radius.*smallest < largest.*50, 20"),
        ({"max_circles": 0}, r"max_circles.*0"),
        ({"max_circles": 501}, r"max_circles must be from 1 to 500"),
        ({"max_circles": 2**40}, r"max_circles must be below 2147483648, got 1099511627776"),
        ({"min_confidence": 1.5}, r"min_confidence.*0 to 1.*1\.5"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.CircleDetector(**options).detect(scene())


def test_options_may_be_numpys_numbers() -> None:
    want = ff.CircleDetector(radius=(8, 30), max_circles=2).detect(scene())
    numbers: list[Any] = [np.array([8, 30]), (np.float32(8), np.int32(30)), (8.0, 30)]
    most: Any = np.int64(2)
    for radius in numbers:
        assert same(want, ff.CircleDetector(radius=radius, max_circles=most).detect(scene()))


def test_options_choose_the_circles_that_are_reported() -> None:
    assert len(ff.CircleDetector(max_circles=2).detect(scene())) == 2
    small = ff.CircleDetector(radius=(8, 30)).detect(scene()).xyr[:, 2]
    assert len(small) == 2
    assert (small < 30).all()
    assert same(
        ff.CircleDetector().detect(scene()), ff.CircleDetector(radius=(8, 120)).detect(scene())
    )  # others came between


@pytest.fixture
def hardly_ever_switching() -> Iterator[None]:
    """Sets a switch interval so long that other threads run only when one releases the GIL."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hardly_ever_switching")
def test_python_goes_on_meanwhile() -> None:
    counted = 0
    done = False
    start = threading.Barrier(2)

    def count() -> None:
        nonlocal counted
        start.wait()
        while not done:
            counted += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    thread.start()
    start.wait()
    picture = scene(height=960, width=1280)
    before = counted
    for _ in range(1000):  # retries until the machine has given the other thread a core
        ff.CircleDetector().detect(picture)
        if counted != before:
            break
    moved = counted != before
    done = True
    thread.join()
    assert moved


def test_threads_get_what_one_thread_gets() -> None:
    pictures = [scene(seed) for seed in range(4)]
    expected = [ff.CircleDetector().detect(p) for p in pictures]

    def work(turn: int) -> list[int]:
        turns = [(n + turn) % 4 for n in range(12)]
        return [n for n in turns if not same(ff.CircleDetector().detect(pictures[n]), expected[n])]

    assert at_once(*(functools.partial(work, turn) for turn in range(4))) == [[]] * 4


def test_a_detector_in_a_pipeline_finds_the_same() -> None:
    picture = scene()
    alone = ff.CircleDetector().detect(picture)
    with ff.stream(ff.testing.MockCamera(picture, fps=200), ff.CircleDetector()) as stream:
        assert same(next(iter(stream)).value, alone)


def test_the_rings_of_a_target_are_reported_when_asked() -> None:
    """Three circles around one centre if asked for, else one."""
    y, x = np.mgrid[:200, :240]
    distance = np.hypot(x - 120.3, y - 99.6)
    picture = np.full(distance.shape, 200.0)
    for r, grey in ((70, 40), (46, 210), (22, 60)):
        picture += (grey - picture) * np.clip(r + 0.5 - distance, 0, 1)
    target = picture.astype(np.uint8)
    assert len(ff.CircleDetector().detect(target)) == 1
    rings = ff.CircleDetector(concentric=True).detect(target)
    assert sorted(rings.xyr[:, 2]) == pytest.approx([22, 46, 70], abs=0.3)
