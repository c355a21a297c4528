"""The thread that writes a box: a commit for all results of 50 ms. Those that are too old go."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Callable

from .._interpreter.log import logger
from .box import Box

_EVERY = 0.05  # seconds between two commits
_AT_ONCE = 1_000  # results for which a commit does not wait
_MOST = 10_000  # results in memory; then put() waits
_AGAIN = 0.25  # seconds between two attempts on a disk that is full or fails
_LONGEST_PAUSE = 60.0  # seconds between two looks for results that are too old


class Writer:
    """put() gives a record, and a commit follows. `on_commit` is called behind each."""

    def __init__(self, box: Box, on_commit: Callable[[], None], max_age: float | None = None) -> None:
        """Starts the thread.

        Args:
            box: The box.
            on_commit: Called behind each commit, and when results may have expired.
            max_age: Seconds after which results expire, also while nothing is written; None: never.
        """
        self._box = box
        self._on_commit = on_commit
        self._changed = threading.Condition()
        self._waiting = list(box.first_records)
        self._ended = False
        self._fault = ""
        self._max_age = max_age
        self._pause = None if max_age is None else min(max_age / 4, _LONGEST_PAUSE)
        self._next_look = 0.0  # time.monotonic()
        self.thread = threading.Thread(target=self._run, name="spool writer", daemon=True)
        self.thread.start()

    def put(self, record: str) -> None:
        """Adds a JSON object. Waits only while a disk that stands still holds up 10,000 of them."""
        with self._changed:
            while len(self._waiting) >= _MOST:
                self._changed.wait()
            self._waiting.append(record)
            if len(self._waiting) in (1, _AT_ONCE):
                self._changed.notify_all()

    def end(self, timeout: float) -> int:
        """Writes what waits, for so many seconds at most.

        Returns:
            The number of results that could not be written.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.thread.join(timeout)
        with self._changed:
            left, self._waiting = len(self._waiting), []
            return left

    def _run(self) -> None:
        while True:
            self._expire()
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended, self._pause)
                if self._waiting:
                    self._changed.wait_for(lambda: len(self._waiting) >= _AT_ONCE or self._ended, _EVERY)
                records = self._waiting[:]
                if not records and self._ended:
                    return
            if not records:
                continue
            if not self._commit(records):
                with self._changed:
                    self._changed.wait(_AGAIN)
                continue
            with self._changed:
                del self._waiting[: len(records)]
                self._changed.notify_all()
            self._on_commit()

    def _expire(self) -> None:
        if self._max_age is None or self._pause is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + self._pause
        now = time.time()
        with contextlib.suppress(OSError):  # there will be another look
            self._box.expire_before(now - self._max_age, now - self._max_age / 4)
        self._on_commit()

    def _commit(self, records: list[str]) -> bool:
        while True:
            try:
                self._box.commit(records, time.time())
            except OSError as error:
                if error.errno == errno.ENOSPC and self._make_room():
                    continue
                self._tell(str(error))
                return False
            if self._fault:
                logger.warning("the spool %r is written again", self._box.folder)
                self._fault = ""
            return True

    def _make_room(self) -> bool:
        try:
            return self._box.make_room()
        except OSError:
            return False

    def _tell(self, fault: str) -> None:
        if fault != self._fault:
            logger.error(
                "the spool %r cannot be written: %s; results wait in memory until it can",
                self._box.folder,
                fault,
            )
        self._fault = fault
