"""Failures are reported once: a call raises them, or leaving `with` does, or else they are logged."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support import Collect, Count, Push, Ticker, run_program, until

import freshframe as ff
from freshframe._pipeline import life

BUILD = """
import time
import freshframe as ff
from support import Count, Ticker, until

def boom(value):
    raise ValueError("dead since the first frame")

pipeline = ff.Pipeline("yard")
pipeline.add(boom, pipeline.add(Ticker(), name="cam"), queue=ff.Queue(1, "drop_newest"))  # keeps the first

def failed():
    return pipeline.stats().nodes["boom"].state == "failed"
"""
LOGGED = "pipeline 'yard' failed, and no call has raised the error: node 'boom' failed on sample 0 of 'cam'"


class LosesLines(ff.Node[Any, None]):
    """Fails like a file sink whose disk is full when it writes its last lines."""

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
    logged = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    (line,) = [line for line in logged if "node 'second' failed" in line]
    assert "No space left" in line
    assert "in close" in line  # with its traceback


@pytest.mark.slow
def test_a_failure_that_no_call_raises_is_logged_at_exit_with_its_traceback() -> None:
    ended = run_program(BUILD + "pipeline.start()\nuntil(failed, 'the failure')\n")
    assert ended.code == 0
    assert ended.err.startswith(LOGGED)
    # CPython 3.13 can also show source lines of a program passed with -c.
    assert re.search(r", in boom\n(    .*\n)*ValueError: dead since the first frame", ended.err)
    assert ended.err.count("Traceback") == 1
    assert "life.py" not in ended.err  # no lines of freshframe's code


@pytest.mark.slow
def test_a_failure_that_appears_at_exit_is_logged_there() -> None:
    ended = run_program(
        BUILD
        + """
class LosesLines(ff.Node):
    def process(self, sample):
        pass
    def close(self):
        raise OSError(28, "No space left on device")

other = ff.Pipeline("files")
reader = other.reader(other.add(Ticker()))
other.add(LosesLines(), other.add(Ticker()))
other.start()
reader.get()
"""
    )
    assert "pipeline 'files' failed, and no call has raised the error: node 'LosesLines' failed" in ended.err
    assert "No space left on device" in ended.err


def test_a_failure_that_no_call_raises_is_logged_while_the_program_works_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "_PATIENCE", 0.1)
    pipeline = ff.Pipeline("yard")
    first = ff.Queue(1, "drop_newest")
    pipeline.add(boom, pipeline.add(Ticker(), name="cam"), queue=first)
    pipeline.start()
    until(lambda: "no call has raised the error" in caplog.text, "the log line")
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.getMessage().startswith(LOGGED)
    assert record.exc_info is not None
    error = record.exc_info[1]
    assert isinstance(error, ff.NodeError)
    assert isinstance(error.__cause__, ValueError)
    with pytest.raises(ff.NodeError, match="dead since"):
        pipeline.wait()
    pipeline.stop()
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


@pytest.mark.slow
def test_a_failure_beside_an_exception_of_the_body_is_logged() -> None:
    ended = run_program(
        BUILD
        + """
with pipeline:
    until(failed, "the failure")
    raise KeyError("mine")
"""
    )
    assert ended.code == 1
    assert "KeyError: 'mine'" in ended.err
    assert ended.err.count(LOGGED) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "raises",
    [
        "pipeline.run()",
        "pipeline.start(); pipeline.wait()",
        "with pipeline: until(failed, 'the failure')",
        "pipeline.start(); until(failed, 'the failure'); reader.get()",
    ],
)
def test_a_failure_that_a_call_raises_is_not_logged_as_well(raises: str) -> None:
    ended = run_program(
        BUILD
        + f"""
reader = pipeline.reader(pipeline.add(Count(1)))
try:
    {raises}
except ff.NodeError as error:
    print(error)
"""
    )
    assert ended.out == "node 'boom' failed on sample 0 of 'cam': ValueError: dead since the first frame\n"
    assert ended.err == ""
    assert ended.code == 0


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
    assert report.nodes["cam"].last_error is None


def test_a_run_that_stop_cut_off_is_not_complete() -> None:
    class Heeds(ff.Source[int]):
        live = False

        def read(self) -> Iterator[tuple[int, float]]:
            for number in range(3):
                yield number, number / 25
            self.stop_token.wait(60)

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
    direct, both = pipeline.reader(camera), pipeline.reader([small, large])
    with pipeline:
        found = {(s.node, s.source, s.value) for s in both}
        assert {s.node for s in direct} == {"cam"}
    assert found == {(node, "cam", k * n) for node, k in (("small", 1), ("large", 10)) for n in range(3)}
