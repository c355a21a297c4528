"""Plugins with hand-written tables that throw where the C interface forbids it, or exit their own thread."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import Any

import pytest
from rigs.native_code import compiled
from support import picture, run_node, until

import freshframe as ff

CODE = """
#include <freshframe/abi.h>
#include <pthread.h>
#include <cstring>
#include <stdexcept>
#include <string>
struct Node {
  std::string how;
  const freshframe_host* host;
};
bool is(void* self, const char* how) { return static_cast<Node*>(self)->how == how; }
void* create(const freshframe_options* options, freshframe_error*) {
  freshframe_option how{};
  how.size = sizeof how;
  options->get(options->self, "how", &how);
  return new Node{std::string(static_cast<const char*>(how.data), std::size_t(how.count)), nullptr};
}
void destroy(void* self) {
  const bool throws = is(self, "destroy");
  delete static_cast<Node*>(self);
  if (throws) throw std::runtime_error("from destroy");
}
int32_t open_(void* self, const freshframe_host* host, freshframe_error*) {
  static_cast<Node*>(self)->host = host;
  return 0;
}
void nothing(void*) {}
void throws(void*) { throw std::runtime_error("from release"); }
int32_t process(void* self, const freshframe_sample*, freshframe_value* out, freshframe_error*) {
  static const float numbers[4] = {1, 2, 3, 4};
  static const std::string much(100000, 'n');
  static freshframe_column column;
  column = {"a", "float32", 1, 0, {4}, {4}, numbers, sizeof numbers};
  if (is(self, "process")) throw 5;
  if (is(self, "end")) pthread_exit(nullptr);
  if (is(self, "name")) column.name = much.c_str();
  if (is(self, "dtype")) column.dtype = much.c_str();
  if (is(self, "bytes")) column.bytes = UINT64_MAX, column.shape[0] = INT64_MAX / 8;
  if (is(self, "log")) {
    const auto* const host = static_cast<Node*>(self)->host;
    host->log(host->self, 2, much.c_str());
  }
  out->type = is(self, "type") ? much.c_str() : "table";
  out->columns = {&column, 1, sizeof column};
  out->release = is(self, "release") ? throws : nothing;
  return 1;
}
extern "C" {
extern FRESHFRAME_EXPORT const freshframe_node throwing __asm__("freshframe_node_1_throwing");
const freshframe_node throwing = {sizeof(freshframe_node), FRESHFRAME_ABI_VERSION, "throwing",
                                  "frame", "table", 0, 0, create, destroy, open_, process,
                                  nullptr, nullptr, nullptr};
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The node."""
    return compiled(
        tmp_path_factory.mktemp("throws"), CODE, "-Wno-missing-field-initializers", language="c++"
    )


def tables(library: Path, how: str) -> list[Any]:
    frame = ff.Frame.from_array(picture(1), "gray")
    return [sample.value for sample in run_node(ff.native.node(library, "throwing", how=how), [frame])]


@pytest.mark.slow
def test_an_exception_of_release_is_logged(library: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "freshframe"):
        assert [list(table["a"]) for table in tables(library, "release")] == [[1, 2, 3, 4]]
        gc.collect()
        line = "a plugin's release() threw, which it must not: from release"
        # A pipeline forwards the engine's log lines to Python; the first pipeline may have ended before.
        until(lambda: tables(library, "nothing") and line in caplog.text, "the line")


@pytest.mark.slow
def test_an_exception_of_destroy_is_logged(library: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "freshframe"):
        ff.native.node(library, "throwing", how="destroy")
        gc.collect()
        assert len(tables(library, "nothing")) == 1  # a pipeline forwards the engine's log lines to Python
        until(
            lambda: "a plugin's destroy() threw, which it must not: from destroy" in caplog.text, "the line"
        )


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("process", "an exception not derived from std::exception"),
        ("end", "ended its own thread"),
        ("name", r"column 'n{1000}\.\.\.' has a name of more than 1000 bytes"),
        ("dtype", r"got 'n{1000}\.\.\.'"),
        ("type", r"returned a value of type n{1000}\.\.\., but its output type is table"),
        ("bytes", "claims 18446744073709551615 bytes, more than any memory has"),
    ],
)
def test_what_breaks_a_rule_is_a_node_error(library: Path, how: str, text: str) -> None:
    with pytest.raises(ff.NodeError, match=text):
        tables(library, how)


def test_a_long_line_of_the_log_is_cut(library: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "freshframe"):
        assert len(tables(library, "log")) == 1
        until(lambda: "node 'throwing': nnn" in caplog.text, "the line")
    assert caplog.text.count("n") < 20_000
    assert "n..." in caplog.text
