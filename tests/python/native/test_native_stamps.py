"""The numbers and capture times that a source gives its samples."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
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
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("stamps"), CODE, language="c++")


def samples(source: Any) -> list[ff.Sample[Any]]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        return list(reader)


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


class Wrong(ff.Source[float]):
    """Its capture times are of the calendar's clock."""

    live = False

    def read(self, stop: ff.StopToken) -> Iterator[tuple[float, float, float]]:
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
    assert "source 'Wrong' gave a capture time 1000000 s ahead of the pipeline's clock" in line
