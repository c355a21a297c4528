"""The thread that writes a box, with one commit for all results of 50 ms. Also expires old results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import itertools
import threading
import time
from collections.abc import Callable

from .._errors import FreshframeError, StateError
from .box import Box
from .foreign import ERROR, WARNING, described, say

_EVERY = 0.05  # seconds between two commits
_AT_ONCE = 1_000  # number of results at which a commit does not wait any longer
_MOST = 10_000  # number of results in memory at which put() blocks
_PATIENCE = 30.0  # how long put() blocks, in seconds; then results are lost until the disk accepts some
_AGAIN = 0.25  # seconds between two attempts on a disk that is full or fails
_LAST_TRY = 1.0  # how long end() waits for a write of abandoned results, in seconds
_LONGEST_PAUSE = 60.0  # seconds between two checks for expired results


class Writer:
    """Writes the records passed to put() on its own thread. `on_commit` is called after each commit."""

    def __init__(self, box: Box, on_commit: Callable[[], None], max_age: float | None = None) -> None:
        """Starts the thread.

        Args:
            box: The box.
            on_commit: Called after each commit, and when results may have expired.
            max_age: Seconds after which results expire, even while nothing is written; None means never.
        """
        self._box = box
        self._on_commit = on_commit
        self._changed = threading.Condition()
        self._waiting: list[str | int] = list(box.first_records)  # an int is a gap of that many results
        self._ended = False
        self._fault = ""
        self._dropped = 0  # results after the pending ones, for which there was no room
        self._has_ended = False  # the thread has ended, for whatever reason
        self._max_age = max_age
        self._pause = None if max_age is None else min(max_age / 4, _LONGEST_PAUSE)
        self._next_look = 0.0  # time.monotonic()
        self.thread = threading.Thread(target=self._run, name="spool writer", daemon=True)
        self.thread.start()

    def put(self, record: str) -> None:
        """Queues a JSON object.

        If 10,000 are pending because the disk does not respond, blocks for up to half a minute. After that,
        the object is lost, and its number is a gap.

        Raises:
            StateError: The thread has ended.
        """
        with self._changed:
            patience = 0.0 if self._dropped else _PATIENCE
            self._changed.wait_for(lambda: len(self._waiting) < _MOST or self._has_ended, patience)
            if self._has_ended:
                raise StateError(
                    f"the writer thread of the spool {self._box.folder!r} has ended "
                    f"({self._fault or 'no error'}); results that are not on disk: {len(self._waiting)}"
                )
            is_full = len(self._waiting) >= _MOST
            self._dropped += is_full
            is_first = is_full and self._dropped == 1
            if not is_full:
                if self._dropped:
                    self._waiting.append(self._dropped)
                    self._dropped = 0
                self._waiting.append(record)
            if len(self._waiting) in (1, _AT_ONCE):
                self._changed.notify_all()
        if is_first:
            say(
                ERROR,
                "the spool %r could not be written for %g s: from now on, results are lost until it can",
                self._box.folder,
                _PATIENCE,
            )

    def end(self, timeout: float) -> int:
        """Writes the pending results, for at most `timeout` seconds.

        Returns:
            The number of results that could not be written.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.thread.join(timeout)
        with self._changed:
            left = self._dropped + sum(each if isinstance(each, int) else 1 for each in self._waiting)
            self._waiting = []
            self._changed.notify_all()
        self.thread.join(_LAST_TRY)  # a write that fails returns, while a write that hangs does not
        return left

    def _run(self) -> None:
        try:
            while self._write_next():
                pass
        except BaseException as error:
            self._fault = described(error)
            say(ERROR, "the thread that writes the spool %r ends: %s", self._box.folder, self._fault)
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _write_next(self) -> bool:
        """Waits for results and writes them. Returns False if all are written, and no more will follow."""
        self._expire()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, self._pause)
            if self._waiting:
                self._changed.wait_for(lambda: len(self._waiting) >= _AT_ONCE or self._ended, _EVERY)
            records = self._waiting[:]
            if not records:
                return not self._ended
        while records and (count := self._write_first(records)):
            del records[:count]
            with self._changed:
                del self._waiting[:count]
                if not self._waiting and self._dropped:
                    self._box.skip(self._dropped)
                    self._dropped = 0
                self._changed.notify_all()
            self._tell_commit()
        if records:
            with self._changed:
                self._changed.wait(_AGAIN)
        return True

    def _write_first(self, records: list[str | int]) -> int:
        """Writes the results before the next gap, or skips the gap. Returns the number of entries."""
        first = records[0]
        if isinstance(first, int):
            self._box.skip(first)
            return 1
        together = itertools.takewhile(lambda each: isinstance(each, str), records)
        return self._commit([str(each) for each in together])

    def _tell_commit(self) -> None:
        """Calls `on_commit`. The results are on disk even if it raises."""
        try:
            self._on_commit()
        except Exception as error:
            say(
                ERROR,
                "the spool %r cannot record what it has written: %s",
                self._box.folder,
                described(error),
            )

    def _expire(self) -> None:
        if self._max_age is None or self._pause is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + self._pause
        now = time.time()
        with contextlib.suppress(OSError, MemoryError):  # there will be another check
            self._box.expire_before(now - self._max_age, now - self._max_age / 4)
        self._tell_commit()

    def _commit(self, records: list[str]) -> int:
        """Writes at most as many results as fit into a segment: 10,000 might never fit on a small disk.

        Returns:
            How many were written; 0 if the disk is full or fails.
        """
        while True:
            try:
                count = self._box.fitting(records)
                self._box.commit(records[:count], time.time())
            except OSError as error:
                if error.errno == errno.ENOSPC and self._make_room():
                    continue
                self._tell(str(error))
                return 0
            except (MemoryError, FreshframeError) as error:  # also raised if it is another spool's folder
                self._tell(described(error))
                return 0
            if self._fault:
                say(WARNING, "the spool %r can be written again", self._box.folder)
                self._fault = ""
            return count

    def _make_room(self) -> bool:
        try:
            return self._box.make_room()
        except OSError:
            return False

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            say(
                ERROR,
                "the spool %r cannot be written: %s; results wait in memory until it can",
                self._box.folder,
                fault,
            )
        self._fault = fault
