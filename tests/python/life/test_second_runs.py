"""A pipeline or a loop runs once: a second run raises an error that says how the first one ended."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Count, Ticker

import freshframe as ff


class Failing(ff.Node[int, int]):
    def process(self, sample: ff.Sample[int]) -> int:
        raise ValueError("no")


def by_start(pipeline: ff.Pipeline) -> None:
    pipeline.start()


def by_with(pipeline: ff.Pipeline) -> None:
    with pipeline:
        pass


def by_async_with(pipeline: ff.Pipeline) -> None:
    async def run() -> None:
        async with pipeline:
            pass

    asyncio.run(run())


def by_run(pipeline: ff.Pipeline) -> None:
    pipeline.run()


def stopped(pipeline: ff.Pipeline) -> None:
    pipeline.start()
    pipeline.stop()


def stopped_by_all(pipeline: ff.Pipeline) -> None:
    pipeline.start()
    ff.Pipeline.stop_all()


def left(pipeline: ff.Pipeline) -> None:
    with pipeline:
        pass


def ran(pipeline: ff.Pipeline) -> None:
    pipeline.run()


def stopped_before(pipeline: ff.Pipeline) -> None:
    pipeline.stop()


@pytest.mark.parametrize("again", [by_start, by_with, by_async_with, by_run])
@pytest.mark.parametrize("first", [stopped, stopped_by_all, left, ran, stopped_before])
def test_a_pipeline_that_has_run_cannot_run_again(
    first: Callable[[ff.Pipeline], None], again: Callable[[ff.Pipeline], None]
) -> None:
    pipeline = ff.Pipeline()
    # stop_all() leaves out a pipeline that has already ended on its own.
    source = Ticker() if first is stopped_by_all else Count(3)
    pipeline.add(lambda value: None, pipeline.add(source))
    first(pipeline)
    if again is by_run and first in (stopped, stopped_by_all, left):
        pipeline.run()  # it waits for the end, and returns the report
        return
    with pytest.raises(ff.StateError):
        again(pipeline)


def test_with_continues_a_pipeline_that_was_started() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(5)), queue=ff.Queue(8))
    pipeline.start()
    with pipeline:
        assert [sample.value for sample in reader] == list(range(5))


def loop(stream: Any) -> None:
    for _ in stream:
        pass


def loop_in_with(stream: Any) -> None:
    with stream:
        loop(stream)


def loop_async(stream: Any) -> None:
    async def run() -> None:
        async for _ in stream:
            pass

    asyncio.run(run())


LOOPS = [loop, loop_async]


@pytest.mark.parametrize("again", LOOPS)
@pytest.mark.parametrize("first", LOOPS)
@pytest.mark.parametrize("name", ["missing.mp4", "no.png", "folder", "empty.mp4"])
def test_a_second_loop_over_a_source_that_could_not_be_opened_says_so(
    tmp_path: Path, name: str, first: Callable[[Any], None], again: Callable[[Any], None]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.mp4").touch()
    source = ff.open(str(tmp_path / name))
    with pytest.raises(ff.SourceError) as failed:
        first(source)
    for _ in range(2):
        with pytest.raises(ff.StateError) as refused:
            again(source)
        assert str(failed.value) in str(refused.value)
        assert "create another one to try again" in str(refused.value)


@pytest.mark.parametrize("again", [*LOOPS, loop_in_with])
@pytest.mark.parametrize("first", [*LOOPS, loop_in_with])
def test_a_second_loop_over_a_stream_that_has_failed_says_so(
    first: Callable[[Any], None], again: Callable[[Any], None]
) -> None:
    stream = ff.stream(Count(5), Failing())
    with pytest.raises(ff.NodeError):
        first(stream)
    with pytest.raises(
        ff.StateError, match=r"failed \(.*ValueError: no.*\): create another one to try again"
    ):
        again(stream)


def test_a_second_loop_over_a_stream_that_was_left_says_that_it_was_closed() -> None:
    stream = ff.stream(Ticker())
    for _ in stream:
        break
    with pytest.raises(ff.StateError, match="was closed by a loop over it"):
        loop(stream)
