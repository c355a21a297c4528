"""Errors are reported: leaving `with` raises an error that no call has raised, and a skipped failure is
logged."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from support import Collect, Count, Push, Ticker, until

import freshframe as ff


class LosesLines(ff.Node[Any, None]):
    """As a file sink whose disk is full when it writes the rest."""

    def process(self, sample: ff.Sample[Any]) -> None:
        pass

    def close(self) -> None:
        raise OSError(28, "No space left on device")


def boom(_: object) -> None:
    raise ValueError("dead since the first frame")


def failed(pipeline: ff.Pipeline, node: str) -> bool:
    return pipeline.stats().nodes[node].state == "failed"


def test_leaving_with_raises_the_failure_that_no_call_has_raised() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Ticker()))
    with pytest.raises(ff.NodeError, match="dead since the first frame"), pipeline:
        until(lambda: failed(pipeline, "boom"), "the failure")


def test_leaving_with_raises_what_a_sink_lost_while_closing() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(LosesLines(), pipeline.add(Ticker()))
    with pytest.raises(ff.NodeError, match="No space left") as caught, pipeline:
        pass
    assert caught.value.node == "LosesLines"
    assert isinstance(caught.value.__cause__, OSError)


def test_leaving_async_with_raises_it_too() -> None:
    async def main() -> None:
        pipeline = ff.Pipeline()
        pipeline.add(LosesLines(), pipeline.add(Ticker()))
        async with pipeline:
            pass

    with pytest.raises(ff.NodeError, match="No space left"):
        asyncio.run(main())


def test_leaving_with_raises_nothing_that_a_reader_has_raised() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(Ticker())
    reader = pipeline.reader(port)
    pipeline.add(boom, port)
    with pipeline:
        until(lambda: failed(pipeline, "boom"), "the failure")
        with pytest.raises(ff.NodeError):
            reader.get()


def test_an_exception_of_the_body_is_never_replaced() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(LosesLines(), pipeline.add(Ticker()))
    with pytest.raises(KeyError, match="mine"), pipeline:
        raise KeyError("mine")


def test_stop_raises_no_failure() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(LosesLines(), pipeline.add(Ticker()))
    pipeline.start()
    pipeline.stop()


def test_a_second_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(Ticker())
    pipeline.add(boom, port)
    pipeline.add(LosesLines(), port, name="second")
    with pytest.raises(ff.NodeError, match="dead since"):
        pipeline.run()
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert any("node 'second' failed" in line and "No space left" in line for line in told)


def test_the_first_skipped_failure_is_logged_with_its_traceback_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(300), name="cam"), name="skips", on_error="skip")
    report = pipeline.run()
    first, rest = [r for r in caplog.records if "skips" in r.getMessage()]
    assert first.levelno == rest.levelno == logging.WARNING
    assert "node 'skips' failed on sample 0 of 'cam': ValueError: dead since the first frame" in first.message
    assert 'in boom\n    raise ValueError("dead since the first frame")' in first.message
    assert "299 more samples" in rest.message
    assert report.nodes["skips"].errors == 300
    assert report.nodes["skips"].last_error == "ValueError: dead since the first frame"
    assert report.nodes["cam"].last_error == ""


def test_a_run_that_stop_cut_off_is_not_complete() -> None:
    class Heeds(ff.Source[int]):
        live = False

        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            for number in range(3):
                yield number, number / 25
            stop.wait(60)

    pipeline, seen = ff.Pipeline(), Collect()

    def stop_at_the_last(value: int) -> int:
        if value == 2:
            until(lambda: len(seen.seen) == 2, "the samples before")
            pipeline.stop()
        return value

    pipeline.add(seen, pipeline.add(stop_at_the_last, pipeline.add(Heeds())))
    report = pipeline.run()
    assert not report.complete


def test_a_stop_after_the_end_leaves_the_run_complete() -> None:
    pipeline, source = ff.Pipeline(), Push(live=False)
    pipeline.add(Collect(), pipeline.add(source))
    source.push(1, 2)
    source.end()
    pipeline.start()
    pipeline.wait()
    pipeline.stop()
    assert pipeline.run().complete


def test_a_sample_says_which_node_it_came_from() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(3), name="cam")
    small = pipeline.add(lambda value: value, camera, name="small")
    large = pipeline.add(lambda value: value * 10, camera, name="large")
    direct, both = pipeline.reader(camera), pipeline.reader(small, large)
    with pipeline:
        found = {(s.node, s.source, s.value) for s in both}
        assert {s.node for s in direct} == {"cam"}
    assert found == {(node, "cam", k * n) for node, k in (("small", 1), ("large", 10)) for n in range(3)}
