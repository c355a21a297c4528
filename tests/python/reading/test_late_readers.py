"""Consumers that are added late downstream of a file: the log counts the samples that they missed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support import Collect, Push, until

import freshframe as ff


def running(push: int, *, live: bool) -> tuple[ff.Pipeline, ff.Port[Any], Push]:
    """Returns a pipeline that has read `push` samples of its source, and the source."""
    pipeline, source = ff.Pipeline(keep_running=True), Push(live=live)
    camera = pipeline.add(source, name="clip")
    first = pipeline.reader(camera, name="first", queue=ff.Queue(8) if live else ff.LOSSLESS)
    pipeline.start()
    source.push(*range(push))
    for _ in range(push):
        first.get()
    first.close()
    return pipeline, camera, source


def missed(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "has missed" in line]


def reader(pipeline: ff.Pipeline, clip: ff.Port[Any]) -> str:
    return pipeline.reader(clip, name="late reader").name


def node(pipeline: ff.Pipeline, clip: ff.Port[Any]) -> str:
    return pipeline.add(Collect(), clip, name="late node").name


def connected(pipeline: ff.Pipeline, clip: ff.Port[Any]) -> str:
    late = pipeline.add(Collect(), [], name="late merge")
    pipeline.connect(late, clip)
    return late.name


def join(pipeline: ff.Pipeline, clip: ff.Port[Any]) -> str:
    other = pipeline.add(Push(live=False), name="other")
    return pipeline.reader([clip, other], join=ff.Join(within=0.01), name="late join").name


CONSUMERS = [reader, node, connected, join]


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_late_consumer_of_a_file_is_logged_with_the_count(
    consumer: Callable[[ff.Pipeline, ff.Port[Any]], str], caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, clip, _ = running(56, live=False)
    name = consumer(pipeline, clip)
    pipeline.stop()
    [line] = missed(caplog)
    assert re.search(rf"'{name}' has missed 56 samples of 'clip'.*before the pipeline starts", line), line


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_below_a_camera_nothing_is_logged(
    consumer: Callable[[ff.Pipeline, ff.Port[Any]], str], caplog: pytest.LogCaptureFixture
) -> None:
    if consumer is join:
        pytest.skip("its other parent is a file")
    pipeline, clip, _ = running(5, live=True)
    consumer(pipeline, clip)
    pipeline.stop()
    assert missed(caplog) == []


def test_of_a_reader_that_drops_by_choice_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    pipeline, clip, source = running(5, live=False)
    late = pipeline.reader(clip, queue=ff.LATEST)
    source.push("next")
    assert late.get().value == "next"
    pipeline.stop()
    assert missed(caplog) == []


def test_of_a_reader_that_is_there_in_time_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    pipeline.start()
    source = Push(live=False)
    clip = pipeline.add(source)
    late = pipeline.reader(clip)
    source.push(0)
    assert late.get().seq == 0
    pipeline.stop()
    assert missed(caplog) == []


def test_results_without_a_taker_count_as_missed(caplog: pytest.LogCaptureFixture) -> None:
    pipeline, source = ff.Pipeline(), Push(live=False)
    step = pipeline.add(lambda value: value, pipeline.add(source), name="step")
    with pipeline:
        source.push(1, 2, 3)
        until(lambda: pipeline.stats().nodes["step"].processed == 3, "the results")
        late = pipeline.reader(step)
        until(lambda: missed(caplog), "the log")
        [line] = missed(caplog)
        # The last one may still be on its way.
        assert re.search(r"has missed [23] samples of 'step'", line), line
        source.push(4)
        assert late.get().value == 4
