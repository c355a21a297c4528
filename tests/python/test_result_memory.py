"""The columns of native results: views of their memory, which they keep."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc

import numpy as np
import numpy.typing as npt
import pytest

import freshframe as ff

SCENE = "demo:circles?fps=30&size=640x480&balls=4&seed=1&pace=0&frames=5"


def tracked() -> ff.Circles:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE))), frames=False)
    with pipeline:
        *_, last = reader
    return last.value


def columns(circles: ff.Circles) -> list[npt.NDArray[np.generic]]:
    found = [
        circles.xyr,
        circles.confidence,
        circles.tracker_id,
        circles.velocity,
        circles.age,
        circles.track_confidence,
    ]
    return [column for column in found if column is not None]


def test_columns_are_read_only_views_of_one_result() -> None:
    arrays = columns(tracked())
    n = len(arrays[0])
    assert n > 0
    assert [array.shape for array in arrays] == [
        (n, 3),
        (n,),
        (n,),
        (n, 2),
        (n,),
        (n,),
    ]
    assert [array.dtype.name for array in arrays] == ["float32"] * 2 + ["int64"] + ["float32"] * 3
    assert len({id(array.base) for array in arrays}) == 1
    for array in arrays:
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.flags.writeable = True


def test_columns_lie_beside_each_other() -> None:
    xyr, confidence, _, velocity, age, track_confidence = columns(tracked())
    assert confidence.strides == xyr.strides[:1]
    assert confidence.ctypes.data == xyr.ctypes.data + 3 * xyr.itemsize
    assert age.ctypes.data == velocity.ctypes.data + 2 * age.itemsize
    assert track_confidence.ctypes.data == age.ctypes.data + age.itemsize


def test_a_column_keeps_the_memory_when_all_else_is_gone() -> None:
    circles = tracked()
    radii, before = circles.xyr[:, 2], circles.xyr[:, 2].copy()
    del circles
    gc.collect()
    others = [tracked() for _ in range(3)]
    assert np.array_equal(radii, before)
    assert others


def test_the_columns_of_nothing_have_their_shapes() -> None:
    found = ff.detect_circles(np.zeros((64, 64), np.uint8))
    assert (found.xyr.shape, found.confidence.shape, found.tracker_id) == ((0, 3), (0,), None)
    assert len(found) == 0
