"""The cameras of a controller: names, addresses, builds and counts. The decisions have the rest."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from .counts import CameraCounts

_MOST_GONE = 100  # removed cameras whose names are kept though no result of them waits


@dataclass
class Known:
    """Holds what is known of one camera."""

    name: str
    url: str
    build: int
    counts: CameraCounts = field(default_factory=CameraCounts)


class Cameras:
    """Holds the cameras of one fleet, by number. A number is never given twice."""

    def __init__(self) -> None:
        """Makes a table without cameras."""
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
        """The number of a camera that is there."""
        return self._numbers.get(name)

    def get(self, number: int) -> Known | None:
        """A camera that is there."""
        return self._known.get(number)

    def name_of(self, number: int) -> str:
        """A camera's name, also after its end while a reader may have results of it."""
        known = self._known.get(number)
        return known.name if known is not None else self._gone.get(number, f"unknown camera {number}")

    def remove(self, number: int) -> Known:
        """Removes a camera that has ended."""
        known = self._known[number]
        self._gone[number] = known.name  # before the next line: a reader may ask for it at any moment
        del self._known[number]
        self._numbers.pop(known.name, None)
        return known

    def forget(self, in_use: Callable[[], Collection[int]]) -> list[int]:
        """The numbers of removed cameras that are forgotten now, as no result of them is in use."""
        if len(self._gone) <= _MOST_GONE:
            return []
        used = in_use()
        forgotten = [number for number in self._gone if number not in used]
        for number in forgotten:
            del self._gone[number]
        return forgotten
