"""C functions as nodes: arguments, results, and rejected functions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from support import Pictures, picture, run_node

import freshframe as ff

SIGNATURE = (
    "(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq,"
    " int32_t source, void* out, int32_t max_rows, void* state)"
)
IGNORE = (
    "(void)pixels; (void)width; (void)height; (void)stride; (void)pts; (void)seq; (void)source; (void)out;"
    " (void)max_rows; (void)state;"
)
CODE = f"""
#include <freshframe/abi.h>
#define ARGUMENTS {SIGNATURE}
#define IGNORE {IGNORE}
int32_t mean ARGUMENTS {{
  IGNORE
  double sum = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) sum += pixels[y * stride + x];
  *(float*)out = (float)(sum / width / height);
  return 0;
}}
int32_t stamp ARGUMENTS {{
  IGNORE
  double* to = out;
  to[0] = pts; to[1] = (double)seq; to[2] = source; to[3] = width; to[4] = height; to[5] = max_rows;
  return 0;
}}
int32_t first_pixel ARGUMENTS {{
  IGNORE
  for (int i = 0; i < 3; ++i) ((uint8_t*)out)[i] = pixels[i];
  return 0;
}}
int32_t rows ARGUMENTS {{
  IGNORE
  for (int i = 0; i < seq && i < max_rows; ++i) ((int16_t*)out)[2 * i] = (int16_t)(i + 1);
  return (int32_t)seq;
}}
int32_t counted ARGUMENTS {{
  IGNORE
  *(double*)out = ++*(uint8_t*)state;
  return 0;
}}
int32_t fails ARGUMENTS {{ IGNORE return -7; }}
const char* fails_error(int32_t code) {{ return code == -7 ? "the light is off" : 0; }}
int32_t fails_silently ARGUMENTS {{ IGNORE return -3; }}
int32_t fails_most ARGUMENTS {{ IGNORE return INT32_MIN; }}
const char* fails_most_error(int32_t code) {{ return code == 0 ? "no error" : 0; }}
int32_t too_many ARGUMENTS {{ IGNORE return max_rows + 1; }}
freshframe_function checked = &mean;
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions above."""
    return compiled(tmp_path_factory.mktemp("functions"), CODE)


def frames(count: int) -> list[ff.Frame]:
    return [ff.Frame.from_array(picture(number), "gray") for number in range(count)]


def values(node: Any, given: list[ff.Frame], **options: Any) -> list[Any]:
    return [sample.value for sample in run_node(node, given, **options)]


def test_a_function_gets_the_luma_and_gives_a_number(library: Path) -> None:
    made = values(ff.native.load(library, "mean", out=()), frames(3))
    assert made == [0.0, 1.0, 2.0]
    assert all(type(value) is float for value in made)


def test_a_function_gives_an_array_of_its_shape_which_cannot_be_written(library: Path) -> None:
    first, second = values(ff.native.load(library, "stamp", out=(3, 2), dtype=np.float64), frames(2))
    np.testing.assert_array_equal(first, [[0, 0], [0, 64], [48, 0]])
    np.testing.assert_array_equal(second, [[1 / 25, 1], [0, 64], [48, 0]])
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_the_number_of_rows_may_vary(library: Path) -> None:
    node = ff.native.load(library, "rows", out=(None, 2), max_rows=5, dtype="int16")
    none, one, two = values(node, frames(3))
    assert (none.shape, one.tolist(), two.tolist()) == ((0, 2), [[1, 0]], [[1, 0], [2, 0]])


@pytest.mark.parametrize("format_", ["bgr", "rgb"])
def test_a_function_gets_the_colours_that_it_asks_for(library: Path, format_: Any) -> None:
    blue = np.zeros((4, 4, 3), np.uint8)
    blue[:] = 250, 20, 10
    (made,) = values(
        ff.native.load(library, "first_pixel", out=(3,), format=format_, dtype="uint8"),
        [ff.Frame.from_array(blue, "bgr")],
    )
    assert made.tolist() == ([250, 20, 10] if format_ == "bgr" else [10, 20, 250])


def test_each_node_has_a_copy_of_the_state(library: Path) -> None:
    state = b"\x05"
    node = ff.native.load(library, "counted", out=(), dtype="float64", state=state)
    assert values(node, frames(2)) == [6, 7]
    assert values(node, frames(2)) == [6, 7]
    assert state == b"\x05"


def test_a_negative_code_is_a_node_error_with_the_librarys_text(library: Path) -> None:
    with pytest.raises(ff.NodeError, match=r"'fails' failed on sample 0.*the light is off"):
        values(ff.native.load(library, "fails", out=()), frames(1))
    with pytest.raises(ff.NodeError, match=r"returned the error -3"):
        values(ff.native.load(library, "fails_silently", out=()), frames(1))
    with pytest.raises(ff.NodeError, match=r"returned the error -2147483648"):
        values(ff.native.load(library, "fails_most", out=()), frames(1))


def test_more_rows_than_there_is_room_for_are_an_error(library: Path) -> None:
    with pytest.raises(ff.NodeError, match=r"returned 3 rows, but out has room for 2"):
        values(ff.native.load(library, "too_many", out=(None,), max_rows=2), frames(1))
    with pytest.raises(ff.NodeError, match=r"returned 1, but a function with a fixed shape returns 0"):
        values(ff.native.load(library, "too_many", out=(2,)), frames(1))


def test_a_path_or_name_that_is_no_library_or_function_is_refused(library: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("not a library")
    with pytest.raises(
        ff.OptionError, match=r"cannot load '.*text\.so'.*is a shared library for this machine"
    ):
        ff.native.load(text, "mean", out=())
    with pytest.raises(ff.OptionError, match=r"cannot load '.*missing\.so'.*No such file or directory$"):
        ff.native.load(tmp_path / "missing.so", "mean", out=())
    with pytest.raises(ff.OptionError, match=r"has no function 'nothing'"):
        ff.native.load(library, "nothing", out=())


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"out": (2,), "format": "yuv"}, ff.OptionError, "format must be gray, bgr or rgb"),
        ({"out": 2}, ff.OptionTypeError, "out must be a tuple"),
        ({"out": (None, 2)}, ff.OptionError, "needs max_rows="),
        ({"out": (2,), "max_rows": 3}, ff.OptionError, r"max_rows needs out=\(None"),
        ({"out": (-1,)}, ff.OptionError, "sizes of at least 0, got -1"),
        ({"out": (1, 1, 1, 1, 1)}, ff.OptionError, "at most 4 dimensions"),
        ({"out": (1 << 30, 1 << 30)}, ff.OptionError, "has more than 1 GiB: declare a smaller shape"),
        ({"out": (None,), "max_rows": -1}, ff.OptionError, "max_rows must be at least 0"),
        ({"out": (), "dtype": "complex64"}, ff.OptionError, "dtype must be one of bool, int8"),
        ({"out": (), "dtype": "nonsense"}, ff.OptionTypeError, "dtype must be a NumPy dtype"),
        ({"out": (), "state": "text"}, ff.OptionTypeError, "state must be bytes"),
        ({"out": (), "signature": 2}, ff.OptionError, "signature must be 1"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(
    library: Path, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        ff.native.load(library, "mean", **options)


def test_a_pointer_of_ctypes_is_a_node(library: Path) -> None:
    loaded = ctypes.CDLL(str(library))
    assert values(ff.native.function(loaded.mean, out=()), frames(2)) == [0, 1]
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32)
    assert values(ff.native.function(ctypes.cast(loaded.mean, prototype), out=()), frames(2)) == [0, 1]


def test_a_callback_into_python_is_no_native_function() -> None:
    with pytest.raises(ff.OptionTypeError, match="calls Python and would take the GIL"):
        ff.native.function(ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: 0), out=())
    with pytest.raises(ff.OptionTypeError, match="null pointer"):
        ff.native.function(ctypes.CFUNCTYPE(ctypes.c_int32)(0), out=())
    with pytest.raises(ff.OptionTypeError, match="must be a ctypes or cffi pointer"):
        ff.native.function(print, out=())


def test_a_function_that_needs_the_gil_is_refused(library: Path) -> None:
    text = r"ctypes calls this function with the GIL held \(PyDLL, pythonapi or PYFUNCTYPE\)"
    with pytest.raises(ff.OptionTypeError, match=text):
        ff.native.function(ctypes.PyDLL(str(library)).mean, out=())
    with pytest.raises(ff.OptionTypeError, match=text):
        ff.native.function(ctypes.pythonapi.PyList_New, out=())
    prototype = ctypes.PYFUNCTYPE(ctypes.c_int32)
    with pytest.raises(ff.OptionTypeError, match=text):
        ff.native.function(ctypes.cast(ctypes.CDLL(str(library)).mean, prototype), out=())


def capsule(address: int, text: bytes) -> Any:
    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return make(address, text, None)


def test_the_signature_of_a_cython_capsule_is_compared(library: Path) -> None:
    address = ctypes.cast(ctypes.CDLL(str(library)).mean, ctypes.c_void_p).value
    assert address is not None
    right = (
        b"int32_t (uint8_t const *, int32_t, int32_t, int64_t, double, int64_t, int32_t, void *, "
        b"int32_t, void *)"
    )
    named = f"int32_t {SIGNATURE}".encode()
    wrong = b"double (double)"
    assert values(ff.native.function(capsule(address, right), out=()), frames(2)) == [0, 1]
    assert values(ff.native.function(capsule(address, named), out=()), frames(1)) == [0]
    with pytest.raises(
        ff.OptionError, match=r"the capsule's function is 'double \(double\)'; it must be int32_t"
    ):
        ff.native.function(capsule(address, wrong), out=())


def test_wiring_is_checked_by_type(library: Path) -> None:
    pipeline = ff.Pipeline()
    number = pipeline.add(ff.native.load(library, "mean", out=()), pipeline.add(Pictures(1)))
    with pytest.raises(ff.GraphError, match=r"'rows' takes Frame, but its parent 'mean' returns float"):
        pipeline.add(ff.native.load(library, "rows", out=(None, 2), max_rows=1), number)


@pytest.mark.slow
def test_a_function_runs_in_a_worker_process(library: Path) -> None:
    node = ff.native.load(library, "stamp", out=(6,), dtype="float64")
    (made,) = values(node, frames(1), process=True)
    np.testing.assert_array_equal(made, [0, 0, 0, 64, 48, 0])
    assert values(ff.native.load(library, "mean", out=()), frames(2), process=True) == [0, 1]


def test_an_error_in_a_worker_process_has_its_text(library: Path) -> None:
    with pytest.raises(ff.NodeError, match="the light is off"):
        values(ff.native.load(library, "fails", out=()), frames(1), process=True)


def test_a_pointer_cannot_go_to_another_process(library: Path) -> None:
    node = ff.native.function(ctypes.CDLL(str(library)).mean, out=())
    pipeline = ff.Pipeline()
    with pytest.raises(ff.GraphError, match=r"'function' is native and cannot have process="):
        pipeline.add(node, pipeline.add(Pictures(1)), process=True)


def test_a_native_function_never_waits_for_the_gil(library: Path) -> None:
    """Samples pass through while the main thread holds the GIL in one long C call."""
    node = ff.native.load(library, "mean", out=())
    pipeline = ff.Pipeline()
    port = pipeline.add(node, pipeline.add(ff.testing.MockCamera(fps=200)), name="mean")
    reader = pipeline.reader(port)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e3)  # other threads can run only while the GIL is released
    try:
        with pipeline:
            reader.get(timeout=100)
            before = pipeline.stats().nodes["mean"].processed
            while pipeline.stats().nodes["mean"].processed < before + 5:
                pass
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.slow
def test_a_crash_in_a_worker_process_costs_one_sample(tmp_path: Path) -> None:
    code = f"""
    #include <stdint.h>
    #include <stdlib.h>
    int32_t crashes {SIGNATURE} {{ {IGNORE} if (seq == 1) abort(); *(float*)out = (float)seq; return 0; }}
    """
    node = ff.native.load(compiled(tmp_path, code, name="crashes"), "crashes", out=())
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(node, pipeline.add(Pictures(4)), process=True, on_error="skip"))
    with pipeline:
        assert [sample.value for sample in reader] == [0, 2, 3]
