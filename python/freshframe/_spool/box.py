"""Box: a folder with results as JSON lines in segment files, numbered without gaps."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import bisect
import contextlib
import itertools
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .._errors import StateError
from .._sinks.plain import to_text
from . import clock
from . import folder as folders
from .cursor import Cursor, Sent
from .foreign import ERROR, WARNING, say
from .lines import (
    Clock,
    Content,
    Line,
    OpenEvents,
    Segment,
    UnreadableBoxError,
    head_text,
    line_text,
)
from .reading import Reading, last_written, shift
from .recovery import Found, keep_tail, read_folder
from .spare import Spare

SEGMENT_BYTES = 4 << 20
_LEAST_SEGMENT = 4096


@dataclass(frozen=True, slots=True)
class Held:
    """The contents of a box, and its losses since it was opened.

    Attributes:
        waiting: Number of results that were not sent yet.
        size: Bytes of all segments.
        expired: Results deleted to make room for newer ones, or because of their age.
        lost: Results whose lines were missing or unreadable, and rejected ones that were dropped.
    """

    waiting: int
    size: int
    expired: int
    lost: int


class Box(Reading):
    """A box is written by one thread and read by another. All methods are thread-safe.

    Note [Spool's folder]: each segment has the number of its first line in its name and starts with a head
    (the box's ID, the open events), so the newest segment is enough to continue. It is never deleted or
    rewritten while it is the newest: lines are only appended. A line is numbered when it is written, and read
    only after it was synced, so a power cut never loses anything that a receiver has seen. Unreadable lines
    at the end of the newest segment, such as zeros after a power cut, were not synced and are cut off. The
    cursor has the number of the last synced line: if the newest lines are gone anyway, numbers continue after
    it, so the receiver sees a gap. Neither deleting a segment nor writing the cursor in place needs free
    space on a full disk. Only the newest segment has the open events, so it is deleted only after another one
    was started; a spare file reserves the space for the head of that one.

    Note [The clock of a segment]: a segment contains the Unix time of the machine's boot, by the clock as it
    was set when its lines were written, and a new segment starts when the clock is set. So the age of a line
    from the current boot is known, however the clock was set.
    """

    first_records: list[str]  # written first: ends of the events that a killed program left open

    def __init__(self, folder: str, max_bytes: int) -> None:
        """Opens or creates the box.

        Args:
            folder: Its folder.
            max_bytes: Limit for all segments in total.

        Raises:
            OptionError: The folder is not a box.
            StateError: Another Spool is using it.
            OSError: The folder cannot be written to.
        """
        super().__init__(folder)
        self._max_bytes = max_bytes
        self._segment_bytes = 0  # size at which the next segment is started
        self._first_commit = 0.0  # Unix time of the newest segment's first line
        folders.make_folder(folder)
        folders.warn_about_network(folder)
        self._lock = folders.FolderLock(folder)
        try:
            try:
                self._begin()
            except UnreadableBoxError as error:
                self._begin_anew(error)
        except BaseException:
            with contextlib.suppress(AttributeError):  # no cursor exists yet
                self._cursor.close()
            self._lock.release()
            raise

    def _begin_anew(self, error: Exception) -> None:
        self._cursor.close()
        aside = folders.move_aside(self.folder)
        say(
            ERROR,
            "the spool %r cannot be read (%s): it was renamed to %r, and a new one was created",
            self.folder,
            error,
            aside,
        )
        self._lock.release()
        folders.make_folder(self.folder)
        self._lock = folders.FolderLock(self.folder)
        self._begin()

    # ---- opening

    def _begin(self) -> None:
        self._begin_reading()
        self._in_flight = 0  # results that take() has returned and done() has not completed yet
        self._broken = False  # the last write to the newest segment may be incomplete
        self._closed = False  # everything was written, although a call of `send` may still be running
        self._fd = -1
        self._boot = clock.boot()
        self._spare = Spare(self.folder)
        self._cursor = Cursor(self.folder)
        before = self._cursor.before
        found = read_folder(self.folder)
        content = found.content
        self._segments = found.segments
        self.id = content.box if content else before.box or secrets.token_hex(6)
        if before.is_damaged:
            say(WARNING, "the spool %r: its file 'sent' is corrupt: results may be sent twice", self.folder)
        if before.box != self.id:
            before = Sent(closed=before.closed)
        self.events = content.events if content else OpenEvents()
        self.last_commit = self._segments[-1].last if self._segments else time.time()
        self._set_numbers(before, found)
        if content:
            self._continue(content, found)
        if not before.closed:
            self._report_last_run()
        with self._guard:
            self._finish_taken()
        self._tell_faults()
        self.first_records = [to_text(end) for end in self.events.ends(self.last_commit, time.time())]

    def _set_numbers(self, before: Sent, found: Found) -> None:
        """Sets the numbers and losses from the cursor (``before``, empty without a box) and the segments."""
        last = found.least - 1  # the last number with a trace on disk
        known = before.n
        if before.last is None and known > last and self._segments:
            # The cursor of an older version has no checksum and names results that are not on disk, so it may
            # be corrupt. Send everything again: duplicates are better than losses.
            known = 0
        self.next = max(before.n, before.last or 0, last) + 1
        oldest = self._segments[0].first if self._segments else self.next
        self._sent = max(known, oldest - 1) if before.box else oldest - 1
        self._taken = self._sent  # number of the last line that take() has returned or skipped
        gone = self._sent - known  # number of results that are missing from the box
        if not before.box:
            return
        if before.last is None:
            self._expired += gone
            return
        expired = max(0, min(before.first, oldest) - 1 - known)
        self._expired += max(0, expired - before.counted)  # including those that a killed program was sending
        self._known = max(0, before.counted - expired)
        self._taken -= gone - expired if gone else 0
        self._miss(self._sent + 1)

    def _continue(self, content: Content, found: Found) -> None:
        newest = self._segments[-1]
        path = self._path(newest)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        if os.fstat(fd).st_nlink > 1:  # a hard-link backup must not change: start another file
            os.close(fd)
            newest.size = content.size
            return
        self._fd = fd
        if not found.is_whole:
            self._broken = True  # start another one
        elif newest.size > content.size:
            keep_tail(path, content.size)
            say(
                WARNING,
                "the spool %r: the last %d bytes were incomplete and were cut off",
                self.folder,
                newest.size - content.size,
            )
            os.ftruncate(self._fd, content.size)
            newest.size = content.size

    def _report_last_run(self) -> None:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.last_commit))
        say(
            WARNING,
            "the spool %r was not closed by its last program: its last result has the number %d and was "
            "written at %s; later ones, if there were any, are lost",
            self.folder,
            self.next - 1,
            when,
        )

    # ---- writing

    def commit(self, records: Sequence[str], now: float) -> None:
        """Writes records and syncs them. Only then does take() return them.

        Args:
            records: JSON objects as strings.
            now: Unix time.

        Raises:
            OSError: The disk is full or has failed. Nothing was written.
        """
        lines = [line_text(self.next + i, self.id, now, record) for i, record in enumerate(records)]
        data = "".join(lines).encode(errors="replace")  # a subclass of str may contain anything
        zero = clock.zero()
        if self._fd < 0 or not self._is_in_place():
            self._begin_segment_anywhere(data, zero)
        elif self._segments[-1].first == self.next:  # it has only a head so far
            self._append_first(data, zero)
        elif (
            self._broken
            or self._segments[-1].size >= self._segment_bytes
            or not _is_by(zero, self._segments[-1])
        ):
            self._begin_segment(data, zero)
        else:
            self._append(data)
        with contextlib.suppress(MemoryError):  # they were written, so a retry would write them twice
            for record in records:
                self.events.note_text(record)
            if self.events.records:
                self._spare.keep()
        with self._guard:
            newest = self._segments[-1]
            if newest.first == self.next:
                self._first_commit = now
            newest.last = now
            self.next += len(records)
            self.last_commit = now
            self._write_cursor()
        self._expire_by_size()

    def skip(self, count: int) -> None:
        """Skips the numbers of lost results, after the last commit, so that the receiver sees a gap."""
        with self._guard:
            self.next += count
            self._write_cursor()

    def _is_in_place(self) -> bool:
        """Returns True if the newest segment's path still refers to the open file, and no other path does.

        An editor may have replaced or truncated the file. A backup may have hard-linked it, and appending
        would then change the backup.
        """
        newest = self._segments[-1]
        with contextlib.suppress(OSError):
            there, here = os.lstat(self._path(newest)), os.fstat(self._fd)
            is_same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
            return is_same and here.st_nlink == 1 and here.st_size >= newest.size
        return False

    def _append_first(self, data: bytes, zero: float) -> None:
        """Appends to a segment that has only a head, whose write may have failed."""
        newest = self._segments[-1]
        self._segment_bytes = newest.size + self._fitting_segment()
        if self._broken:
            os.ftruncate(self._fd, newest.size)
        self._append(data if _is_by(zero, newest) else Clock(self._boot, zero).text().encode() + data)
        newest.zero = zero
        self._broken = False

    def _append(self, data: bytes) -> None:
        newest = self._segments[-1]
        try:
            _write(self._fd, data)
            os.fdatasync(self._fd)
        except BaseException:
            # After a failed fsync, the kernel may consider the pages clean although they were not written.
            self._broken = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, newest.size)
            raise
        with self._guard:
            newest.size += len(data)

    def _fitting_segment(self) -> int:
        """Returns an eighth of the limit, because segments are deleted as a whole."""
        disk = os.statvfs(self.folder)
        room = disk.f_bavail * disk.f_frsize + _size(self._segments)
        return min(SEGMENT_BYTES, max(min(self._max_bytes, room) // 8, _LEAST_SEGMENT))

    def fitting(self, records: Sequence[str]) -> int:
        """Returns how many of the records fit into one commit: at most a segment, at least one."""
        most = SEGMENT_BYTES
        with contextlib.suppress(OSError):  # the folder is missing; commit() creates it
            most = self._fitting_segment()
        return max(1, bisect.bisect_right(list(itertools.accumulate(map(len, records))), most))

    def _begin_segment(self, data: bytes, zero: float) -> None:
        path = folders.segment_path(self.folder, self.next)
        head = head_text(self.id, self.next, self.events, Clock(self._boot, zero)).encode(errors="replace")
        self._segment_bytes = len(head) + self._fitting_segment()  # the head does not count: it may be long
        whole = head + data
        fd = folders.create(path)
        try:
            _write(fd, whole)
            os.fdatasync(fd)
            folders.sync_folder(self.folder)
        except BaseException:
            os.close(fd)
            os.unlink(path)
            raise
        before, self._fd = self._fd, fd
        if before >= 0:
            with contextlib.suppress(OSError):  # the program may have closed all files that it did not open
                os.close(before)
        with self._guard:
            if self._segments and self._segments[-1].first == self.next:
                self._segments.pop()  # it had only a head, and another program has removed it
            self._segments.append(Segment(self.next, len(whole), self.last_commit, zero))
        self._broken = False
        self._remove_sent()
        if self.events.records:
            self._spare.keep(2 * len(head))

    def _begin_segment_anywhere(self, data: bytes, zero: float) -> None:
        """Starts a segment, in a new folder if another program has removed the folder."""
        if not self._lock.is_same_folder(self.folder):
            folders.make_folder(self.folder)
            if folders.list_segments(self.folder):
                raise StateError(f"the folder {self.folder!r} was replaced by another spool's folder")
            say(
                ERROR, "the spool %r was removed and is created again: what waited in it is lost", self.folder
            )
            self._lock.release()
            self._lock = folders.FolderLock(self.folder)
        cursor = Cursor(self.folder)  # its file may be missing, too
        with self._guard:
            before, self._cursor = self._cursor, cursor
            before.close()
            self._write_cursor()
        self._begin_segment(data, zero)

    def _begin_empty_segment(self) -> None:
        self._begin_segment(b"", clock.zero())
        # Sets the modification time, which a restart uses as the time of the last write.
        os.utime(self._fd, (self.last_commit, self.last_commit))

    def make_room(self) -> bool:
        """Deletes the oldest results because the disk is full. Returns False if nothing is left to delete.

        Raises:
            OSError: There is no space for the head of a new segment, without which nothing can be deleted.
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
            if len(self._segments) > 1:  # otherwise the oldest was sent and deleted in the meantime
                self._remove_oldest()
        return True

    def _remove_only(self) -> None:
        """Deletes the only segment. Until the next one, the cursor has the next number and the box's ID."""
        self._expire_to(self.next)
        os.close(self._fd)
        self._fd = -1
        self._reader = None
        self._delete(len(self._segments) - 1)

    def _expire_by_size(self) -> None:
        with self._guard:
            while len(self._segments) > 1 and _size(self._segments) > self._max_bytes:
                self._remove_oldest()

    def expire_before(self, oldest: float, full_before: float = 0.0) -> None:
        """Expires results that arrived before this Unix time. Called on the thread of commit().

        A segment is deleted when its last result has expired. If it was the newest one, an empty one is
        started.

        Args:
            oldest: Unix time.
            full_before: Unix time; nothing is appended to a segment whose first result arrived before it.

        Raises:
            OSError: There is not enough space for an empty segment.
        """
        with self._guard:
            zero = clock.zero()
            while len(self._segments) > 1 and last_written(zero, self._segments[0]) < oldest:
                self._remove_oldest()
            self._skip_before(oldest, zero)
            newest = self._segments[-1] if self._segments else None
            is_old = (
                newest is not None
                and newest.first < self.next == self._taken + 1
                and not self._in_flight
                and last_written(zero, newest) < oldest
            )
            if newest is not None and self._first_commit + shift(zero, newest) < full_before:
                self._segment_bytes = 0
        self._tell_faults()
        if is_old:
            self._begin_empty_segment()

    def _skip_before(self, oldest: float, zero: float) -> None:
        while self._taken < self.next - 1:
            line = self._next_line()
            if line is None:
                continue
            if line.spooled + shift(zero, self._current) >= oldest:
                self._ahead = line
                self._taken = line.n - 1
                break
            self._count_expired(1)
        if not self._in_flight and self._taken > self._sent:
            self._finish_taken()

    def _remove_oldest(self) -> None:
        self._expire_to(self._segments[1].first)
        self._delete(0)

    def _expire_to(self, first: int) -> None:
        """Expires results before `first`. Those already passed to send() are not counted."""
        gone = max(0, first - 1 - self._taken)
        if not gone:
            return
        self._count_expired(gone)
        self._taken = first - 1
        if not self._in_flight:
            self._finish_taken()

    def _finish_taken(self) -> None:
        self._sent = self._taken
        self._counted = 0
        self._write_cursor()

    def _write_cursor(self) -> None:
        oldest = self._segments[0].first if self._segments else self.next
        counted = self._counted + self._known
        sent = Sent(self._sent, self.id, self._closed, self.next - 1, oldest, counted)
        with contextlib.suppress(OSError, MemoryError):  # an old cursor only causes duplicates
            self._cursor.write(sent)

    def _remove_sent(self) -> None:
        with self._guard:
            while len(self._segments) > 1 and self._segments[1].first <= self._sent + 1:
                self._delete(0)

    def _delete(self, index: int) -> None:
        """Deletes a segment. Updates the cursor first, since missing segments otherwise count as lost."""
        path = self._path(self._segments.pop(index))
        self._write_cursor()
        with contextlib.suppress(OSError):  # another program has removed it
            os.unlink(path)

    # ---- reading

    def waits(self) -> int:
        """Returns how many results are available to take()."""
        with self._guard:
            return self.next - 1 - self._taken

    def take(self, limit: int, oldest: float) -> list[Line]:
        """Returns the next results, in order. done() must be called before the next call.

        Args:
            limit: Maximum number of results.
            oldest: Unix time; earlier results have expired.
        """
        with self._guard:
            before = self._taken, self._expired, self._lost, self._counted, self._known
            try:
                lines = self._take(limit, oldest)
            except BaseException:  # such as MemoryError: the next call retries
                self._taken, self._expired, self._lost, self._counted, self._known = before
                self._reader, self._ahead = None, None
                raise
            self._in_flight = len(lines)
            if not lines:
                self._finish_taken()
        self._tell_faults()
        return lines

    def done(self, count: int) -> None:
        """Marks this many results of take() as sent or set aside."""
        with self._guard:
            self._in_flight -= count
            if not self._in_flight:
                self._finish_taken()
        if not self._in_flight:
            self._remove_sent()

    def lose(self, count: int) -> None:
        """Marks results of take() as unreadable."""
        self.note_lost(count)
        self.done(count)

    def note_lost(self, count: int) -> None:
        """Counts results that no longer exist."""
        with self._guard:
            self._lost += count

    # ---- state and end

    def held(self) -> Held:
        """Returns the contents and losses."""
        with self._guard:
            return Held(
                self._in_flight + self.next - 1 - self._taken,
                _size(self._segments),
                self._expired,
                self._lost,
            )

    def note_end(self) -> None:
        """Records that everything was written, so that the next run does not warn."""
        with self._guard:
            self._closed = True
            self._write_cursor()

    def close(self, *, complete: bool) -> None:
        """Closes the files and lets another Spool use the folder.

        Args:
            complete: All results were written.
        """
        with self._guard:
            self._closed = complete
            self._write_cursor()
            self._cursor.close()
            self._reader = None
            if self._fd >= 0:
                os.close(self._fd)
        self._lock.release()


def _size(segments: Sequence[Segment]) -> int:
    return sum(segment.size for segment in segments)


def _is_by(zero: float, segment: Segment) -> bool:
    """Returns True if the clock has not been set since the segment's timestamps were taken."""
    return segment.zero is not None and abs(zero - segment.zero) <= clock.TOLERANCE


def _write(fd: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])
