"""Reads the results in a box's segments in order, skipping missing ones."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import bisect
import threading

from . import clock
from . import folder as folders
from .foreign import ERROR, say
from .lines import Line, Segment, parse_line
from .segment_reader import SegmentReader


class Reading:
    """The reading part of a Box. Unless stated otherwise, methods require the lock `_guard`."""

    next: int  # number of the next result to be written
    oldest_taken: float  # clock.since_start() at which the first result of the last take() arrived
    _segments: list[Segment]
    _current: Segment  # segment of the last line

    def __init__(self, folder: str) -> None:
        """Reads nothing yet."""
        self.folder = folder
        self._begin_reading()

    def _begin_reading(self) -> None:
        self._guard = threading.Lock()  # guards the attributes below
        self._expired = 0
        self._lost = 0
        self._counted = 0  # expired and lost results after the last one that was sent
        self._known = 0  # losses that the previous run has counted
        self._taken = 0  # number of the last line that take() has passed
        self._reader: SegmentReader | None = None
        self._ahead: Line | None = None  # the next line, which was already read
        self._faults: list[tuple[object, ...]] = []  # faults to be logged after `_guard` is released

    def _take(self, limit: int, oldest: float) -> list[Line]:
        zero = clock.zero()
        lines: list[Line] = []
        while len(lines) < limit and self._taken < self.next - 1:
            line = self._next_line()
            if line is None:
                continue
            spooled = line.spooled + shift(zero, self._current)
            if spooled < oldest:
                self._count_expired(1)
                continue
            if not lines:
                self.oldest_taken = spooled - zero
            lines.append(line)
        return lines

    def _next_line(self) -> Line | None:
        """Returns the next line, or None if none was found yet and the next call has to continue."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.n == self._taken + 1:
            self._taken = ahead.n
            return ahead
        if not self._segments:
            self._miss(self.next)
            return None
        index = len(self._segments) - 1
        if self._segments[index].first > self._taken + 1:
            index = bisect.bisect_right(self._segments, self._taken + 1, key=lambda each: each.first)
            index = max(0, index - 1)
        segment = self._current = self._segments[index]
        end = self._segments[index + 1].first if index + 1 < len(self._segments) else self.next
        text = self._read_line(segment)
        if text is None:  # the end of the segment
            self._miss(end)
            return None
        line = parse_line(text)
        if line is None or not self._taken < line.n < end:
            return None  # the head, a line that was taken before, or an unreadable line
        self._miss(line.n)
        self._taken = line.n
        return line

    def _read_line(self, segment: Segment) -> bytes | None:
        try:
            if self._reader is None or self._reader.first != segment.first:
                self._reader = SegmentReader(self._path(segment), segment.first)
            return self._reader.line(segment.size)
        except OSError as error:
            self._faults.append(("the spool %r: a segment cannot be read: %s", self.folder, str(error)))
            return None

    def _miss(self, n: int) -> None:
        """Counts the lines between the last one and `n` as lost."""
        gone = n - 1 - self._taken
        if gone > 0:
            self._lost += self._count(gone)
            text = "the spool %r: the results %d to %d are missing or cannot be read"
            self._faults.append((text, self.folder, self._taken + 1, n - 1))
            self._taken = n - 1

    def _count_expired(self, gone: int) -> None:
        self._expired += self._count(gone)

    def _count(self, gone: int) -> int:
        """Returns how many of these results the previous run has not counted yet."""
        known = min(self._known, gone)
        self._known -= known
        self._counted += gone
        return gone - known

    def _tell_faults(self) -> None:
        """Logs what was found. Called without the lock, because log handlers may run long."""
        with self._guard:
            faults, self._faults = self._faults, []
        for text, *values in faults:
            say(ERROR, str(text), *values)

    def _path(self, segment: Segment) -> str:
        return folders.segment_path(self.folder, segment.first)


def shift(zero: float, segment: Segment) -> float:
    """Returns by how many seconds the clock was set forward since the segment was written."""
    if segment.zero is None or abs(zero - segment.zero) <= clock.TOLERANCE:
        return 0.0
    return zero - segment.zero


def last_written(zero: float, segment: Segment) -> float:
    """Returns the Unix time of a segment's last line, by the clock's current setting."""
    return segment.last + shift(zero, segment)
