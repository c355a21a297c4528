"""freshframe.numeric reads arrays of any layout in place, and reports other objects by type."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import array
import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.numeric_arrays import INTEGERS, RANDOM, Array, exactly, numbers

from freshframe import numeric


def layouts(x: Array) -> list[tuple[str, Array]]:
    """Returns views of a three-dimensional array."""
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


class Metres(np.ndarray[Any, Any]):
    """A subclass with an unknown meaning."""


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
    with pytest.raises(ValueError, match=r"the same shape, got \(2, 3\) and \(6,\)"):
        numeric.absdiff_mean(np.ones((2, 3)), np.ones(6))
    with pytest.raises(TypeError, match=r"the same type, got ndarray of uint8 and ndarray of int8"):
        numeric.absdiff_mean(np.ones(3, np.uint8), np.ones(3, np.int8))
