"""Mistakes that raise no error are logged once, and are in the report and in why()."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rigs.attempts import GivesSample, forgot_return, joined, numbers, reads
from support import WATCHDOG, Count, until

import freshframe as ff


def empty_generator() -> Callable[[], object]:
    used_up = numbers()
    assert list(used_up) == [1]
    return reads(lambda: used_up)


class Pictures(ff.Source[int]):
    """Yields numbers whose pts are 100 s apart, as fast as they are taken."""

    def __init__(self, *, gives_captured: bool = False, goes_on: bool = False) -> None:
        self.gives_captured, self.goes_on = gives_captured, goes_on
        self.given = threading.Event()

    def read(self) -> Iterator[Any]:
        for number in range(8):
            yield (number, number * 100, *([time.monotonic()] if self.gives_captured else []))
        self.given.set()
        while self.goes_on and not self.stop_token.wait(0.01):
            pass


class Lossless(Pictures):
    live = False


def taken_late(source: Pictures) -> Callable[[], object]:
    """Returns a step that waits until the source has emitted everything, unless the source waits for the
    step.
    """

    def work(value: int) -> None:
        assert not source.live or source.given.wait(WATCHDOG)

    def attempt() -> object:
        pipeline = ff.Pipeline()
        pipeline.add(work, pipeline.add(source))
        if not source.goes_on:
            return pipeline.run()
        with pipeline:
            return source.given.wait(WATCHDOG)

    return attempt


LOGGED: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "max_age in milliseconds": (
        lambda: ff.Pipeline().add(lambda value: value, [], max_age=123),
        ("max_age=123: it is in seconds; 123 ms are max_age=0.123",),
    ),
    "a batch's wait in milliseconds": (
        lambda: ff.Batch(4, max_wait=77),
        ("max_wait=77: it is in seconds; 77 ms are max_wait=0.077",),
    ),
    "a used-up generator": (
        empty_generator(),
        ("source 'Own' ended without a sample", "A generator that was used up yields nothing"),
    ),
    "a source that is faster than its timestamps": (
        taken_late(Pictures()),
        (
            "source 'Pictures' yields samples faster than their timestamps",
            "and full queues have dropped",
            "Set live = False in its class to make it wait for slow consumers",
        ),
    ),
    "a source that is faster than its timestamps and goes on": (
        taken_late(Pictures(goes_on=True)),
        ("source 'Pictures' yields samples faster than their timestamps",),
    ),
    "a reader of a function without return": (
        forgot_return(lambda reader: None),
        ("'reader' receives nothing: its parent 'light' never returns a value",),
    ),
}


@pytest.mark.parametrize("usage", LOGGED)
def test_a_wrong_usage_that_goes_on_is_logged(usage: str, caplog: pytest.LogCaptureFixture) -> None:
    attempt, fragments = LOGGED[usage]
    with caplog.at_level(logging.WARNING, "freshframe"):
        attempt()
        until(lambda: all(each in caplog.text for each in fragments), lambda: caplog.text)


class Batched(ff.Node[Any, Any]):
    """Emits results from process_batch() only."""

    def process(self, sample: ff.Sample[Any], /) -> Any:
        return None

    def process_batch(self, samples: list[ff.Sample[Any]], /) -> list[Any]:
        return [sample.value for sample in samples]


def of_instance() -> ff.Node[Any, Any]:
    node = GivesSample()
    node.process = lambda sample: sample.value  # type: ignore[method-assign]
    return node


def with_many_constants(number: int) -> Callable[[Any], Any]:
    """Returns a function with this many constants before the one that it returns at its end."""
    lines = [f"    x = {each}.5" for each in range(number)]
    space: dict[str, Any] = {}
    exec("\n".join(["def f(value):", *lines, "    if value: return None", "    return 'last'"]), space)
    function: Callable[[Any], Any] = space["f"]
    return function


def read_by(node: Any) -> Callable[[], object]:
    def attempt() -> object:
        pipeline = ff.Pipeline()
        return pipeline.reader(pipeline.add(node, pipeline.add(Count(1))))

    return attempt


RIGHT: dict[str, Callable[[], object]] = {
    "a source that waits": taken_late(Lossless()),
    "a device that delivers what it has buffered": taken_late(Pictures(gives_captured=True)),
    "a node for batches": read_by(Batched()),
    "a method of one object": read_by(of_instance()),
    **{f"{number} constants": read_by(with_many_constants(number)) for number in range(250, 262)},
    "a function with a branch": read_by(lambda value: value and None),
    "a long max_age": lambda: ff.Pipeline().add(lambda value: value, [], max_age=10),
    "run_node() without values": lambda: ff.testing.run_node(lambda value: value, []),
    "a function that may return nothing": lambda: ff.testing.run_node(lambda v: v if v else None, [0]),
    "a sink": lambda: ff.testing.run_node(print, []),
    "a join in the parents' order": joined(lambda left, right: left - right),
    "a join with other names": joined(lambda one, other: one - other),
    "a join with the name of one parent": joined(lambda one, other: one - other, "other", "third"),
}


@pytest.mark.parametrize("usage", RIGHT)
def test_a_right_usage_logs_nothing(usage: str, caplog: pytest.LogCaptureFixture) -> None:
    RIGHT[usage]()
    assert caplog.text == ""


def test_a_node_that_gives_nothing_is_in_the_report_and_in_why() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(60))
    pipeline.add(lambda value: value, pipeline.add(lambda value: None, camera, name="light"), name="below")
    pipeline.add(lambda value: None, camera, name="sink")  # has no consumer
    report = pipeline.run()
    text = "received 60 samples and returned none: does its function or process() return a value?"
    assert report.silent == (f"node 'light' {text}",)
    assert f"  node 'light' {text}" in str(report).splitlines()
    (finding,) = pipeline.why().findings
    assert (finding.kind, finding.subject) == ("silent", "light")
    assert "light: received 60 samples and returned none. Does its function or process() return" in str(
        pipeline.why()
    )


class Minute(ff.Node[Any, int]):
    """Emits results from on_tick() only."""

    tick_every = 3600.0

    def process(self, sample: ff.Sample[Any], /) -> None:
        return None

    def on_tick(self, now: float, /) -> int | None:
        return None


@pytest.mark.parametrize(
    "node", [lambda value: value if value == 59 else None, Minute()], ids=["a filter", "results of its own"]
)
def test_a_node_that_gives_little_is_not_silent(node: Any) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(lambda value: value, pipeline.add(node, pipeline.add(Count(60)), name="node"))
    report = pipeline.run()
    assert report.silent == ()
    assert pipeline.why().findings == ()


def test_after_the_end_why_speaks_of_the_run_that_has_ended() -> None:
    pipeline = ff.Pipeline()
    assert str(pipeline.why()).startswith("The pipeline is not running yet: start it")
    reader = pipeline.reader(pipeline.add(Count(20)))
    with pipeline:
        assert len(list(reader)) == 20
    assert str(pipeline.why()).startswith("The pipeline has ended: these are the ages of its last samples.")
    assert "reader: samples are " in str(pipeline.why())
