"""freshframe.numeric: what it accepts, that it is right, and that nobody pulls the memory from under it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import array
import ctypes
import itertools
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import run_program, until

import freshframe as ff
from freshframe import numeric

Array = npt.NDArray[Any]
INTEGERS = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
RANDOM = np.random.default_rng(1)


def numbers(dtype: str, shape: int | tuple[int, ...]) -> Array:
    """Random numbers over the whole range of an integer type, or of both signs."""
    if dtype == "bool":
        return RANDOM.integers(0, 2, shape).astype(bool)
    if dtype.startswith("float"):
        return RANDOM.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def exactly(x: Array) -> float | int:
    """The sum that is right."""
    return math.fsum(x.ravel().tolist()) if x.dtype.kind == "f" else sum(x.ravel().tolist())


# --- it is right --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 1000, 2049, 70_001])
def test_sum_and_mean_of_every_type_and_length(dtype: str, count: int) -> None:
    x = numbers(dtype, count)
    total = numeric.sum(x)
    assert total == exactly(x)
    assert type(total) is (float if dtype.startswith("float") else int)
    assert numeric.sum(x, compensated=True, threads=2) == total
    if count and not dtype.startswith("float"):
        assert numeric.mean(x) == exactly(x) / count


def test_integers_never_wrap() -> None:
    assert numeric.sum(np.full(1000, 2**64 - 1, np.uint64)) == 1000 * (2**64 - 1)
    assert numeric.sum(np.full(1000, -(2**63))) == -1000 * 2**63
    assert numeric.sum(np.full(3, 255, np.uint8)) == 765
    assert numeric.mean(np.full(1000, 2**64 - 1, np.uint64)) == float(2**64 - 1)
    for value in (2**63 - 1, 2**63, 2**64 - 1):  # the edges of what fits into a machine word
        assert numeric.sum(np.array([value], np.uint64)) == value
        assert numeric.sum(np.array([-value // 2, -value // 2 + 1])) == -value // 2 * 2 + 1


def test_mean_of_integers_is_rounded_once() -> None:
    x: Array = np.array([2**60 + 1, 2**60 + 2, 2**60 + 4])
    assert numeric.mean(x) == sum(x.tolist()) / 3
    assert numeric.mean(np.array([True, False, True, True])) == 0.75


def hard_cases() -> list[tuple[str, Array]]:
    """Sums that are hard to get right."""
    random = np.random.default_rng(2)
    million = 1_000_000
    signs = random.choice([-1.0, 1.0], million)
    cases = [
        ("0.1, ten million times", np.full(10_000_000, 0.1)),
        ("1e8 and 1e-3, ten million times", np.r_[1e8, np.full(10_000_000, 1e-3)]),
        ("both signs over 16 decades", signs * 10 ** random.uniform(0, 16, million)),
        ("alternating", np.where(np.arange(million + 1) % 2, -1e15, 1e15) + random.random(million + 1)),
        ("uniform", random.random(million)),
        ("normal", random.standard_normal(million)),
        ("float32", random.standard_normal(million).astype(np.float32)),
    ]
    for _ in range(200):
        length = int(10 ** random.uniform(0, 5))
        cases.append((f"{length} normal", random.standard_normal(length)))
        cases.append(
            (
                f"{length} over 16 decades",
                random.standard_normal(length) * 10 ** random.uniform(0, 16, length),
            )
        )
    return cases


def test_the_error_is_never_larger_than_numpys() -> None:
    for name, x in hard_cases():
        right = math.fsum(x)
        error = abs(numeric.sum(x) - right)
        assert error <= abs(float(x.sum()) - right), name
        assert error <= 2**-52 * abs(right), name
        assert numeric.sum(x, compensated=True) == right, name


def test_compensated_is_right_where_almost_everything_cancels() -> None:
    x = RANDOM.standard_normal(50_000) * 10 ** RANDOM.uniform(0, 25, 50_000)
    x = np.r_[x, -x, 1.0]
    RANDOM.shuffle(x)
    assert numeric.sum(x, compensated=True) == math.fsum(x) == 1.0


def test_infinities_and_nan_are_those_of_numpy() -> None:
    with np.errstate(invalid="ignore"):
        for values in itertools.product([1.0, np.inf, -np.inf, np.nan], repeat=3):
            few: Array = np.array(values)
            for x in (few, np.r_[np.ones(5000), few]):
                assert str(numeric.sum(x)) == str(float(x.sum()))
                assert str(numeric.mean(x)) == str(float(x.mean()))


def test_only_a_sum_that_is_too_large_is_infinite() -> None:
    assert numeric.sum(np.array([1e308, 1e308, -1e308])) == 1e308
    assert numeric.mean(np.array([1e308, 1e308])) == 1e308
    assert numeric.sum(np.array([1e308, 1e308])) == math.inf


def test_nothing_sums_to_zero_and_has_no_mean() -> None:
    assert numeric.sum(np.empty(0)) == 0.0
    assert numeric.sum(np.empty((3, 0), np.uint8)) == 0
    for call in (numeric.mean, lambda x: numeric.absdiff_mean(x, x)):
        with pytest.raises(ValueError, match="needs at least one number, got an empty array"):
            call(np.empty((0, 3)))


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
def test_absdiff_mean_of_every_type(dtype: str) -> None:
    a, b = numbers(dtype, (137, 211)), numbers(dtype, (137, 211))
    pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    differences = [abs(int(x) - int(y)) if dtype in INTEGERS else abs(x - y) for x, y in pairs]
    expected = (math.fsum(differences) if dtype.startswith("float") else sum(differences)) / a.size
    assert numeric.absdiff_mean(a, b) == pytest.approx(expected, rel=0 if dtype in INTEGERS else 1e-15)
    assert numeric.absdiff_mean(a, b.copy(order="F"), threads=2) == numeric.absdiff_mean(a, b)


def test_motion_between_two_luma_planes() -> None:
    frames = [ff.Frame.from_array(np.full((48, 64, 3), grey, np.uint8)) for grey in (10, 250)]
    first, second = (frame.luma for frame in frames)
    expected = abs(int(first[0, 0]) - int(second[0, 0]))
    assert numeric.absdiff_mean(first, second) == expected > 100  # uint8 would wrap
    assert numeric.absdiff_mean(second, first) == expected


# --- any layout, without a copy -----------------------------------------------------------------------------


def layouts(x: Array) -> list[tuple[str, Array]]:
    """Views of a three-dimensional array."""
    unaligned = np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape)
    read_only = x.view()
    read_only.flags.writeable = False
    return [
        ("C", x),
        ("F", np.asfortranarray(x)),
        ("transposed", x.transpose(1, 2, 0)),
        ("reversed", x[::-1, ::-1, ::-1]),
        ("partly reversed", x[:, ::-1]),
        ("every second", x[::2, ::3, ::-2]),
        ("cut out", x[3:-3, 2:-2, 1:]),
        ("one channel", x[..., 1]),
        ("broadcast", np.broadcast_to(x[:1], x.shape)),
        ("broadcast inside", np.broadcast_to(x[..., :1], x.shape)),
        ("read-only", read_only),
        ("unaligned", unaligned),
        ("no axes", x[1, 2, 2, ...]),
        ("long axis of one", x[:, :1]),
    ]


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
def test_every_layout_gives_the_exact_sum(dtype: str) -> None:
    for name, x in layouts(numbers(dtype, (30, 40, 3))):
        assert numeric.sum(x) == exactly(x), name
        assert numeric.sum(x, threads=3) == exactly(x), name


def test_the_result_does_not_depend_on_layout_or_threads() -> None:
    x = RANDOM.standard_normal((700, 800)) * 10 ** RANDOM.uniform(0, 30, (700, 800))
    results = {
        numeric.sum(view, threads=threads).hex()
        for view in (x, x.T, x[::-1], x[:, ::-1].T, np.asfortranarray(x.T))
        for threads in (1, 2, 3, 8)
    }
    assert len(results) == 1


def test_nothing_is_copied(tmp_path: Path) -> None:
    """A copy of this view would be 8 TB."""
    endless = np.broadcast_to(np.float64(1), (1 << 40,))
    assert numeric.sum(endless[:1000]) == 1000
    mapped = np.memmap(tmp_path / "numbers", np.uint8, "w+", shape=(1000,))
    mapped[:] = 3
    assert numeric.sum(mapped) == 3000


def test_what_else_has_the_buffer_protocol() -> None:
    assert numeric.sum(memoryview(b"abc")) == sum(b"abc")
    assert numeric.sum(bytearray(b"\xff\xff")) == 510
    assert numeric.sum(array.array("d", [0.1] * 10)) == 1.0
    assert numeric.sum(array.array("l", [-1, -2])) == -3
    assert numeric.sum(memoryview(b"abcdef").cast("B", (2, 3))) == sum(b"abcdef")
    assert numeric.sum(np.ones((2, 2)).view(np.matrix)) == 4
    rows: Any = ctypes.c_int16 * 3 * 2  # gives no strides
    number: Any = ctypes.c_double
    assert numeric.sum(rows((1, 2, 3), (4, 5, -6))) == 9
    assert numeric.sum(number(0.5)) == 0.5


def test_what_else_is_wrong_with_a_memoryview_is_said_as_it_is() -> None:
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match="released memoryview"):
        numeric.sum(view)


# --- what is refused ----------------------------------------------------------------------------------------


class Metres(np.ndarray[Any, Any]):
    """A subclass that might mean anything."""


REFUSED: list[tuple[Any, str]] = [
    ([1, 2, 3], "got list"),
    (None, "got NoneType"),
    (3.0, "got float"),
    ("abc", "got str"),
    (np.float64(3), "got float64, a single number"),
    (np.ones(3, np.float16), "got ndarray of float16"),
    (np.ones(3, np.longdouble), "got ndarray of float128"),
    (np.ones(3, complex), "got ndarray of complex128"),
    (np.ones(3, object), "got ndarray of object"),
    (np.ones(3, ">f8"), "got ndarray of >f8"),
    (np.ones(3, ">i4"), "got ndarray of >i4"),
    (np.ones(3, "M8[s]"), r"got ndarray of datetime64\[s\]"),
    (np.ones(3, [("x", "f8")]), "got ndarray of "),
    (np.array(["a", "b"]), "got ndarray of <U1"),
    (np.ma.masked_array([1.0, 2.0], [True, False]), "whose mask would be ignored"),
    (np.ones(3).view(Metres), "pass numpy.asarray"),
    (memoryview(b"abc").cast("c"), "got memoryview"),
]


@pytest.mark.parametrize(("what", "found"), REFUSED, ids=[found for _, found in REFUSED])
def test_anything_else_is_refused_by_name(what: Any, found: str) -> None:
    calls: list[Callable[[Any], object]] = [
        numeric.sum,
        numeric.mean,
        lambda x: numeric.absdiff_mean(x, np.ones(3)),
        lambda x: numeric.absdiff_mean(np.ones(3), x),
    ]
    for call in calls:
        with pytest.raises(
            TypeError, match="float64, float32, bool, or signed or unsigned integers.*" + found
        ):
            call(what)


def test_threads_are_validated() -> None:
    x = np.ones(10)
    for count in (0, -1, 1025, 2**70):
        with pytest.raises(ValueError, match=rf"threads must be 1 to 1024, got {count}"):
            numeric.sum(x, threads=count)
    for wrong in (1.5, "2", None, True):
        with pytest.raises(TypeError, match="threads must be a whole number, got"):
            numeric.sum(x, threads=wrong)  # type: ignore[arg-type]
    assert numeric.sum(x, threads=np.int64(2)) == 10  # type: ignore[call-overload]


def test_two_arrays_must_fit_together() -> None:
    with pytest.raises(ValueError, match=r"one shape, got \(2, 3\) and \(6,\)"):
        numeric.absdiff_mean(np.ones((2, 3)), np.ones(6))
    with pytest.raises(TypeError, match=r"one type, got ndarray of uint8 and ndarray of int8"):
        numeric.absdiff_mean(np.ones(3, np.uint8), np.ones(3, np.int8))


# --- other threads ------------------------------------------------------------------------------------------

LONG = np.broadcast_to(np.arange(1 << 16, dtype=np.float64), (4000, 1 << 16))  # 2 GB to read, 512 KB to keep


def test_other_threads_run_while_a_large_array_is_summed() -> None:
    expected = float(4000 * sum(range(1 << 16)))
    turns = itertools.count()
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            next(turns)
            time.sleep(0)  # or it would not give the GIL back

    counter = threading.Thread(target=count)
    before = sys.getswitchinterval()
    counter.start()
    try:
        sys.setswitchinterval(1000)  # nobody is made to let go: who runs meanwhile was let in
        until(lambda: next(turns) > 100, "the counter does not count")
        first = next(turns)
        assert numeric.sum(LONG) == expected
        assert next(turns) > first + 100
    finally:
        stop.set()
        sys.setswitchinterval(before)
        counter.join()


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
    """Whoever imports may let the GIL go; nobody may wait for the import's end with the GIL held."""
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
    results: list[float] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        results.extend(numeric.sum(x, threads=threads) for threads in (1, 2, 3))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [expected] * 12


def while_summing(data: Any, expected: float, disturb: Callable[[], bool]) -> None:
    """Sums again and again until `disturb()`, called by another thread, has once returned True."""
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
    """Nothing but the sum's own export of the buffer stands in the way, and it is gone afterwards."""
    data = bytearray(64_000_000)

    def grow() -> bool:
        try:
            data.extend(b"")
            data.append(0)
        except BufferError:
            return True
        data.pop()
        return False

    while_summing(data, 0, grow)
    data.append(1)
    assert numeric.sum(data) == 1


@pytest.mark.parametrize("rebound", [False, True])
def test_the_last_name_of_an_array_may_be_deleted_or_rebound_while_it_is_summed(rebound: bool) -> None:
    box: dict[str, Array] = {}
    deleted = threading.Event()
    started = threading.Event()

    def delete() -> None:
        until(started.is_set, "the sum did not start")
        if rebound:
            box["x"] = np.zeros(1)
        else:
            del box["x"]
        deleted.set()

    for _ in range(5):
        deleted.clear()
        started.clear()
        box["x"] = np.ones(8_000_000)
        other = threading.Thread(target=delete)
        other.start()
        started.set()
        assert numeric.sum(box["x"]) == 8e6
        other.join()
        assert deleted.is_set()
        filler = np.zeros(8_000_000)  # takes the memory if it was freed
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


# --- the package --------------------------------------------------------------------------------------------


def test_every_function_says_what_it_does_with_the_gil() -> None:
    for module in (numeric, sys.modules["freshframe._numeric"]):
        for name in numeric.__all__:
            assert "GIL: released when that pays" in (getattr(module, name).__doc__ or "")


def test_it_is_loaded_when_it_is_first_used() -> None:
    program = (
        "import sys, freshframe as ff\n"
        "assert 'freshframe._numeric' not in sys.modules\n"
        "import numpy as np\n"
        "assert ff.numeric.sum(np.ones(3)) == 3.0\n"
        "assert 'numeric' in ff.__all__\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_exception_of_threads_own_index_is_raised() -> None:
    class Lost:
        def __index__(self) -> int:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        numeric.sum(np.zeros(3), threads=Lost())  # type: ignore[call-overload]
