"""Plugins that pass on, modify, or keep their input, although its memory is valid only during the call."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from support import Pictures, run_node, run_program

import freshframe as ff

CODE = """
#include <freshframe/plugin.hpp>

#include <vector>

namespace ff = freshframe::plugin;

// Returns the value of its sample.
template <class T>
class Forward : public ff::Node<T, T> {
 public:
  std::optional<T> process(const ff::Sample<T>& sample, ff::Context&) override { return sample.value; }
};
FRESHFRAME_NODE(Forward<ff::Table>, "forward_table");
FRESHFRAME_NODE(Forward<ff::Array>, "forward_array");
FRESHFRAME_NODE(Forward<ff::Circles>, "forward_circles");

// Adds a column.
class Scored : public ff::Node<ff::Table, ff::Table> {
 public:
  std::optional<ff::Table> process(const ff::Sample<ff::Table>& sample, ff::Context&) override {
    ff::Table table = sample.value;
    table.add("score", std::vector<double>{0.5});
    return table;
  }
};
FRESHFRAME_NODE(Scored, "scored");

// Returns the value of the sample before.
class Delayed : public ff::Node<ff::Table, ff::Table> {
 public:
  std::optional<ff::Table> process(const ff::Sample<ff::Table>& sample, ff::Context&) override {
    auto result = std::move(old_);
    old_ = sample.value;
    return result;
  }

 private:
  std::optional<ff::Table> old_;
};
FRESHFRAME_NODE(Delayed, "delayed");

// Makes a table of memory that is reused at once.
class Maker : public ff::Node<ff::Frame, ff::Table> {
 public:
  std::optional<ff::Table> process(const ff::Sample<ff::Frame>& sample, ff::Context&) override {
    ff::Table table;
    table.add("v", std::vector<double>(1000, static_cast<double>(sample.stamp.seq)));
    return table;
  }
};
FRESHFRAME_NODE(Maker, "maker");

// Keeps its frames where they outlive everything.
std::vector<ff::Frame>& kept() {
  static std::vector<ff::Frame> frames;
  return frames;
}
class Hoarder : public ff::Node<ff::Frame, double> {
 public:
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context&) override {
    kept().push_back(sample.value.keep());
    return static_cast<double>(kept().size());
  }
};
FRESHFRAME_NODE(Hoarder, "hoarder");
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("views"), CODE, language="c++")


def tables(count: int) -> list[dict[str, Any]]:
    return [
        {"v": np.full(1000, float(number)), "w": np.arange(6.0).reshape(2, 3).T} for number in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "late"), [("forward_table", 0), ("scored", 0), ("delayed", 1)])
def test_a_table_that_is_passed_on_keeps_its_numbers(plugin: Path, name: str, late: int) -> None:
    given = tables(40)
    samples = run_node(ff.native.node(plugin, name), given)
    assert len(samples) == 40 - late
    for number, sample in enumerate(samples):
        np.testing.assert_array_equal(sample.value["v"], given[number]["v"])
        np.testing.assert_array_equal(sample.value["w"], given[number]["w"])
        assert ("score" in sample.value) == (name == "scored")


@pytest.mark.parametrize("name", ["forward_table", "scored", "delayed"])
def test_a_table_of_another_plugin_keeps_its_numbers(plugin: Path, name: str) -> None:
    pipeline = ff.Pipeline()
    made = pipeline.add(ff.native.node(plugin, "maker"), pipeline.add(Pictures(30)))
    passed = pipeline.add(
        ff.native.node(plugin, name), pipeline.add(ff.native.node(plugin, "forward_table"), made)
    )
    reader = pipeline.reader(passed, queue=ff.Queue(64, when_full="block"))
    with pipeline:
        samples = list(reader)
    late = 1 if name == "delayed" else 0
    assert [sample.value["v"].tolist() for sample in samples] == [
        [float(sample.seq - late)] * 1000 for sample in samples
    ]


def test_arrays_and_circles_are_passed_on(plugin: Path) -> None:
    cube = np.arange(24, dtype=np.int16).reshape(2, 3, 4)[:, ::2]
    given = [cube, cube[:0], np.array(7.0)]
    made = [sample.value for sample in run_node(ff.native.node(plugin, "forward_array"), given)]
    for array, wanted in zip(made, given, strict=True):
        assert array.dtype == wanted.dtype
        np.testing.assert_array_equal(array, wanted)
    circles = ff.Circles(np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.array([0.5, 1], np.float32))
    (sample,) = run_node(ff.native.node(plugin, "forward_circles"), [circles])
    np.testing.assert_array_equal(sample.value.xyr, circles.xyr)


@pytest.mark.slow
def test_frames_that_outlive_their_node_are_released_at_the_exit(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_PERTURB_", "165")  # glibc overwrites freed memory, except in its thread cache
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
    ended = run_program(
        """
        import gc
        import sys
        import freshframe as ff

        def run():
            pipeline = ff.Pipeline()
            video = pipeline.add(ff.open("demo:circles?frames=5&pace=0&size=64x48"))
            reader = pipeline.reader(pipeline.add(ff.native.node(sys.argv[1], "hoarder"), video))
            with pipeline:
                print([sample.value for sample in reader])

        run()
        gc.collect()
        """,
        arguments=[str(plugin)],
    )
    assert (ended.code, ended.out) == (0, "[1.0, 2.0, 3.0, 4.0, 5.0]\n"), ended.err
