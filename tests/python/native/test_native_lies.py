"""Plugins in plain C that violate the rules of abi.h: each gets a clear error, and the process continues."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
from rigs.native_code import compiled
from support import picture, run_node

import freshframe as ff

CODE = """
#include <freshframe/abi.h>
#include <string.h>

typedef struct { char lie[64]; } node;
static int released = 0;
FRESHFRAME_EXPORT int releases(void) { return released; }
static void release(void* owner) { ++released; (void)owner; }

static node the_node;
static void* create(const freshframe_options* options, freshframe_error* error) {
  freshframe_option lie = {.size = sizeof lie};
  (void)error;
  memset(&the_node, 0, sizeof the_node);
  if (options->get(options->self, "lie", &lie)) memcpy(the_node.lie, lie.data, lie.count);
  return &the_node;
}
static void* create_nothing(const freshframe_options* options, freshframe_error* error) {
  (void)options;
  strcpy(error->text, "out of luck");
  return 0;
}
static void destroy(void* self) { (void)self; }
static int32_t open(void* self, const freshframe_host* host, freshframe_error* error) {
  (void)self; (void)host; (void)error;
  return 0;
}

static float numbers[8];
static freshframe_column columns[2];
static int32_t process(void* self, const freshframe_sample* sample, freshframe_value* out,
                       freshframe_error* error) {
  const char* lie = ((node*)self)->lie;
  freshframe_column* column = &columns[0];
  (void)sample; (void)error;
  memset(columns, 0, sizeof columns);
  column->name = "n";
  column->dtype = "float32";
  column->ndim = 2;
  column->shape[0] = 2;
  column->shape[1] = 4;
  column->strides[0] = 16;
  column->strides[1] = 4;
  column->data = numbers;
  column->bytes = sizeof numbers;
  out->type = "table";
  out->columns.data = columns;
  out->columns.count = 1;
  out->columns.element_size = sizeof columns[0];
  out->release = release;
#define IS(text) else if (strcmp(lie, text) == 0)
  if (lie[0] == 0) {}
  IS("negative") column->shape[0] = -2;
  IS("too long") column->shape[0] = 3;
  IS("overflow") column->strides[0] = INT64_MAX - 3;
  IS("shape overflow") column->shape[0] = column->shape[1] = INT64_MAX / 2;
  IS("null") column->data = 0;
  IS("null and empty") { column->data = 0; column->shape[0] = 0; }
  IS("negative stride") column->strides[0] = -16;
  IS("odd stride") column->strides[0] = 15;
  IS("unaligned") column->data = (char*)numbers + 1;
  IS("dimensions") column->ndim = 5;
  IS("dtype") column->dtype = "float16";
  IS("no dtype") column->dtype = 0;
  IS("no name") column->name = 0;
  IS("twice") { columns[1] = columns[0]; out->columns.count = 2; }
  IS("no columns") { out->columns.data = 0; out->columns.count = 2; }
  IS("many columns") out->columns.count = UINT64_MAX;
  IS("small columns") out->columns.element_size = 8;
  IS("another type") out->type = "circles";
  IS("unknown type") out->type = "nonsense";
  IS("no type") out->type = 0;
  IS("code") return -5;
  return 1;
}

#define HEAD sizeof(freshframe_node), FRESHFRAME_ABI_VERSION
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_liar = {
    HEAD, "liar", "frame", "table", 0, 0, create, destroy, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_other_version = {
    sizeof(freshframe_node), 2, "x", "frame", "table", 0, 0, create, destroy, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_small = {
    64, 1, "x", "frame", "table", 0, 0, create, destroy, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_without_batch = {
    sizeof(freshframe_node) - sizeof(void*), 1, "liar", "frame", "table", 0, 0,
    create, destroy, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_no_process = {
    HEAD, "x", "frame", "table", 0, 0, create, destroy, open, 0, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_no_read = {
    HEAD, "x", 0, "table", 0, 0, create, destroy, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_no_destroy = {
    HEAD, "x", "frame", "table", 0, 0, create, 0, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_strange_input = {
    HEAD, "x", "sound", "table", 0, 0, create, destroy, open, process, 0, 0, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_nothing_made = {
    HEAD, "x", "frame", "table", 0, 0, create_nothing, destroy, open, process, 0, 0, 0};

/* As a later version would have it: a longer table with functions that this engine does not know. */
typedef struct { freshframe_node known; void* more[3]; } longer;
FRESHFRAME_EXPORT const longer freshframe_node_1_newer = {
    {sizeof(longer), 1, "liar", "frame", "table", 0, 0, create, destroy, open, process, 0, 0, 0}, {0, 0, 0}};
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nodes above."""
    return compiled(tmp_path_factory.mktemp("liar"), CODE, "-Wno-missing-field-initializers")


def value(library: Path, name: str = "liar", **options: Any) -> Any:
    """Returns the node's result for one frame."""
    (sample,) = run_node(ff.native.node(library, name, **options), [ff.Frame.from_array(picture(0), "gray")])
    return sample.value


@pytest.mark.parametrize(
    ("lie", "text"),
    [
        ("negative", "column 'n' has a negative size, -2"),
        ("too long", "column 'n' needs 48 bytes for its shape and strides, but has 32"),
        ("overflow", "column 'n' needs|column 'n' has a stride|overflow"),
        ("shape overflow", "column 'n' has a shape that overflows"),
        ("null", "column 'n' has elements but no data"),
        ("negative stride", "column 'n' has a stride of -16 bytes"),
        ("odd stride", "column 'n' has a stride of 15 bytes; it must be a multiple of 4"),
        ("unaligned", "column 'n' is not aligned for float32"),
        ("dimensions", "column 'n' has 5 dimensions; at most 4"),
        ("dtype", "dtype must be one of bool, .*, got 'float16'"),
        ("no dtype", "column 'n' has no dtype"),
        ("no name", "an unnamed column"),
        ("twice", "column 'n' appears twice"),
        ("no columns", "returned columns with an element_size of"),
        ("many columns", "at most 1000 are possible"),
        ("small columns", "returned columns with an element_size of 8 bytes; version 1 has"),
        ("another type", "returned a value of type circles, but its output type is table"),
        ("unknown type", "returned a value of type nonsense, but its output type is table"),
        ("no type", "returned a value of type null, but its output type is table"),
    ],
)
def test_a_lie_about_a_table_is_a_node_error_and_releases_it_once(library: Path, lie: str, text: str) -> None:
    releases = ctypes.CDLL(str(library)).releases
    before = releases()
    with pytest.raises(ff.NodeError, match=rf"'liar' failed on sample 0.*({text})"):
        value(library, lie=lie)
    assert releases() == before + 1


def test_a_true_table_is_released_once_when_its_arrays_are_gone(library: Path) -> None:
    releases = ctypes.CDLL(str(library)).releases
    before = releases()
    table = value(library)
    array = table["n"]
    del table
    assert (array.shape, releases()) == ((2, 4), before)
    del array
    assert releases() == before + 1


def test_no_data_is_fine_where_there_are_no_elements(library: Path) -> None:
    assert value(library, lie="null and empty")["n"].shape == (0, 4)


def test_an_error_without_a_text_is_an_error(library: Path) -> None:
    with pytest.raises(ff.NodeError, match="'liar' failed on sample 0"):
        value(library, lie="code")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "other_version",
            "compiled for version 2 of freshframe's C interface, but this engine has version 1",
        ),
        ("small", r"has a table of 64 bytes, but version 1 has at least \d+"),
        ("no_process", "has no function 'process', which is required"),
        ("no_read", "has no function 'read', which is required"),
        ("no_destroy", "has no function 'destroy', which is required"),
        ("strange_input", "has the input 'sound', which is not a type; the types are frame, circles"),
    ],
)
def test_a_table_of_functions_that_cannot_work_is_refused(library: Path, name: str, text: str) -> None:
    with pytest.raises(ff.OptionError, match=text):
        ff.native.node(library, name)


def test_a_constructor_that_gives_nothing_says_why(library: Path) -> None:
    with pytest.raises(ff.FreshframeError, match="cannot be created: out of luck"):
        ff.native.node(library, "nothing_made")


@pytest.mark.parametrize("name", ["without_batch", "newer"])
def test_a_table_of_another_size_of_the_same_version_works(library: Path, name: str) -> None:
    assert value(library, name)["n"].shape == (2, 4)
