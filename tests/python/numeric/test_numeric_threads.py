"""freshframe.numeric and other threads: they run in the meantime, and cannot free the memory."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rigs.numeric_arrays import RANDOM, Array
from support import at_once, run_program, until

from freshframe import numeric

LONG = np.broadcast_to(np.arange(1 << 16, dtype=np.float64), (4000, 1 << 16))  # 2 GB to read, 512 KB to keep


def test_other_threads_run_while_a_large_array_is_summed() -> None:
    expected = float(4000 * sum(range(1 << 16)))
    turns = itertools.count()
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            next(turns)
            time.sleep(0)  # otherwise the thread would not release the GIL

    def lets_others_run() -> bool:
        first = next(turns)
        assert numeric.sum(LONG) == expected
        return next(turns) > first + 1

    counter = threading.Thread(target=count)
    before = sys.getswitchinterval()
    counter.start()
    try:
        # No thread is forced to release the GIL, so those that run got it from the call.
        sys.setswitchinterval(1000)
        until(lambda: next(turns) > 100, "the counter does not count")
        until(lets_others_run, "no other thread runs meanwhile")
    finally:
        stop.set()
        sys.setswitchinterval(before)
        counter.join()


@pytest.mark.needs_gil
def test_a_small_array_keeps_the_gil() -> None:
    marks: list[None] = []
    stop = threading.Event()

    def mark() -> None:
        while not stop.is_set():
            marks.append(None)
            time.sleep(0)

    x = np.ones(10_000)
    marker = threading.Thread(target=mark)
    before = sys.getswitchinterval()
    marker.start()
    try:
        until(lambda: marks, "the marker does not run")
        sys.setswitchinterval(1000)
        seen = len(marks)
        for _ in range(100):
            numeric.sum(x)
            numeric.absdiff_mean(x, x)
        assert len(marks) == seen
    finally:
        sys.setswitchinterval(before)
        stop.set()
        marker.join()


def test_threads_may_all_be_the_first_to_sum() -> None:
    """An import may release the GIL. No thread may wait for the end of the import while it holds the GIL."""
    ended = run_program("""
        import builtins, threading, time
        import freshframe.numeric as numeric

        real = builtins.__import__

        def slow(*arguments):
            time.sleep(0.01)
            return real(*arguments)

        builtins.__import__ = slow
        start = threading.Barrier(3)
        sums = []

        def work():
            start.wait()
            sums.append(numeric.sum(b"abc"))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(*sums)
        """)
    assert (ended.code, ended.out, ended.complaints) == (0, "294 294 294\n", "")


def test_threads_that_sum_the_same_array_get_the_same_result() -> None:
    x = RANDOM.standard_normal(4_000_000)
    expected = numeric.sum(x)

    def work() -> list[float]:
        return [numeric.sum(x, threads=threads) for threads in (1, 2, 3)]

    assert at_once(*[work] * 4) == [[expected] * 3] * 4


def while_summing(data: Any, expected: float, disturb: Callable[[], bool]) -> None:
    """Sums repeatedly until `disturb()`, which another thread calls, has returned True."""
    done = threading.Event()
    errors: list[BaseException] = []

    def disturber() -> None:
        try:
            until(disturb, "the sum was never disturbed")
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    other = threading.Thread(target=disturber)
    other.start()
    while not done.is_set():
        assert numeric.sum(data) == expected
    other.join()
    assert errors == []


def test_an_array_that_is_summed_cannot_be_resized() -> None:
    x = np.ones(8_000_000)

    def resize() -> bool:
        with pytest.raises(ValueError, match="cannot resize"):
            x.resize(16)
        return True

    while_summing(x, 8e6, resize)
    assert x.size == 8_000_000


def test_a_bytearray_that_is_summed_cannot_be_resized() -> None:
    """Only the sum's own export of the buffer prevents the resize, and it is released afterwards."""
    data = bytearray(64_000_000)

    def grow() -> bool:
        try:
            data.extend(b"")
            data.append(0)
            data.pop()  # without a GIL, the sum may have started in the meantime
        except BufferError:
            return True
        return False

    while_summing(data, 0, grow)
    data.append(1)
    assert numeric.sum(data) == 1


@pytest.mark.parametrize("rebound", [False, True])
def test_the_last_name_of_an_array_may_be_deleted_or_rebound_while_it_is_summed(rebound: bool) -> None:
    box: dict[str, Array] = {}
    deleted = threading.Event()
    taken = threading.Event()

    def delete() -> None:
        until(taken.is_set, "the array was not taken")
        if rebound:
            box["x"] = np.zeros(1)
        else:
            del box["x"]
        deleted.set()

    def take() -> Array:
        array = box["x"]
        taken.set()
        return array

    for _ in range(5):
        deleted.clear()
        taken.clear()
        box["x"] = np.ones(8_000_000)
        other = threading.Thread(target=delete)
        other.start()
        assert numeric.sum(take()) == 8e6
        other.join()
        assert deleted.is_set()
        filler = np.zeros(8_000_000)  # reuses the memory if it was freed
        assert filler[0] == 0


def test_no_reference_is_left_behind() -> None:
    x = np.ones(3_000_000)
    before = sys.getrefcount(x)
    for y in (x, x[::2]):
        numeric.sum(y)
        numeric.mean(y, threads=2)
        numeric.absdiff_mean(y, y)
        for wrong in (np.ones(3), np.ones(3, np.float32)):
            with pytest.raises((TypeError, ValueError)):
                numeric.absdiff_mean(y, wrong)
    del y
    assert sys.getrefcount(x) == before
