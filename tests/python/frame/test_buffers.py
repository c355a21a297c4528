"""Arrays that are not NumPy's: ctypes, memoryviews, and columns of results made of them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from support import Push

import freshframe as ff


def gray_picture() -> Any:
    picture = ((ctypes.c_uint8 * 64) * 48)()
    picture[5][7] = 200
    return picture


@pytest.mark.parametrize("copy", [True, False])
def test_a_frame_of_a_ctypes_array(copy: bool) -> None:
    frame = ff.Frame.from_array(gray_picture(), "gray", copy=copy)
    assert frame.luma.shape == (48, 64)
    assert frame.luma[5, 7] == 200


def test_detect_circles_in_a_ctypes_array() -> None:
    assert len(ff.CircleDetector().detect(gray_picture()).xyr) == 0


def test_a_mock_camera_that_shows_a_ctypes_array() -> None:
    for picture in (gray_picture(), ((ctypes.c_uint8 * 3 * 64) * 48)()):
        sample = next(iter(ff.stream(ff.testing.MockCamera(picture, fps=100))))
        assert (sample.value.width, sample.value.height) == (64, 48)


@pytest.mark.parametrize("base", [bytearray, memoryview])
def test_a_shared_frame_keeps_the_buffer_of_a_memoryview_that_was_released(base: type[Any]) -> None:
    memory = bytearray(64 * 48)
    view = memoryview(base(memory) if base is memoryview else memory).cast("B", (48, 64))
    frame = ff.Frame.from_array(view, "gray", copy=False)
    view.release()
    if base is bytearray:
        with pytest.raises(BufferError):
            memory.clear()
    assert frame.luma.sum() == 0


def passed_on(circles: ff.Circles) -> ff.Circles:
    """Returns the circles that a reader downstream of a Python node receives."""
    source = Push(live=False)
    source.push(0)
    source.end()

    def find(value: int) -> ff.Circles:
        return circles

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(find, pipeline.add(source)))
    with pipeline:
        (sample,) = list(reader)
    result: ff.Circles = sample.value
    return result


COLUMNS = {
    "tracker_id": np.array([7, 8]),
    "velocity": np.array([[1, 2], [3, 4]], np.float32),
    "track_age": np.array([5, 6], np.float32),
    "track_confidence": np.array([0.5, 0.25], np.float32),
}


@pytest.mark.parametrize("given", range(16))
def test_circles_of_a_python_node_keep_each_column_on_its_own(given: int) -> None:
    columns = {name: column for n, (name, column) in enumerate(COLUMNS.items()) if given >> n & 1}
    found = passed_on(ff.Circles(np.ones((2, 3), np.float32), np.ones(2, np.float32), **columns))
    for name in COLUMNS:
        if name in columns:
            np.testing.assert_array_equal(getattr(found, name), columns[name])
        else:
            assert getattr(found, name) is None


def test_columns_of_circles_may_be_ctypes_arrays() -> None:
    found = passed_on(ff.Circles((ctypes.c_float * 3 * 4)(), np.zeros(4, np.float32)))
    assert found.xyr.shape == (4, 3)
