"""The cameras of a controller: names, URLs, builds and counts. Decisions has their states and agents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from .counts import CameraCounts

# Maximum number of removed cameras whose names are kept although none of their results are queued.
_MOST_GONE = 100


@dataclass
class Known:
    """The controller's data about one camera."""

    name: str
    url: str
    build: int
    counts: CameraCounts = field(default_factory=CameraCounts)


class Cameras:
    """The cameras of one fleet, by number. Numbers are never reused."""

    def __init__(self) -> None:
        """Starts without any cameras."""
        self._known: dict[int, Known] = {}
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._gone: dict[int, str] = {}  # names of removed cameras, whose results may still be read

    def add(self, name: str, url: str, build: int) -> int:
        """Adds a camera and returns its number."""
        number = self._next
        self._next += 1
        self._known[number] = Known(name, url, build)
        self._numbers[name] = number
        return number

    def number(self, name: str) -> int | None:
        """Returns the number of an existing camera, or None."""
        return self._numbers.get(name)

    def get(self, number: int) -> Known | None:
        """Returns an existing camera, or None."""
        return self._known.get(number)

    def name_of(self, number: int) -> str:
        """Returns a camera's name, even after its removal while a reader may have results of it."""
        known = self._known.get(number)
        return known.name if known is not None else self._gone.get(number, f"unknown camera {number}")

    def remove(self, number: int) -> Known:
        """Removes a camera that has ended."""
        known = self._known[number]
        self._gone[number] = known.name  # before the next line, because a reader may ask for it at any moment
        del self._known[number]
        self._numbers.pop(known.name, None)
        return known

    def forget(self, in_use: Callable[[], Collection[int]]) -> list[int]:
        """Forgets removed cameras that have no results in use any more. Returns their numbers."""
        if len(self._gone) <= _MOST_GONE:
            return []
        used = in_use()
        forgotten = [number for number in self._gone if number not in used]
        for number in forgotten:
            del self._gone[number]
        return forgotten
