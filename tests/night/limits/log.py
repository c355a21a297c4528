"""The lines of failures in a log of many kinds of lines."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import freshframe as ff
from night.limits.rule import Find
from night.own_process import Lines, also_log_to

_KINDS = 300  # kinds of lines, more than the log remembers
_AT_ONCE = 30  # nodes of a pipeline
_ALIKE = 6  # nodes that fail with one text, and have names that differ in their numbers
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PAUSE = 0.1  # seconds between two looks
_WITHIN = 30.0  # seconds until the line: the log holds lines for 10


class _One(ff.Source[int]):
    """Gives one value."""

    live = False

    def read(self) -> Iterator[tuple[int, float]]:
        """Gives it."""
        yield 0, 0.0


def _failing(text: str) -> Callable[[int], None]:
    def fails(_: int) -> None:
        raise ValueError(text)

    return fails


def _fail(texts: dict[str, str]) -> None:
    """Nodes with these names fail once each, with these texts."""
    pipeline = ff.Pipeline("failures")
    source = pipeline.add(_One(), name="one")
    for name, text in texts.items():
        pipeline.add(_failing(text), source, name=name, on_error="skip")
    with pipeline:
        pipeline.wait()


def kinds_of_lines(seconds: float, find: Find) -> int:
    """The log contains a line for the failure of each node, after lines of hundreds of other kinds."""
    rounds, ends = 0, time.monotonic() + seconds
    words = map("".join, itertools.product(_LETTERS, repeat=4))  # they differ in more than a number
    with also_log_to(Lines()) as said:
        while time.monotonic() < ends:
            for _ in range(_KINDS // _AT_ONCE):
                _fail({name: f"text {name}" for name in itertools.islice(words, _AT_ONCE)})
            said.lines.clear()
            names = [f"camera{number}" for number in range(rounds * _ALIKE, (rounds + 1) * _ALIKE)]
            _fail(dict.fromkeys(names, "one text for all"))

            def missing(names: list[str] = names) -> list[str]:
                lines = "\n".join(said.lines)
                return [name for name in names if f"'{name}'" not in lines]

            late = time.monotonic() + _WITHIN
            while missing() and time.monotonic() < late:
                time.sleep(_PAUSE)
            if missing():
                find(f"there is no line of the failures of {missing()}: {said.lines}")
            rounds += 1
    return rounds
