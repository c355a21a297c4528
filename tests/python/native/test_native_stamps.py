"""The numbers and capture times that a source assigns to its samples."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.native_code import compiled
from support import until

import freshframe as ff

CODE = """
#include <freshframe/plugin.hpp>

#include <vector>

namespace ff = freshframe::plugin;

// Gives the numbers of an option, and its capture times in milliseconds before now.
class Stamps : public ff::Source<double> {
 public:
  static constexpr bool live = false;
  explicit Stamps(const ff::Options& options)
      : numbers_(options.get("numbers", std::vector<double>())),
        ages_(options.get("ages", std::vector<double>())) {}
  std::optional<ff::Item<double>> read(ff::Context& context) override {
    if (next_ == numbers_.size()) return std::nullopt;
    ff::Item<double> item{0.0};
    item.seq = static_cast<std::int64_t>(numbers_[next_]);
    const double now_ns = context.now() * 1e9;
    if (!ages_.empty()) item.captured_ns = static_cast<std::int64_t>(now_ns - ages_[next_] * 1e6);
    ++next_;
    return item;
  }

 private:
  std::vector<double> numbers_;
  std::vector<double> ages_;
  std::size_t next_ = 0;
};
FRESHFRAME_NODE(Stamps, "stamps");

// Gives a wall time of the kind that its option says; none for 0.
class Walls : public ff::Source<double> {
 public:
  explicit Walls(const ff::Options& options)
      : from_(static_cast<int>(options.get("from", 0.0))), utc_(options.get("utc", 0.0)),
        error_(options.get("error", 0.0)) {}
  std::optional<ff::Item<double>> read(ff::Context&) override {
    if (done_) return std::nullopt;
    done_ = true;
    ff::Item<double> item{0.0};
    item.utc = {utc_, error_, static_cast<ff::UtcFrom>(from_)};
    return item;
  }

 private:
  int from_;
  double utc_;
  double error_;
  bool done_ = false;
};
FRESHFRAME_NODE(Walls, "walls");

// The wall time of its sample, its error, or its clock.
class Seen : public ff::Node<double, double> {
 public:
  explicit Seen(const ff::Options& options) : what_(static_cast<int>(options.get("what", 0.0))) {}
  std::optional<double> process(const ff::Sample<double>& sample, ff::Context&) override {
    const auto& utc = sample.stamp.utc;
    return what_ == 0 ? utc.seconds : what_ == 1 ? utc.error : static_cast<double>(utc.from);
  }

 private:
  int what_;
};
FRESHFRAME_NODE(Seen, "seen");
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("stamps"), CODE, language="c++")


def samples(source: Any) -> list[ff.Sample[Any]]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        return list(reader)


@pytest.mark.slow
def test_numbers_may_skip_and_minus_one_is_the_next(plugin: Path) -> None:
    node = ff.native.node(plugin, "stamps", numbers=[0, 5, -1, 7])
    assert [sample.seq for sample in samples(node)] == [0, 5, 6, 7]


@pytest.mark.parametrize(
    ("numbers", "text"), [([9, 8], "the seq 8 after 9"), ([3, -1, 4], "the seq 4 after 4")]
)
def test_a_number_that_returns_or_goes_back_is_an_error(plugin: Path, numbers: list[int], text: str) -> None:
    with pytest.raises(
        ff.NodeError, match=rf"'stamps' failed.*{text}, but each must be greater than the one before"
    ):
        samples(ff.native.node(plugin, "stamps", numbers=numbers))


def test_capture_times_may_go_back(plugin: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "freshframe"):
        first, second = samples(ff.native.node(plugin, "stamps", numbers=[0, 1], ages=[100, 300]))
    assert second.captured < first.captured
    assert "capture time" not in caplog.text


def test_a_wall_time_crosses_the_border_in_both_directions(plugin: Path) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.native.node(plugin, "walls", **{"from": 4, "utc": 1.75e9, "error": 0.25}))
    readers = [
        pipeline.reader(pipeline.add(ff.native.node(plugin, "seen", what=what), source)) for what in range(3)
    ]
    with pipeline:
        given = [reader.get() for reader in readers]
    assert [sample.value for sample in given] == [1.75e9, 0.25, 4]
    assert {(sample.utc, sample.utc_error, sample.utc_from) for sample in given} == {(1.75e9, 0.25, "camera")}


def test_a_live_plugin_without_a_wall_time_has_that_of_the_arrival(plugin: Path) -> None:
    before = time.time()
    (sample,) = samples(ff.native.node(plugin, "walls"))
    assert sample.utc_from == "arrival"
    assert sample.utc_error == math.inf
    assert sample.utc is not None
    assert before - 0.001 <= sample.utc <= time.time() + 0.001


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"from": 6}, "utc_from must be a value of freshframe_utc_from, got 6"),
        ({"from": -1}, "utc_from must be a value of freshframe_utc_from, got -1"),
        ({"from": 4, "utc": math.inf}, "returned a utc that is not finite"),
        ({"from": 4, "error": -0.5}, "returned a utc_error of -0.500000: it must be at least 0"),
        ({"from": 4, "error": math.nan}, "returned a utc_error of nan: it must be at least 0"),
    ],
)
def test_a_wall_time_that_cannot_be_is_an_error(plugin: Path, options: dict[str, float], text: str) -> None:
    with pytest.raises(ff.NodeError, match=rf"'walls' failed: {text}"):
        samples(ff.native.node(plugin, "walls", **options))


class Wrong(ff.Source[float]):
    """Its capture times use the wall clock."""

    live = False

    def read(self) -> Iterator[tuple[float, float, float]]:
        for number in range(3):
            yield 1.0, float(number), time.monotonic() + 1e6


def test_a_capture_time_of_another_clock_counts_as_now_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "freshframe"):
        given = samples(Wrong())
        until(lambda: "capture time" in caplog.text, "the warning")
    assert all(sample.captured <= time.monotonic() for sample in given)
    (line,) = [record.message for record in caplog.records if "capture time" in record.message]
    assert "source 'Wrong' returned a capture time 1000000 s ahead of the pipeline's clock" in line
