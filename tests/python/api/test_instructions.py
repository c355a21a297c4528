"""A message about a wrong call says what to write instead."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from support import Count

import freshframe as ff


class Two(ff.Node[Any, Any]):
    def process(self, one: Any, other: Any) -> Any:  # type: ignore[override]
        return one


def added(node: Any, **options: Any) -> Callable[[], object]:
    def call() -> object:
        pipeline = ff.Pipeline()
        pipeline.add(lambda value: None, pipeline.add(node, pipeline.add(Count(4)), **options))
        return pipeline.run()

    return call


def read(call: Callable[[Any], object]) -> Callable[[], object]:
    def run() -> object:
        pipeline = ff.Pipeline()
        return call(pipeline.reader(pipeline.add(Count(4))))

    return run


def width(frame: Any) -> Any:
    return frame.width


CALLS: dict[str, tuple[Callable[[], object], str]] = {
    "process() of two": (added(Two()), r"Write def process\(self, sample\):.*join=freshframe.Join\(\)"),
    "poll(timeout=)": (read(lambda reader: reader.poll(timeout=2)), r"get\(timeout=2\) waits"),
    "poll(2)": (read(lambda reader: reader.poll(2)), r"get\(timeout=2\) waits"),
    "poll(max_age=)": (read(lambda reader: reader.poll(max_age=2)), r"has no arguments"),
    "a value with batch=": (
        added(width, batch=ff.Batch(2)),
        r"With batch=, a function receives a list of values and returns a list of results",
    ),
    "a line as a list": (
        lambda: ff.LineCounter([0, 1, 2, 3]),  # type: ignore[call-arg, arg-type]
        r"LineCounter\(\(0, 180\), \(640, 180\)\)",
    ),
    "a line as a tuple": (
        lambda: ff.LineCounter((0, 1, 2, 3)),  # type: ignore[call-arg, arg-type]
        r"LineCounter\(\(0, 180\), \(640, 180\)\)",
    ),
    "a line as points": (
        lambda: ff.LineCounter([(0, 1), (2, 3)]),  # type: ignore[call-arg, arg-type]
        r"LineCounter\(\(0, 180\), \(640, 180\)\)",
    ),
    "a key of two": (
        lambda: ff.Presence(lambda one, two: one),  # type: ignore[misc, arg-type]
        r"key must take one argument.*Write lambda zones",
    ),
    "a key of none": (
        lambda: ff.Presence(lambda: []),  # type: ignore[misc, arg-type]
        r"key must take one argument.*Write lambda zones",
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call_says_what_to_write(call: str) -> None:
    wrong, wanted = CALLS[call]
    with pytest.raises((ff.FreshframeError, TypeError), match=wanted):
        wrong()


def test_a_key_may_be_a_builtin_a_method_or_a_partial_function() -> None:
    one_of_two: Any = functools.partial(lambda one, two: two, 1)
    keys: list[Callable[..., Any]] = [set, sorted, {"a": 1}.get, one_of_two, lambda value=None: []]
    for key in keys:
        ff.Presence(key)
