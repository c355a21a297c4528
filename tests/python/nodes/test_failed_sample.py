"""`NodeError.sample`: the sample that a node failed on, with its frame, wherever the node runs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import gc
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from rigs.process import nodes as process_nodes
from support import Collect, Count, Pictures, Push, picture, until

import freshframe as ff

PLUGIN = """
#include <freshframe/plugin.hpp>

#include <stdexcept>

namespace ff = freshframe::plugin;

class Refuses : public ff::Node<ff::Frame, double> {
 public:
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context&) override {
    if (sample.stamp.seq == 2) throw std::runtime_error("it is 2");
    return 0.0;
  }
};
FRESHFRAME_NODE(Refuses, "refuses");
"""


def failure(node: Any, source: ff.Source[Any] | None = None, **options: Any) -> ff.NodeError:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Pictures(6) if source is None else source, name="camera")
    pipeline.add(node, camera, name="refuses", **options)
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    return caught.value


def check(error: ff.NodeError, level: int = 2) -> None:
    sample = error.sample
    assert sample is not None
    assert (sample.seq, sample.source, sample.node) == (error.seq, error.source, "camera")
    assert sample.pts == sample.seq / 25
    assert np.unique(sample.frame.luma).tolist() == [level]


@pytest.mark.slow
@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_of_a_function_it_has_the_picture(process: bool) -> None:
    check(failure(process_nodes.refuses_2, process=process))


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_of_a_batch_that_failed_as_a_whole_it_is_the_first(process: bool) -> None:
    error = failure(process_nodes.RefusesIn2s(), process=process, batch=ff.Batch(3, max_wait=60))
    assert len(error.batch) == 3
    check(error, level=0)


def test_of_one_sample_of_a_batch_it_is_that_one() -> None:
    def refuse(frames: list[ff.Frame]) -> list[int | Exception]:
        return [ValueError("it is 2") if frame.luma[0, 0] == 2 else 0 for frame in frames]

    check(failure(refuse, batch=ff.Batch(3, max_wait=60)))


def test_of_a_native_node_it_has_the_picture(tmp_path: Path) -> None:
    source = Push(live=False)
    sizes = [(64, 48), (64, 48), (32, 32)]
    source.push(*(ff.Frame.from_array(picture(number, size), "gray") for number, size in enumerate(sizes)))
    source.end()
    error = failure(ff.VideoFile(tmp_path / "out.mkv", codec="mjpeg"), source)
    assert error.sample is not None
    assert (error.sample.seq, error.sample.frame.width) == (2, 32)


@pytest.mark.slow
def test_of_a_plugin_it_has_the_picture(tmp_path: Path) -> None:
    library = compiled(tmp_path, PLUGIN, language="c++")
    check(failure(ff.native.node(library, "refuses")))


def test_of_a_result_it_has_the_value_and_the_picture_that_it_was_made_from() -> None:
    def refuse(level: int) -> None:
        if level == 2:
            raise ValueError(level)

    pipeline = ff.Pipeline()
    levels = pipeline.add(lambda frame: int(frame.luma[0, 0]), pipeline.add(Pictures(6)), name="levels")
    pipeline.add(refuse, levels)
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    sample = caught.value.sample
    assert sample is not None
    assert (sample.value, sample.node) == (2, "levels")
    assert sample.frame.luma[0, 0] == 2


def test_outside_process_there_is_none() -> None:
    class Fails(ff.Node[Any, None]):
        def open(self) -> None:
            raise ValueError("no")

        def process(self, sample: ff.Sample[Any]) -> None: ...

    assert failure(Fails(), Count(3)).sample is None


@pytest.mark.slow
def test_it_outlives_its_pipeline() -> None:
    error = failure(process_nodes.refuses_2)
    gc.collect()
    check(error)


def test_a_copy_of_the_error_has_all_but_the_picture() -> None:
    error = failure(process_nodes.refuses_2)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(again), again.node, again.seq, again.source) == (str(error), "refuses", 2, "camera")
        assert again.sample is None


@pytest.mark.slow
@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_the_log_of_a_skipped_sample_names_source_number_and_time(
    caplog: pytest.LogCaptureFixture, process: bool
) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Pictures(6), name="camera")
    values = pipeline.add(process_nodes.refuses_2, camera, name="refuses", on_error="skip", process=process)
    collect = Collect()
    pipeline.add(collect, values)
    with caplog.at_level(logging.WARNING, "freshframe"):
        pipeline.run()
        until(lambda: "on_error" in caplog.text, "the log")
    assert "node 'refuses' failed on sample 2 of 'camera': ValueError: it is 2 (pts 0.080 s)" in caplog.text
    assert [value for _, value in collect.seen] == [0, 1, 3, 4, 5]
