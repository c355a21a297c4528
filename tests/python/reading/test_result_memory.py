"""The columns of native results: views that keep the results' memory alive."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import warnings
import weakref

import numpy as np
import numpy.typing as npt
import pytest
from support import until

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
        circles.track_age,
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


@pytest.mark.slow
def test_a_column_keeps_the_memory_when_all_else_is_gone() -> None:
    circles = tracked()
    radii, before = circles.xyr[:, 2], circles.xyr[:, 2].copy()
    del circles
    gc.collect()
    others = [tracked() for _ in range(3)]
    assert np.array_equal(radii, before)
    assert others


def test_the_columns_of_nothing_have_their_shapes() -> None:
    found = ff.CircleDetector().detect(np.zeros((64, 64), np.uint8))
    assert (found.xyr.shape, found.confidence.shape, found.tracker_id) == ((0, 3), (0,), None)
    assert len(found) == 0


# ---- results are reused, but only those without references


def live_reader(pipeline: ff.Pipeline) -> ff.Reader[ff.Circles]:
    scene = "demo:circles?fps=100&size=640x480&balls=4&seed=1"
    return pipeline.reader(pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(scene))), frames=False)


def next_sample(reader: ff.Reader[ff.Circles], after: int) -> ff.Sample[ff.Circles]:
    def is_newer() -> bool:
        sample = reader.latest()
        return sample is not None and sample.seq > after and len(sample.value) == 4

    until(is_newer, "a newer sample with four circles")
    newest = reader.latest()
    assert newest is not None
    return newest if len(newest.value) == 4 else next_sample(reader, after)


@pytest.mark.slow
def test_results_that_the_program_holds_never_change() -> None:
    pipeline = ff.Pipeline()
    reader = live_reader(pipeline)
    held: list[tuple[object, npt.NDArray[np.generic], bytes]] = []
    with pipeline:
        seq = -1
        for number in range(60):
            sample = next_sample(reader, seq)
            seq = sample.seq
            circles = sample.value
            assert circles.velocity is not None
            assert circles.track_age is not None
            assert circles.tracker_id is not None
            keeps: list[tuple[object, npt.NDArray[np.generic]]] = [
                (sample, circles.xyr),
                (circles, circles.velocity),
                (circles.xyr, circles.xyr),
                (circles.xyr[:, 2], circles.xyr[:, 2]),
                (circles.track_age.data, circles.track_age),
                (circles.tracker_id.base, circles.tracker_id),
                (weakref.ref(circles.confidence), circles.confidence),
            ]
            kept, array = keeps[number % len(keeps)]
            if number % len(keeps) == 6:
                kept = weakref.ref(array)
            held.append((kept, array if number % 2 else array.copy(), array.tobytes()))
            del sample, circles, keeps, kept, array
    for kept, array, before in held:
        assert array.tobytes() == before
        if isinstance(kept, np.ndarray | memoryview):
            assert kept.tobytes() == before
        elif isinstance(kept, weakref.ref):
            referent = kept()
            assert referent is None or referent.tobytes() == before


@pytest.mark.needs_gil
def test_a_result_without_references_is_used_again() -> None:
    pipeline = ff.Pipeline()
    reader = live_reader(pipeline)
    with pipeline:
        places = set()
        seq = -1
        for _ in range(30):
            sample = next_sample(reader, seq)
            seq = sample.seq
            places.add(sample.value.xyr.ctypes.data)
            del sample
    assert len(places) <= 4


def test_an_array_that_was_changed_in_place_is_not_used_again() -> None:
    pipeline = ff.Pipeline()
    reader = live_reader(pipeline)
    with pipeline:
        seq = -1
        for _ in range(12):
            sample = next_sample(reader, seq)
            seq = sample.seq
            assert sample.value.xyr.shape == (4, 3)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # from NumPy 2.5 on
                sample.value.xyr.shape = (4, 3, 1)
            del sample
        sample = next_sample(reader, seq)
        seq = sample.seq
        object.__setattr__(sample.value, "xyr", None)
        del sample
        for _ in range(6):
            sample = next_sample(reader, seq)
            seq = sample.seq
            assert sample.value.xyr.shape == (4, 3)
            del sample
