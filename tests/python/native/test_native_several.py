"""Native nodes with several results in plain C: what the interface rejects, and frames of earlier samples."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.native_code import compiled
from support import picture, run_node

import freshframe as ff

CODE = """
#include <freshframe/abi.h>
#include <stddef.h>
#include <string.h>

static const freshframe_host* host;
static freshframe_stamp first;
static freshframe_frame* kept;
static int is_open;

static void* create(const freshframe_options* options, freshframe_error* error) {
  (void)options, (void)error;
  is_open = 0;
  return &is_open;
}
static void destroy(void* self) { (void)self; }
static int32_t open_(void* self, const freshframe_host* given, freshframe_error* error) {
  (void)self, (void)error;
  host = given;
  return 0;
}
static freshframe_value number(double value) {
  freshframe_value made;
  memset(&made, 0, sizeof made);
  made.size = sizeof made, made.type = "float64", made.number = value;
  return made;
}

/* The first frame beside the number of each. */
static int32_t delayed(void* self, const freshframe_sample* sample, const freshframe_outlet* out,
                       freshframe_error* error) {
  (void)self, (void)error;
  const freshframe_value value = number((double)sample->stamp->seq);
  if (sample->stamp->seq == 0) {
    first = *sample->stamp;
    kept = host->keep_frame(host->self, sample->frame);
  }
  return out->emit(out->self, &value, &first, kept) < 0 ? -1 : 0;
}
static int32_t close_(void* self, freshframe_error* error) {
  (void)self, (void)error;
  if (kept) host->release_frame(host->self, kept);
  kept = 0;
  return 0;
}

/* Goes back, and does not look at the answer. */
static int32_t ignores(void* self, const freshframe_sample* sample, const freshframe_outlet* out,
                       freshframe_error* error) {
  (void)self, (void)error;
  const freshframe_value value = number(1);
  if (sample->stamp->seq == 0) first = *sample->stamp;
  out->emit(out->self, &value, 0, 0);
  out->emit(out->self, &value, &first, 0);
  return 0;
}
static int32_t wrong(void* self, const freshframe_sample* sample, const freshframe_outlet* out,
                     freshframe_error* error) {
  (void)self, (void)sample, (void)error;
  freshframe_value value = number(1);
  value.type = "frame";
  out->emit(out->self, &value, 0, 0);
  return 0;
}
static int32_t two(void* self, const freshframe_sample* sample, const freshframe_outlet* out,
                   freshframe_error* error) {
  (void)self, (void)sample, (void)out, (void)error;
  return 2;
}
static int32_t read_(void* self, freshframe_value* out, freshframe_stamp* stamp, freshframe_error* error) {
  (void)self, (void)out, (void)stamp, (void)error;
  return 0;
}
static int32_t finish(void* self, const freshframe_outlet* out, freshframe_error* error) {
  (void)self, (void)out, (void)error;
  return 0;
}
static double every(void* self) { (void)self; return 1; }

/* Of a plugin that knows nothing of process_out() and what follows. */
static int32_t plain(void* self, const freshframe_sample* sample, freshframe_value* out,
                     freshframe_error* error) {
  (void)self, (void)error;
  *out = number((double)sample->stamp->seq);
  return 1;
}

#define FUNCTIONS .version = FRESHFRAME_ABI_VERSION, .output = "float64", \\
    .create = create, .destroy = destroy, .open = open_
#define HEAD .size = sizeof(freshframe_node), FUNCTIONS
#define OLD .size = offsetof(freshframe_node, process_out), FUNCTIONS
#define NODE(symbol, ...) FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_##symbol = { \\
    HEAD, .name = #symbol, __VA_ARGS__}
NODE(delayed, .input = "frame", .process_out = delayed, .close = close_);
NODE(ignores, .input = "frame", .process_out = ignores);
NODE(wrong, .input = "frame", .process_out = wrong);
NODE(two, .input = "frame", .process_out = two);
NODE(nothing, .input = "frame");
NODE(half, .input = "frame", .process_out = two, .tick_every = every);
NODE(source, .read = read_, .finish = finish);
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_older = {
    OLD, .name = "older", .input = "frame", .process = plain, .tick_every = every, .finish = finish};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_newer = {
    OLD, .name = "newer", .input = "frame", .process_out = delayed};
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("several"), CODE)


def frames(count: int) -> list[ff.Frame]:
    return [ff.Frame.from_array(picture(number), "gray") for number in range(count)]


def test_a_result_may_have_the_stamp_and_the_frame_of_an_earlier_sample(library: Path) -> None:
    samples = run_node(ff.native.node(library, "delayed"), frames(3))
    assert [(s.seq, s.part, s.value) for s in samples] == [(0, 0, 0), (0, 1, 1), (0, 2, 2)]
    assert [int(s.frame.luma[0, 0]) for s in samples] == [0, 0, 0]


def test_a_plugin_of_an_older_header_runs_and_nothing_behind_its_table_is_read(library: Path) -> None:
    samples = run_node(ff.native.node(library, "older"), frames(3))
    assert [(s.seq, s.part, s.value) for s in samples] == [(0, 0, 0), (1, 0, 1), (2, 0, 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ignores", "the stamp of sample 0 after one of sample 1"),
        ("wrong", "returned a value of type frame, but its output type is float64"),
        ("two", r"process_out\(\) returned 2; it must return 0 or a negative number"),
    ],
)
def test_a_refused_result_fails_the_call_whatever_the_plugin_says(
    library: Path, name: str, text: str
) -> None:
    with pytest.raises(ff.NodeError, match=text):
        run_node(ff.native.node(library, name), frames(2))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", "has no function 'process', which is required"),
        ("newer", "has no function 'process', which is required"),  # as seen by an older engine
        ("half", "has no function 'on_tick', which is required"),
        (
            "source",
            r"a source and cannot have process_out\(\), on_tick\(\) or finish\(\): do their work in read\(\)",
        ),
    ],
)
def test_a_table_that_could_never_run_is_refused(library: Path, name: str, text: str) -> None:
    with pytest.raises(ff.OptionError, match=text):
        ff.native.node(library, name)
