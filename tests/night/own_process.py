"""This process: what it uses, as the kernel and malloc count it, its kind of Python, and freshframe's log."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import bisect
import contextlib
import ctypes
import functools
import logging
import re
import sys
import sysconfig
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

H = TypeVar("H", bound=logging.Handler)

_WATCHED = re.compile(r"/proc/\d+/task/(\d+)/syscall")
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def memory() -> int:
    """Returns the resident bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class _Malloc(ctypes.Structure):
    """The result of glibc's ``mallinfo2()``."""

    _fields_ = [("counts", ctypes.c_size_t * 10)]


def allocated() -> int:
    """Returns the bytes that malloc has given and not got back."""
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Malloc
    counts = ask().counts
    return int(counts[7] + counts[4])  # uordblks, and hblkhd: separate mappings


def threads() -> int:
    """Returns the number of threads, including threads that Python does not know."""
    return len(list(Path("/proc/self/task").iterdir()))


@functools.cache
def _count_of(name: str) -> Any:
    count = getattr(ctypes.CDLL(None), f"freshframe_test_{name}")
    count.restype = ctypes.c_long
    return count


def blocks() -> int:
    """Returns the number of blocks that were allocated and not freed; ``blocks.c`` must be preloaded."""
    return int(_count_of("blocks")())


def block_bytes() -> int:
    """Returns the bytes of these blocks; ``blocks.c`` must be preloaded."""
    return int(_count_of("bytes")())


def mappings() -> int:
    """Returns the number of memory mappings, such as the stack of a thread that was not joined."""
    return len(Path("/proc/self/maps").read_text().splitlines())


def open_files() -> dict[str, str]:
    """Returns the file, socket or the like of each open descriptor, by its number."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own
            found[entry.name] = str(entry.readlink())
    return found


def descriptors() -> int:
    """Returns the number of open descriptors, without those by which the GIL watch sees living threads."""
    living = {entry.name for entry in Path("/proc/self/task").iterdir()}
    watched = map(_WATCHED.fullmatch, open_files().values())
    return sum(found is None or found[1] not in living for found in watched)


USES: dict[str, Callable[[], int]] = {"descriptors": descriptors, "mappings": mappings, "threads": threads}
# One of these grows with each thing that is left, however small; ``blocks.c`` must be preloaded.
REMAINS: dict[str, Callable[[], int]] = {
    "blocks": blocks,
    "bytes": block_bytes,
    "objects": sys.getallocatedblocks,  # counts Python's own allocator
    **USES,
}


def uses() -> dict[str, int]:
    """Returns the numbers of open descriptors, memory mappings and threads."""
    return {name: look() for name, look in USES.items()}


class Usage:
    """The resources of a process at successive moments, in arrays, whose numbers are no separate objects."""

    def __init__(self, looks: Mapping[str, Callable[[], int]]) -> None:
        self._looks = looks
        self.moments = array("d")  # seconds from the start
        self.seen = {name: array("q") for name in looks}

    def look(self, moment: float) -> None:
        """Notes the present."""
        self.moments.append(moment)
        for name, look in self._looks.items():
            self.seen[name].append(look())

    def thirds(self, name: str, warm: float) -> tuple[int, int] | None:
        """Returns the least of the first third from the moment `warm` on, and of the last, or None."""
        begin, third = self._parts(warm)
        values = self.seen[name]
        return (min(values[begin : begin + third]), min(values[-third:])) if third else None

    def growth(
        self, warm: float, most: Mapping[str, float], for_each: Mapping[str, float] | None = None
    ) -> list[str]:
        """Returns what has grown since the process was warm.

        It compares the least of the last third with the least of the first: a peak neither hides growth nor
        counts as growth.

        Args:
            warm: The moment from which on it has made what it keeps.
            most: By which each may grow, by its name.
            for_each: The growth that each look may leave besides.
        """
        begin, third = self._parts(warm)
        found = []
        for name, allowed in most.items():
            least = self.thirds(name, warm)
            left = 2 * third * (for_each or {}).get(name, 0.0)
            if least is not None and least[1] > least[0] + allowed + left:
                time = self.moments[-third] - self.moments[begin]
                found.append(f"{name} grew from {least[0]} to {least[1]} in {time:.0f} s")
        return found

    def since(self, name: str, warm: float) -> array[int]:
        """Returns what was seen from that moment on."""
        return self.seen[name][self._parts(warm)[0] :]

    def _parts(self, warm: float) -> tuple[int, int]:
        """The first look from that moment on, and a third of the number of all from there."""
        begin = bisect.bisect(self.moments, warm)
        return begin, (len(self.moments) - begin) // 3


class Lines(logging.Handler):
    """Keeps the lines of a level, or above it, that have a text."""

    def __init__(self, level: int = logging.WARNING, text: str = "") -> None:
        super().__init__(level)
        self._text = text
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if self._text in line:
            self.lines.append(line)


@contextlib.contextmanager
def also_log_to(handler: H) -> Iterator[H]:
    """freshframe's log goes to this handler, too."""
    log = logging.getLogger("freshframe")
    log.addHandler(handler)
    try:
        yield handler
    finally:
        log.removeHandler(handler)


@contextlib.contextmanager
def log_to(handler: logging.Handler) -> Iterator[None]:
    """freshframe's log goes to this handler alone."""
    log = logging.getLogger("freshframe")
    log.propagate, passes_on = False, log.propagate
    try:
        with also_log_to(handler):
            yield
    finally:
        log.propagate = passes_on
