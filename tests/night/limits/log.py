"""What the log tells when there are many kinds of lines."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator

import freshframe as ff
from night.limits.rule import Find
from night.own_process import also_log_to

_KINDS = 300  # of lines, more than the log remembers
_AT_ONCE = 30  # nodes of a pipeline
_ALIKE = 6  # nodes that fail with one text, and have names that differ in their numbers
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PAUSE = 0.1  # seconds between two looks
_TOLD_WITHIN = 30.0  # seconds: the log holds lines for 10


class _Lines(logging.Handler):
    """Keeps the texts of a round."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class _One(ff.Source[int]):
    """Gives one value."""

    live = False

    def read(self, _: ff.StopToken) -> Iterator[tuple[int, float]]:
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
    with pipeline.start():
        pipeline.wait()


def kinds_of_lines(seconds: float, find: Find) -> int:
    """The failure of each node is told, however many lines of other kinds there were before."""
    rounds, ends = 0, time.monotonic() + seconds
    words = map("".join, itertools.product(_LETTERS, repeat=4))  # they differ in more than a number
    with also_log_to(_Lines()) as said:
        while time.monotonic() < ends:
            for _ in range(_KINDS // _AT_ONCE):
                _fail({name: f"text {name}" for name in itertools.islice(words, _AT_ONCE)})
            said.lines.clear()
            names = [f"camera{number}" for number in range(rounds * _ALIKE, (rounds + 1) * _ALIKE)]
            _fail(dict.fromkeys(names, "one text for all"))

            def missing(names: list[str] = names) -> list[str]:
                lines = "\n".join(said.lines)
                return [name for name in names if f"'{name}'" not in lines]

            told = time.monotonic() + _TOLD_WITHIN
            while missing() and time.monotonic() < told:
                time.sleep(_PAUSE)
            if missing():
                find(f"no line tells that {missing()} have failed: {said.lines}")
            rounds += 1
    return rounds
