"""The thread that passes results to the user's function, with retries."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._errors import OptionError
from .box import Box
from .foreign import ERROR, WARNING, check_answer, described, say, shortened
from .lines import Line, parse_record
from .refused import RefusedError, RefusedFile

_FIRST_WAIT = 0.2  # seconds after the first failure; doubled with each further one
_LONGEST_WAIT = 10.0
_FIRST_REMINDER = 10.0  # seconds after which a persistent failure is logged again; doubled each time
_LONGEST_REMINDER = 600.0


@dataclass(frozen=True, slots=True)
class Sending:
    """Options for sending.

    Attributes:
        send: The user's function.
        batch_size: Maximum number of results per call.
        max_wait: Seconds for which a result waits for others.
        max_age: Seconds after which a result has expired; None means never.
        slow_after: Seconds after which a call is reported as slow.
        as_text: Whether to pass lines of JSON instead of dicts.
    """

    send: Callable[[list[Any]], object]
    batch_size: int
    max_wait: float
    max_age: float | None
    slow_after: float
    as_text: bool


@dataclass(slots=True)
class Counts:
    """Counters since the start. Written by one thread, read by any.

    Attributes:
        sent: Results for which `send` has returned.
        refused: Results that were set aside.
        errors: Calls that raised another exception.
        oldest: clock.since_start() when the oldest result of the current batch arrived; None if there is
            none.
        called: time.monotonic() at the start of the current call; None if there is none.
        last_error: The latest exception.
    """

    sent: int = 0
    refused: int = 0
    errors: int = 0
    oldest: float | None = None
    called: float | None = None
    last_error: str = ""


class Sender:
    """Calls `send` on its own thread, one call at a time. `on_change` is called after each call.

    Nothing that `send`, the program's log or `on_change` raises ends the thread before end(). If it ends
    anyway, note_commit() starts another one.
    """

    def __init__(self, box: Box, how: Sending, on_change: Callable[[], None]) -> None:
        """The thread is started by start()."""
        self.counts = Counts()
        self._box = box
        self._how = how
        self._on_change = on_change
        self._aside = RefusedFile(box.folder)
        self._changed = threading.Condition()
        self._closing: float | None = None  # time.monotonic() at which to give up
        self._outage = _Outage(box.folder)
        self._told_slow = False
        self._groups: list[list[Line]] = []  # the rest of the current batch, grouped by call
        self._has_ended = False
        self._at_end: Callable[[], None] | None = None
        self.thread = self._thread()

    def _thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="spool sender", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self.thread.start()

    def note_commit(self) -> None:
        """Wakes the thread for new results. Also reports a slow call, since its own thread cannot."""
        called = self.counts.called
        if called is not None and not self._told_slow and time.monotonic() - called > self._how.slow_after:
            self._told_slow = True
            say(
                WARNING,
                "the spool %r: send() has not returned for %g s",
                self._box.folder,
                self._how.slow_after,
            )
        with self._changed:
            self._changed.notify_all()
            is_dead = self._has_ended and not self.ends
        if is_dead:
            say(ERROR, "the spool %r: the sending thread has ended; starting another one", self._box.folder)
            self._has_ended = False
            self.thread = self._thread()
            self.thread.start()

    def end(self, deadline: float) -> None:
        """Makes the thread end when nothing is pending, after a failure, or at this time.monotonic()."""
        with self._changed:
            self._closing = deadline
            self._changed.notify_all()

    def call_at_end(self, call: Callable[[], None]) -> None:
        """Calls a function once the thread has ended: immediately, or on that thread."""
        with self._changed:
            if not self._has_ended:
                self._at_end = call
                return
        call()

    @property
    def ends(self) -> bool:
        """Returns True after end() was called."""
        return self._closing is not None

    def _run(self) -> None:
        try:
            wait = _FIRST_WAIT
            while True:
                try:
                    if not self._groups and not self._gather():
                        return
                    self._send_group()
                    wait = _FIRST_WAIT
                # Including SystemExit, which must not end this thread.
                except BaseException as error:
                    self._note_failure(error)
                    if not self._wait(wait * random.uniform(0.8, 1.2)):
                        return
                    wait = min(2 * wait, _LONGEST_WAIT)
                if self._is_late():
                    return
        finally:
            with self._changed:
                self._has_ended = True
                call = self._at_end
            if call is not None:
                call()

    def _is_late(self) -> bool:
        return self._closing is not None and time.monotonic() >= self._closing

    def _note_failure(self, error: BaseException) -> None:
        self.counts.errors += 1
        self.counts.last_error = described(error)
        self._outage.note_failure(self.counts.last_error, self._box.held().waiting)
        self._tell_change()

    def _tell_change(self) -> None:
        with contextlib.suppress(Exception):  # the next call reports it
            self._on_change()

    # ---- gathering

    def _gather(self) -> bool:
        """Takes the next batch. Returns False if the thread should end."""
        box, how = self._box, self._how
        while True:
            with self._changed:
                self._changed.wait_for(lambda: box.waits() or self.ends)
                self._changed.wait_for(lambda: box.waits() >= how.batch_size or self.ends, how.max_wait)
                if self._is_late() or (self.ends and not box.waits()):
                    return False
            if lines := box.take(how.batch_size, self._oldest_allowed()):
                self._groups = [lines]
                self.counts.oldest = box.oldest_taken
                return True

    def _oldest_allowed(self) -> float:
        return 0.0 if self._how.max_age is None else time.time() - self._how.max_age

    # ---- sending

    def _send_group(self) -> None:
        """Calls the user's function with the next group of the batch."""
        events = self._events()
        if events:
            lines = self._groups[0]
            self.counts.called = time.monotonic()
            self._tell_change()
            try:
                check_answer(self._how.send(events))
            except RefusedError as refusal:
                self._refuse(lines, refusal)
            else:
                del self._groups[0]
                self.counts.sent += len(lines)
                self._box.done(len(lines))
            finally:
                self.counts.called = None
                self._told_slow = False
        if not self._groups:
            self._outage.note_success()
            self.counts.oldest = None
            self._tell_change()

    def _events(self) -> list[Any]:
        """Parses the lines of the first group again, since the function may have changed the events."""
        lines = self._groups[0]
        if self._how.as_text:
            return [line.text.decode(errors="replace").rstrip("\n") for line in lines]
        records = [parse_record(line) for line in lines]
        whole = [line for line, record in zip(lines, records, strict=True) if record is not None]
        if len(whole) < len(lines):
            self._groups[:1] = [whole] if whole else []
            for line in set(lines) - set(whole):
                say(ERROR, "the spool %r: the result %d cannot be read", self._box.folder, line.n)
            self._box.lose(len(lines) - len(whole))
        return [record for record in records if record is not None]

    def _refuse(self, lines: list[Line], refusal: RefusedError) -> None:
        """Sets aside what was refused, or splits the first group in two to find it."""
        indices = set(refusal.indices)
        if not indices and len(lines) > 1:
            half = len(lines) // 2
            self._groups[:1] = [lines[:half], lines[half:]]
            return
        if strange := indices - set(range(len(lines))):
            place = next(iter(strange))
            raise OptionError(
                f"RefusedError has index {place!r}, which is out of range for a batch of {len(lines)}"
            ) from refusal
        gone = [line for index, line in enumerate(lines) if index in indices] or lines
        left = [line for index, line in enumerate(lines) if index not in indices] if indices else []
        reason = shortened(refusal.reason)  # each line contains it
        dropped = self._aside.add(gone, reason)
        self._groups[:1] = [left] if left else []
        is_first = not self.counts.refused
        self.counts.refused += len(gone)
        self._box.done(len(gone))
        if is_first:
            say(
                WARNING,
                "the spool %r: results were refused (%s): they are in refused.jsonl",
                self._box.folder,
                reason,
            )
        if dropped:
            self._box.note_lost(dropped)
            say(
                ERROR,
                "the spool %r: more was refused than the folder keeps: the oldest %d of them are lost",
                self._box.folder,
                dropped,
            )

    def _wait(self, seconds: float) -> bool:
        """Waits after a failure. Returns False if the thread should end."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.ends, seconds)


class _Outage:
    """Logs an outage: its first failure, reminders at doubling intervals, and its end."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._began: float | None = None
        self._failures = 0
        self._next = 0.0
        self._interval = _FIRST_REMINDER

    def note_failure(self, error: str, waiting: int) -> None:
        now = time.monotonic()
        self._failures += 1
        if self._began is None:
            self._began, self._next, self._interval = now, now, _FIRST_REMINDER
        if now < self._next:
            return
        say(
            WARNING,
            "the spool %r: send() has failed: %s; %d results are waiting, and sending will be tried again",
            self._folder,
            error,
            waiting,
        )
        self._next = now + self._interval
        self._interval = min(2 * self._interval, _LONGEST_REMINDER)

    def note_success(self) -> None:
        if self._began is None:
            return
        say(
            WARNING,
            "the spool %r: results are sent again, after %d failures in %.1f s",
            self._folder,
            self._failures,
            time.monotonic() - self._began,
        )
        self._began, self._failures = None, 0
