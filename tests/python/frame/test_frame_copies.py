"""Copies of frames, and frames passed to NumPy and DLPack."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import gc
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from rigs.frame_arrays import FORMATS, SHAPES, noise

import freshframe as ff


def test_a_copy_is_writable_and_independent() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    mine = frame.copy()
    mine[:] = 0
    assert np.array_equal(frame.array, noise("bgr"))
    assert mine.flags.c_contiguous
    assert mine.flags.owndata or mine.base is not frame.array


@pytest.mark.parametrize("format_", FORMATS)
def test_a_copy_in_another_format_is_writable(format_: Any) -> None:
    mine = ff.Frame.from_array(noise("bgr"), "bgr").copy(format_)
    assert mine.shape == SHAPES[format_]
    mine[:] = 1


def test_numpy_takes_a_frame_as_its_array() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    assert np.shares_memory(np.asarray(frame), frame.array)
    assert np.asarray(frame, dtype=np.float32).dtype == np.float32
    mine = np.array(frame)
    mine[:] = 0
    assert np.array_equal(frame.array, noise("bgr"))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="copy= came with NumPy 2")
def test_numpy_may_forbid_the_copy() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    assert np.shares_memory(np.array(frame, copy=False), frame.array)
    with pytest.raises(ValueError, match="copy"):
        np.array(frame, dtype=np.float32, copy=False)


@pytest.mark.parametrize("format_", ["nv12", "i420", "i422", "i444"])
def test_a_frame_with_planes_is_no_array_of_pixels_and_names_the_arrays_that_it_has(format_: Any) -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr").to(format_)
    message = (
        rf"a frame in {format_} is not an array of pixels: use frame\.bgr or frame\.luma, or frame\.array"
    )
    with pytest.raises(ff.OptionError, match=message):
        np.asarray(frame)
    with pytest.raises(ff.OptionError, match=message):
        np.from_dlpack(frame)
    assert np.asarray(frame.to("gray")).ndim == 2


def test_dlpack_gives_the_array_without_a_copy_where_read_only_can_be_said() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    assert frame.__dlpack_device__() == (1, 0)  # the CPU
    array = np.from_dlpack(frame)
    assert np.array_equal(array, frame.array)
    if np.shares_memory(array, frame.array):
        assert not array.flags.writeable


def test_dlpack_of_old_consumers_is_a_copy_of_their_own() -> None:
    class Old:
        def __init__(self, frame: ff.Frame) -> None:
            self.frame = frame

        def __dlpack__(self, **_: object) -> object:
            return self.frame.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.frame.__dlpack_device__()

    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    array = np.from_dlpack(Old(frame))  # type: ignore[arg-type]
    assert np.array_equal(array, frame.array)
    assert not np.shares_memory(array, frame.array)


@pytest.mark.slow
def test_a_dlpack_capsule_that_is_never_taken_is_freed() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    for _ in range(10):
        frame.__dlpack__(max_version=(1, 0))
        frame.__dlpack__()
    gc.collect()
    assert np.array_equal(frame.array, noise("bgr"))


def test_copying_a_frame_object_copies_no_pixels() -> None:
    frame = ff.Frame.from_array(noise("bgr"), "bgr")
    for other in (copy.copy(frame), copy.deepcopy(frame)):
        assert np.shares_memory(other.array, frame.array)


@pytest.mark.needs_gil
@pytest.mark.parametrize(("format_", "shape"), [("bgr", (480, 640, 3)), ("i420", (720, 640))])
def test_a_short_copy_lets_no_other_thread_in(format_: Any, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, np.uint8)
    gate = threading.Lock()
    ran: list[bool] = []

    def other() -> None:
        with gate:
            ran.append(True)

    interval = sys.getswitchinterval()
    gate.acquire()
    thread = threading.Thread(target=other)
    sys.setswitchinterval(100)  # from here on, a thread runs only when the other one releases the GIL
    try:
        thread.start()  # returns only when the other thread waits for the gate
        gate.release()
        wanted = time.perf_counter() + 0.02
        while time.perf_counter() < wanted:
            pass
        for _ in range(20):
            ff.Frame.from_array(array, format_)
        let_in = bool(ran)
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert not let_in
