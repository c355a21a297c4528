"""Native nodes that violate the rules, or are misused: a clear error, and the process continues."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import ctypes
import gc
import logging
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from support import Pictures, at_once, picture, run_node, run_program, until

import freshframe as ff

CODE = Path(__file__).with_name("native_misuse.c").read_text(encoding="utf-8")
FUNCTION = """
#include <freshframe/abi.h>
int32_t first(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq,
              int32_t source, void* out, int32_t max_rows, void* state) {
  (void)width, (void)height, (void)stride, (void)pts, (void)seq, (void)source, (void)max_rows, (void)state;
  *(float*)out = (float)pixels[0];
  return 0;
}
freshframe_function checked = &first;
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nodes."""
    return compiled(tmp_path_factory.mktemp("misuse"), CODE, "-pthread", "-DFURTHER_COLUMNS")


def frames(count: int = 1) -> list[ff.Frame]:
    return [ff.Frame.from_array(picture(number + 1), "gray") for number in range(count)]


def values(node: Any, given: list[Any]) -> list[Any]:
    return [sample.value for sample in run_node(node, given)]


# ---- what a plugin does


@pytest.mark.parametrize("how", ["null", "unwritten", "stride", "long side"])
def test_the_host_refuses_calls_that_it_cannot_use(library: Path, how: str) -> None:
    assert values(ff.native.node(library, "misuse", how=how), frames()) == [1]


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("two", r"process\(\) returned 2; it must return 1, 0 or a negative number"),
        ("no text", r"process\(\) returned -9 without a message"),
        ("latin-1 error", "caf\ufffd"),
        ("long error", r"\|ä{2046}"),
        ("latin-1 type", "a value of type caf\ufffd, but its output type is float64"),
        ("open fails", r"open\(\) returned -4 without a message"),
    ],
)
def test_an_error_is_a_node_error_whatever_it_says(library: Path, how: str, text: str) -> None:
    with pytest.raises(ff.NodeError, match=rf"'misuse' failed.*{text}"):
        values(ff.native.node(library, "misuse", how=how), frames())


def test_the_frame_of_a_refused_value_is_released(library: Path) -> None:
    freed = ctypes.c_int.in_dll(ctypes.CDLL(str(library)), "freed_frames")
    before = freed.value
    with pytest.raises(ff.NodeError, match="returned 2"):
        values(ff.native.node(library, "misuse", how="two"), frames())
    assert freed.value == before + 1


def test_a_log_line_is_one_line_of_text(library: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "freshframe"):
        values(ff.native.node(library, "misuse", how="log"), frames())
        until(lambda: "caf\ufffd and more" in caplog.text, "the line")


def test_a_lent_frame_is_empty_after_its_call(library: Path) -> None:
    node = ff.native.node(library, "keeper")
    (first, second) = values(node, frames(2))  # close() fails if it can still access the last one
    assert (first.luma[0, 0], second.luma[0, 0]) == (1, 2)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("nan", "returned a pts that is not finite: nan"),
        ("inf", "returned a pts that is not finite: inf"),
        ("seq", "seq must be at least 0, or -1 for the next number, got 9223372036854775807"),
        ("negative seq", "seq must be at least 0, or -1 for the next number, got -2"),
        ("captured", "captured_ns must be a time of CLOCK_MONOTONIC, or 0, got -9223372036854775808"),
    ],
)
def test_a_stamp_that_cannot_be_is_a_node_error(library: Path, how: str, text: str) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.native.node(library, "stamps", how=how))
    with pytest.raises(ff.NodeError, match=rf"'stamps' failed: {text}"):
        pipeline.run()


def test_a_capture_in_the_future_is_one_of_now(library: Path) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.native.node(library, "stamps", how="future")))
    with pipeline:
        assert all(sample.age >= 0 for sample in reader)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("another column", "'size' is not one of xyxy confidence class_id"),
        ("other rows", r"'velocity' must be float32 of shape \(2, 2\)"),
        ("latin-1 column", "'caf\ufffd' has a name that is not UTF-8"),
        ("endless", r"'velocity' must be float32 of shape \(2, 2\)"),
        ("huge", "'xyxy' shows 32 bytes of memory as 17592186044416"),
    ],
)
def test_columns_of_detections_are_checked(library: Path, how: str, text: str) -> None:
    with pytest.raises(ff.NodeError, match=rf"'boxes' failed.*column {text}"):
        values(ff.native.node(library, "boxes", how=how), frames())


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("uint16", "'size': it must be float32, float64, int32, int64, bool or text, not uint16"),
        ("short", "'size': it must have a row for each of the 2 boxes"),
        ("latin-1 text", "'size': it has a string that is not UTF-8"),
        ("no text", "'size': it has a string without data"),
        ("other rows", r"'velocity' must be float32 of shape \(2, 2\)"),
    ],
)
def test_further_columns_are_checked(library: Path, how: str, text: str) -> None:
    with pytest.raises(ff.NodeError, match=rf"'wide' failed.*column {text}"):
        values(ff.native.node(library, "wide", how=how), frames())


def test_only_a_node_that_says_so_gives_further_columns(library: Path) -> None:
    (found,) = values(ff.native.node(library, "wide", how="another column"), frames())
    assert found.data["size"].shape == (2, 2)


def test_text_is_only_a_further_column(library: Path) -> None:
    with pytest.raises(ff.NodeError, match=r"'boxes' failed.*column 'size' is wrong: dtype must be one of"):
        values(ff.native.node(library, "boxes", how="latin-1 text"), frames())


def test_detections_may_have_the_columns_of_a_tracker(library: Path) -> None:
    (found,) = values(ff.native.node(library, "boxes"), frames())
    assert (found.xyxy.shape, found.velocity.shape) == ((2, 4), (2, 2))


def test_threads_that_wait_after_the_end_do_not_hold_it_up(
    library: Path, pipelines: list[ff.Pipeline]
) -> None:
    """Threads that hold a shared lock in turn would block a thread that wants the exclusive lock."""
    assert values(ff.native.node(library, "misuse", how="crowd"), frames()) == [0]
    pipelines.clear()  # its destructor joins the threads
    gc.collect()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("latin_1", "has the name 'caf\ufffd'; a name must be UTF-8 and must not be empty"),
        ("nameless", "has the name ''; a name must be UTF-8"),
        ("larger", r"claims a table of 1000 bytes, but its symbol has \d+"),
        ("pointer", "must be a freshframe_node itself, not a pointer to one"),
        ("function", "must be a freshframe_node itself, not a pointer to one and not a function"),
    ],
)
def test_a_symbol_that_is_no_table_is_refused(library: Path, name: str, text: str) -> None:
    with pytest.raises(ff.OptionError, match=text):
        ff.native.node(library, name)


def test_data_is_no_function(library: Path) -> None:
    with pytest.raises(ff.OptionError, match=r"'data' of '.*' is data, not a function"):
        ff.native.load(library, "data", out=())


def test_a_library_that_was_built_again_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    path = compiled(tmp_path, FUNCTION)
    assert values(ff.native.load(path, "first", out=()), frames()) == [1]
    assert values(ff.native.load(path, "first", out=()), frames()) == [1]
    os.rename(compiled(tmp_path, FUNCTION.replace("pixels[0]", "pixels[0] + 1"), name="new"), path)
    with pytest.raises(ff.OptionError, match=r"has changed since this process loaded it.*restart"):
        ff.native.load(path, "first", out=())
    os.rename(path, tmp_path / "other.so")
    assert values(ff.native.load(tmp_path / "other.so", "first", out=()), frames()) == [2]


# ---- what Python does


def test_a_library_that_its_loader_unloads_stays(tmp_path: Path) -> None:
    path = compiled(tmp_path, FUNCTION)
    ended = run_program(
        """
        import _ctypes, ctypes, sys
        import freshframe as ff
        import numpy as np

        library = ctypes.CDLL(sys.argv[1])
        node = ff.native.function(library.first, out=())
        _ctypes.dlclose(library._handle)
        print(ff.testing.run_node(node, [ff.Frame.from_array(np.full((4, 4), 9, np.uint8), "gray")])[0].value)
        """,
        arguments=[str(path)],
    )
    assert (ended.code, ended.out) == (0, "9.0\n"), ended.err


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"how": "a\udc80"}, ff.OptionError, "option 'how' must be UTF-8"),
        ({"how": None}, ff.OptionTypeError, "option 'how' must be a bool, an int"),
        ({"how": memoryview(b"ab")}, ff.OptionTypeError, "option 'how' must be a bool, an int"),
        ({"how": bytearray(b"ab")}, ff.OptionTypeError, "option 'how' must be a bool, an int"),
        ({"how": 1 << 63}, ff.OptionError, "option 'how' must be below"),
        ({"how": -(1 << 63) - 1}, ff.OptionError, f"option 'how' must be at least -{1 << 63}, got -"),
        ({"how": [1, (1 << 53) + 1]}, ff.OptionError, "option 'how' must be a number that a float holds"),
        ({"how": [[1]]}, ff.OptionTypeError, "each entry of option 'how' must be a number"),
        ({"how": np.datetime64("2020")}, ff.OptionTypeError, "option 'how' must be a bool"),
        ({"h\0w": 1}, ff.OptionError, "the name of an option must not contain NUL"),
        ({"\udc80": 1}, ff.OptionError, "the name of an option must be .* UTF-8"),
        (
            {"other": [float("nan"), 1]},
            ff.OptionError,
            "has no option 'other'; its options are caf\ufffd, how",
        ),
    ],
)
def test_odd_options_are_refused(
    library: Path, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        ff.native.node(library, "misuse", **options)


@pytest.mark.parametrize("path", ["", "\0", "libc.so.6\0"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """dlopen() would interpret an empty path as the program itself."""
    with pytest.raises(ff.OptionError, match="path must"):
        ff.native.load(path, "getpid", out=())


def test_names_end_where_they_end(library: Path) -> None:
    with pytest.raises(ff.OptionError, match="name must not contain NUL"):
        ff.native.node(library, "misuse\0x")
    with pytest.raises(ff.OptionError, match="dtype must have this machine's byte order"):
        ff.native.load(library, "data", out=(), dtype=np.dtype("f4").newbyteorder())


def test_a_pointer_does_not_pickle(tmp_path: Path) -> None:
    node = ff.native.function(ctypes.CDLL(str(compiled(tmp_path, FUNCTION))).first, out=())
    for pickled in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(ff.OptionTypeError, match=r"'function' is a pointer to a function.*native\.load"):
            pickled(node)


def test_calls_of_a_lone_node_are_in_order_and_one_at_a_time(library: Path) -> None:
    (sample,) = run_node(lambda frame: frame, frames())
    node = ff.native.node(library, "misuse")
    with pytest.raises(ff.StateError, match="'misuse' is not open"):
        node.process(sample)
    node.open()
    with pytest.raises(ff.StateError, match="this misuse was already opened, or belongs or belonged"):
        node.open()
    assert node.process(sample) == 0
    node.close()
    for call in (node.close, lambda: node.process(sample)):
        with pytest.raises(ff.StateError, match="this node is closed"):
            call()
    fails = ff.native.node(library, "misuse", how="open fails")
    with pytest.raises(ff.FreshframeError, match="returned -4"):
        fails.open()
    with pytest.raises(ff.StateError, match="this node is closed"):
        fails.process(sample)


def test_a_lone_node_is_not_called_by_two_threads(library: Path) -> None:
    (sample,) = run_node(lambda frame: frame, frames())
    node = ff.native.node(library, "misuse")
    node.open()
    odd: list[BaseException] = []

    def call() -> None:
        for _ in range(200):
            try:
                node.process(sample)
            except ff.StateError as error:  # noqa: PERF203
                if "busy in a call on another thread" not in str(error):
                    odd.append(error)

    assert at_once(*[call] * 4) == [None] * 4
    node.close()
    assert odd == []


@pytest.mark.slow
@pytest.mark.parametrize("order", ["<", ">"])
def test_arrays_of_any_byte_order_and_place_reach_a_plugin(order: str, tmp_path: Path) -> None:
    code = """
    #include <freshframe/plugin.hpp>
    namespace ff = freshframe::plugin;
    struct Last : ff::Node<ff::Array, double> {
      std::optional<double> process(const ff::Sample<ff::Array>& sample, ff::Context&) override {
        const auto given = sample.value.column<float>("");
        return given(given.size() - 1);
      }
    };
    FRESHFRAME_NODE(Last, "last");
    """
    node = ff.native.node(compiled(tmp_path, code, "-O0", language="c++"), "last")
    at_one = np.frombuffer(b"x" + np.array([1, 2.5], f"{order}f4").tobytes(), f"{order}f4", offset=1)
    assert values(node, [np.array([1, 2.5], f"{order}f4"), at_one]) == [2.5, 2.5]


class Gives:
    """An object with a scripted __freshframe_node__()."""

    def __init__(self, give: Any) -> None:
        self.give = give

    def __freshframe_node__(self) -> object:
        return self.give()


def capsule(library: Path, keep: list[Any]) -> Any:
    """Returns a capsule of the node `misuse` with a hand-made object."""

    class Object(ctypes.Structure):
        _fields_ = (("size", ctypes.c_uint64), ("node", ctypes.c_void_p), ("self", ctypes.c_void_p))

    table = ctypes.c_char.in_dll(ctypes.CDLL(str(library)), "freshframe_node_1_misuse")
    state = ctypes.create_string_buffer(4096)
    made = Object(ctypes.sizeof(Object), ctypes.addressof(table), ctypes.addressof(state))
    keep += [state, made]
    new = ctypes.pythonapi.PyCapsule_New
    new.restype = ctypes.py_object
    new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(ctypes.addressof(made), b"freshframe.node.1", None)


def test_a_capsule_serves_one_node(library: Path) -> None:
    keep: list[Any] = []
    only = capsule(library, keep)
    assert values(Gives(lambda: only), frames()) == [0]
    assert "freshframe.node.1.used" in repr(only)
    with pytest.raises(
        ff.OptionTypeError, match=r"must return a new capsule named 'freshframe\.node\.1', got"
    ):
        values(Gives(lambda: only), frames())


@pytest.mark.slow
def test_a_capsule_is_kept_as_long_as_its_node(library: Path, pipelines: list[ff.Pipeline]) -> None:
    keep: list[Any] = []
    given = capsule(library, keep)
    before = sys.getrefcount(given)
    pipeline = ff.Pipeline()
    pipeline.add(Gives(lambda: given), pipeline.add(Pictures(1)))  # type: ignore[call-overload]
    gc.collect()
    assert sys.getrefcount(given) > before
    pipeline.run()
    del pipeline
    pipelines.clear()

    def gone() -> bool:
        gc.collect()
        return sys.getrefcount(given) == before

    until(gone, "the capsule to be let go")


@pytest.mark.parametrize(
    ("give", "error"),
    [
        (lambda: None, ff.OptionTypeError),
        (lambda: 1 / 0, ZeroDivisionError),
    ],
)
def test_an_object_that_gives_no_capsule_says_so(give: Any, error: type[Exception]) -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(error):
        pipeline.add(Gives(give), pipeline.add(Pictures(1)))  # type: ignore[call-overload]
