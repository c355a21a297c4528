"""How often a line may be logged: a fault never floods a log, and each source that has it is named.

Lines are of one kind when they differ only in numbers outside of quotes. The names of nodes, files and URLs
stand in quotes, so ``'cam1'`` and ``'cam2'`` are two kinds. What was held back about a name is written before
a later line about it: "trying again" never follows "is back".
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

_EVERY = 10.0  # seconds between two lines of one kind
_MOST_NAMES = 16  # kinds that differ in their names only: a folder may hold a thousand damaged pictures
_MOST_KINDS = 256

_QUOTED = re.compile(r"'[^']*'")
_NUMBER = re.compile(r"\d+")


@dataclass
class _Kind:
    said: float  # time.monotonic() of its last line
    subject: str  # the first name in it; "": it has none
    held: int = 0  # lines since then
    level: int = 0  # of the latest of them, like the text
    text: str = ""


class Limiter:
    """Passes the first line of a kind, then one every 10 seconds with the number of those that it held back.

    One thread at a time.
    """

    def __init__(
        self, write: Callable[[int, str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._names: dict[str, set[str]] = {}  # the kinds, by their text without the names

    def __call__(self, level: int, text: str) -> None:
        """Writes the line, or holds it back."""
        now = self._clock()
        kind = self._kind(text)
        known = self._kinds.get(kind)
        if known is not None and now - known.said < _EVERY:
            known.held, known.level, known.text = known.held + 1, level, text
            return
        held = 0 if known is None else known.held
        new = self._kinds[kind] = _Kind(now, _subject(text))
        if new.subject:
            self._write_held([each for each in self._kinds.values() if each.subject == new.subject], now)
        self._write(level, text + _more(held))

    def tell(self, *, last: bool = False) -> float | None:
        """Writes the latest line that was held back, of each kind whose time has come.

        Args:
            last: Of every kind.

        Returns:
            Seconds until the next one's time comes; None when no line is held back.
        """
        now = self._clock()
        kinds = list(self._kinds.values())  # a handler may stop a pipeline, which also calls this
        self._write_held([known for known in kinds if last or now - known.said >= _EVERY], now)
        times = [known.said + _EVERY - now for known in self._kinds.values() if known.held]
        return max(0.0, min(times)) if times else None

    def _write_held(self, kinds: list[_Kind], now: float) -> None:
        """Writes the latest line that was held back, of each of these kinds."""
        for known in kinds:
            if known.held:
                line = known.level, known.text + _more(known.held - 1)
                known.said, known.held = now, 0
                self._write(*line)

    def _kind(self, text: str) -> str:
        alike = _NUMBER.sub("#", text)
        kind = alike if "'" not in text else _without_numbers(text)
        if len(self._kinds) >= _MOST_KINDS:
            self.tell(last=True)
            self._kinds.clear()
            self._names.clear()
        names = self._names.setdefault(alike, set())
        if kind not in names and len(names) >= _MOST_NAMES:
            return alike
        names.add(kind)
        return kind


def _subject(text: str) -> str:
    found = _QUOTED.search(text)
    return found[0] if found else ""


def _without_numbers(text: str) -> str:
    """The text with # for each number that is not within quotes."""
    parts, end = [], 0
    for quoted in _QUOTED.finditer(text):
        parts += [_NUMBER.sub("#", text[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    return "".join([*parts, _NUMBER.sub("#", text[end:])])


def _more(held: int) -> str:
    return f" (and {held} more like it)" if held > 0 else ""
