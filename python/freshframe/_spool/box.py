"""A box: a folder with results in segments of JSON lines, which have numbers without a gap."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .._interpreter.log import logger
from . import folder as folders
from .cursor import Cursor
from .lines import (
    Content,
    Line,
    OpenEvents,
    Segment,
    UnreadableBoxError,
    head_text,
    line_text,
    parse_line,
    to_text,
)
from .recovery import read_folder
from .segment_reader import SegmentReader
from .spare import Spare

SEGMENT_BYTES = 4 << 20
_LEAST_SEGMENT = 4096


@dataclass(frozen=True, slots=True)
class Held:
    """What a box holds, and what it has lost since it was opened.

    Attributes:
        waiting: Results that were not sent.
        size: Bytes of its segments.
        expired: Results that made room for newer ones, or were too old.
        lost: Results whose lines were not there or not readable.
    """

    waiting: int
    size: int
    expired: int
    lost: int


class Box:
    """One thread writes, one thread reads; all methods may be called from any.

    Note [Spool's folder]: each segment has the number of its first line in its name and begins with a head
    (the box's id, the events that are open), so the newest segment alone says how to go on, and no other one
    is needed. While it does it is neither deleted nor written anew: what follows is appended. A line is
    numbered when it is written, and read only when it is synced: a power cut takes nothing that a receiver
    has seen. The last lines of the newest segment that cannot be read, such as zeros after a power cut, were
    not synced and are cut off. Deleting a segment needs no room on a full disk, nor does the cursor, which is
    written in place. The newest segment alone knows the events that are open, so it is deleted only behind
    another one; a spare file holds the room for the head of that one.
    """

    first_records: list[str]  # to be written first: the ends of events that a killed program has left open

    def __init__(self, folder: str, max_bytes: int) -> None:
        """Opens the box, or makes it.

        Args:
            folder: Its folder.
            max_bytes: Of its segments together.

        Raises:
            OptionError: The folder is something else.
            StateError: Another Spool uses it.
            OSError: It cannot be written.
        """
        self.folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = 0  # at which the next segment begins
        self._first_commit = 0.0  # Unix time of the newest segment's first line
        folders.make_folder(folder)
        folders.warn_of_network(folder)
        self._lock = folders.FolderLock(folder)
        try:
            try:
                self._begin()
            except (UnreadableBoxError, IsADirectoryError) as error:
                self._begin_anew(error)
        except BaseException:
            self._lock.release()
            raise

    def _begin_anew(self, error: Exception) -> None:
        aside = folders.move_aside(self.folder)
        logger.error(
            "the spool %r cannot be read (%s): it was renamed to %r, and a new one begins",
            self.folder,
            error,
            aside,
        )
        self._cursor.close()
        self._lock.release()
        folders.make_folder(self.folder)
        self._lock = folders.FolderLock(self.folder)
        self._begin()

    # ---- the beginning

    def _begin(self) -> None:
        self._guard = threading.Lock()  # guards what follows
        self._expired = 0
        self._lost = 0
        self._in_flight = 0  # results that take() has returned and done() has not ended
        self._reader: SegmentReader | None = None
        self._ahead: Line | None = None  # that was read, and is the next one
        self._broken = False  # the newest segment: its last write may be torn
        self._fd = -1
        self._spare = Spare(self.folder)
        self._cursor = Cursor(self.folder)
        before = self._cursor.before
        self._segments, content, least = read_folder(self.folder)
        self.id = content.box if content else before.box or secrets.token_hex(6)
        self.next = max(before.n + 1, least)
        self.events = content.events if content else OpenEvents()
        self.last_commit = os.stat(self._path(self._segments[-1])).st_mtime if self._segments else time.time()
        if content:
            self._continue(content)
        oldest = self._segments[0].first if self._segments else self.next
        known = before.n if before.box == self.id else oldest - 1
        self._sent = max(known, oldest - 1)
        self._expired += self._sent - known
        self._taken = self._sent  # the number of the last line that take() has seen
        if not before.closed:
            self._tell_of_the_last_run()
        self._end_taken()
        self.first_records = [to_text(end) for end in self.events.ends(self.last_commit, time.time())]

    def _continue(self, content: Content) -> None:
        newest = self._segments[-1]
        self._fd = os.open(self._path(newest), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        if newest.size > content.size:
            logger.warning(
                "the spool %r: the last %d bytes were not written to their end, and were cut off",
                self.folder,
                newest.size - content.size,
            )
            os.ftruncate(self._fd, content.size)
            newest.size = content.size

    def _tell_of_the_last_run(self) -> None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.last_commit))
        logger.warning(
            "the spool %r was not closed by its last program: its last result has the number %d and was "
            "written at %s; later ones, if there were any, are lost",
            self.folder,
            self.next - 1,
            when,
        )

    # ---- writing

    def commit(self, records: Sequence[str], now: float) -> None:
        """Writes records and syncs them; then take() returns them.

        Args:
            records: JSON objects as text.
            now: Unix time.

        Raises:
            OSError: The disk is full, or fails. Nothing was written.
        """
        lines = [line_text(self.next + i, self.id, now, record) for i, record in enumerate(records)]
        data = "".join(lines).encode()
        if self._fd < 0:
            self._begin_segment(data)
        elif self._segments[-1].first == self.next:  # nothing else has its head
            self._append_first(data)
        elif self._broken or self._segments[-1].size >= self._segment_bytes:
            self._begin_segment(data)
        else:
            self._append(data)
        for record in records:
            if '"began":' in record:
                self.events.note(json.loads(record))
        if self.events.records:
            self._spare.keep()
        with self._guard:
            if self._segments[-1].first == self.next:
                self._first_commit = now
            self.next += len(records)
            self.last_commit = now
        self._expire_by_size()

    def _append_first(self, data: bytes) -> None:
        """Appends to a head, behind which a write may have failed."""
        self._segment_bytes = self._fitting_segment()
        if self._broken:
            os.ftruncate(self._fd, self._segments[-1].size)
        self._append(data)
        self._broken = False

    def _append(self, data: bytes) -> None:
        newest = self._segments[-1]
        try:
            _write(self._fd, data)
            os.fdatasync(self._fd)
        except OSError:
            # After a sync that has failed the system may believe that the bytes are on the disk.
            self._broken = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, newest.size)
            raise
        with self._guard:
            newest.size += len(data)

    def _fitting_segment(self) -> int:
        """An eighth of what the box may have, since a segment is deleted as a whole."""
        disk = os.statvfs(self.folder)
        room = disk.f_bavail * disk.f_frsize + self._size()
        return min(SEGMENT_BYTES, max(min(self._max_bytes, room) // 8, _LEAST_SEGMENT))

    def _begin_segment(self, data: bytes) -> None:
        self._segment_bytes = self._fitting_segment()
        path = folders.segment_path(self.folder, self.next)
        head = head_text(self.id, self.next, self.events).encode()
        whole = head + data
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            _write(fd, whole)
            os.fdatasync(fd)
            folders.sync_folder(self.folder)
        except OSError:
            os.close(fd)
            os.unlink(path)
            raise
        before, self._fd = self._fd, fd
        if before >= 0:
            os.close(before)
        with self._guard:
            self._segments.append(Segment(self.next, len(whole)))
        self._broken = False
        self._remove_sent()
        if self.events.records:
            self._spare.keep(2 * len(head))

    def _begin_empty_segment(self) -> None:
        self._begin_segment(b"")
        # A restart takes this for the time of the last write.
        os.utime(self._fd, (self.last_commit, self.last_commit))

    def make_room(self) -> bool:
        """Deletes the oldest results because the disk is full; False: nothing is left to delete.

        Raises:
            OSError: There is no room for the head of a segment, without which nothing can be deleted.
        """
        with self._guard:
            if len(self._segments) > 1:
                self._remove_oldest()
                return True
            if not self._segments or self._segments[0].first == self.next:
                return False
            if not self.events.records:
                self._remove_only()
                return True
        self._spare.give_up()
        self._begin_empty_segment()
        with self._guard:
            if len(self._segments) > 1:  # else it was sent, and has gone
                self._remove_oldest()
        return True

    def _remove_only(self) -> None:
        """The cursor holds the next number, and the box's id, until the next segment begins."""
        self._expire_to(self.next)
        os.close(self._fd)
        self._fd = -1
        self._reader = None
        self._delete(self._segments.pop())

    def _expire_by_size(self) -> None:
        with self._guard:
            while len(self._segments) > 1 and self._size() > self._max_bytes:
                self._remove_oldest()

    def expire_before(self, oldest: float, full_before: float = 0.0) -> None:
        """Results that came before this Unix time expire, on the thread of commit().

        A segment is deleted when its last result has expired. Behind the newest one an empty one begins.

        Args:
            oldest: Unix time.
            full_before: Unix time; a segment whose first result came before it gets no further one.

        Raises:
            OSError: There is no room for an empty segment.
        """
        with self._guard:
            while len(self._segments) > 1 and self._last_written(self._segments[0]) < oldest:
                self._remove_oldest()
            self._skip_before(oldest)
            newest = self._segments[-1] if self._segments else None
            is_old = (
                newest is not None
                and newest.first < self.next == self._taken + 1
                and not self._in_flight
                and self._last_written(newest) < oldest
            )
        if self._first_commit < full_before:
            self._segment_bytes = 0
        if is_old:
            self._begin_empty_segment()

    def _skip_before(self, oldest: float) -> None:
        while self._taken < self.next - 1:
            line = self._next_line()
            if line is None:
                continue
            if line.spooled >= oldest:
                self._ahead = line
                self._taken = line.n - 1
                break
            self._expired += 1
        if not self._in_flight and self._taken > self._sent:
            self._end_taken()

    def _remove_oldest(self) -> None:
        self._expire_to(self._segments[1].first)
        self._delete(self._segments.pop(0))

    def _expire_to(self, first: int) -> None:
        """Results before `first` go. Those that a send() has got already are not counted."""
        gone = max(0, first - 1 - self._taken)
        if not gone:
            return
        self._expired += gone
        self._taken = first - 1
        if not self._in_flight:
            self._end_taken()

    def _end_taken(self) -> None:
        self._sent = self._taken
        with contextlib.suppress(OSError):  # an old cursor makes doubles only
            self._cursor.write(self._sent, self.id)

    def _remove_sent(self) -> None:
        with self._guard:
            while len(self._segments) > 1 and self._segments[1].first <= self._sent + 1:
                self._delete(self._segments.pop(0))

    def _last_written(self, segment: Segment) -> float:
        try:
            return os.stat(self._path(segment)).st_mtime
        except OSError:
            return 0.0  # somebody has removed it

    def _delete(self, segment: Segment) -> None:
        with contextlib.suppress(OSError):  # somebody has removed it
            os.unlink(self._path(segment))

    def _size(self) -> int:
        return sum(segment.size for segment in self._segments)

    def _path(self, segment: Segment) -> str:
        return folders.segment_path(self.folder, segment.first)

    # ---- reading

    def waits(self) -> int:
        """How many results take() could return."""
        with self._guard:
            return self.next - 1 - self._taken

    def take(self, limit: int, oldest: float) -> list[Line]:
        """Returns the next results, in their order. After it, done() must be called before the next take.

        Args:
            limit: At most so many.
            oldest: Unix time; results that came before it have expired.
        """
        with self._guard:
            lines: list[Line] = []
            while len(lines) < limit and self._taken < self.next - 1:
                line = self._next_line()
                if line is None:
                    continue
                if line.spooled < oldest:
                    self._expired += 1
                else:
                    lines.append(line)
            self._in_flight = len(lines)
            if not lines:
                self._end_taken()
            return lines

    def _next_line(self) -> Line | None:
        """None: none was found here; the next call looks further."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.n == self._taken + 1:
            self._taken = ahead.n
            return ahead
        index = max(0, sum(segment.first <= self._taken + 1 for segment in self._segments) - 1)
        segment = self._segments[index]
        end = self._segments[index + 1].first if index + 1 < len(self._segments) else self.next
        text = self._read_line(segment)
        if text is None:  # the segment has ended
            self._miss(end)
            return None
        line = parse_line(text)
        if line is None or not self._taken < line.n < end:
            return None  # the head, a line that was taken before, a line that cannot be read
        self._miss(line.n)
        self._taken = line.n
        return line

    def _read_line(self, segment: Segment) -> bytes | None:
        try:
            if self._reader is None or self._reader.first != segment.first:
                self._reader = SegmentReader(self._path(segment), segment.first)
            return self._reader.line(segment.size)
        except OSError as error:
            logger.error("the spool %r: a segment cannot be read: %s", self.folder, error)
            return None

    def _miss(self, n: int) -> None:
        """No line between the last one and `n` is there."""
        gone = n - 1 - self._taken
        if gone > 0:
            self._lost += gone
            logger.error(
                "the spool %r: the results %d to %d are not there or cannot be read",
                self.folder,
                self._taken + 1,
                n - 1,
            )
            self._taken = n - 1

    def done(self, count: int) -> None:
        """So many results of take() were sent or put aside, the last of them included when all were."""
        with self._guard:
            self._in_flight -= count
            if not self._in_flight:
                self._end_taken()
        if not self._in_flight:
            self._remove_sent()

    def lose(self, count: int) -> None:
        """So many results of take() cannot be read."""
        with self._guard:
            self._lost += count
        self.done(count)

    # ---- the rest

    def held(self) -> Held:
        """What it holds."""
        with self._guard:
            return Held(
                self._in_flight + self.next - 1 - self._taken, self._size(), self._expired, self._lost
            )

    def close(self, *, complete: bool) -> None:
        """Closes the files and lets another Spool use the folder.

        Args:
            complete: All results were written.
        """
        with self._guard:
            with contextlib.suppress(OSError):
                self._cursor.write(self._sent, self.id, closed=complete)
            self._cursor.close()
            self._reader = None
            if self._fd >= 0:
                os.close(self._fd)
        self._lock.release()


def _write(fd: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])
