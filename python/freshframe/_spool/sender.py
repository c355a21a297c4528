"""The thread that hands a box's results to the user's function, again and again until it returns."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._errors import OptionError
from .._interpreter.log import logger
from .box import Box
from .lines import Line
from .refused import Refused, RefusedFile

_FIRST_WAIT = 0.2  # seconds after a failure; each further failure doubles it
_LONGEST_WAIT = 10.0
_FIRST_REMINDER = 10.0  # seconds after which a failure that goes on is logged again; this doubles, too
_LONGEST_REMINDER = 600.0


@dataclass(frozen=True, slots=True)
class Sending:
    """How results are sent.

    Attributes:
        send: The user's function.
        batch: At most so many results per call.
        max_wait: Seconds for which a result waits for others.
        max_age: Seconds after which a result has expired; None: never.
        timeout: Seconds after which a call is reported as slow.
        as_text: Lines of JSON instead of dicts.
    """

    send: Callable[[list[Any]], object]
    batch: int
    max_wait: float
    max_age: float | None
    timeout: float
    as_text: bool


@dataclass(slots=True)
class Counts:
    """What has happened since the start; one thread writes, any thread reads.

    Attributes:
        sent: Results for which `send` has returned.
        refused: Results that were put aside.
        failures: Calls that have raised another exception.
        oldest: Unix time of the oldest result of the present batch; None: there is none.
        called: time.monotonic() at the begin of the present call; None: there is none.
        last_error: The latest exception.
    """

    sent: int = 0
    refused: int = 0
    failures: int = 0
    oldest: float | None = None
    called: float | None = None
    last_error: str = ""


class Sender:
    """Calls `send` on a thread of its own, never beside itself. `on_change` is called behind each call."""

    def __init__(self, box: Box, how: Sending, on_change: Callable[[], None]) -> None:
        """Does not start yet: start() does."""
        self.counts = Counts()
        self._box = box
        self._how = how
        self._on_change = on_change
        self._aside = RefusedFile(box.folder)
        self._changed = threading.Condition()
        self._closing: float | None = None  # time.monotonic() at which to give up
        self._outage = _Outage(box.folder)
        self._told_slow = False
        self._has_ended = False
        self._at_end: Callable[[], None] | None = None
        self.thread = threading.Thread(target=self._run, name="spool sender", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self.thread.start()

    def note_commit(self) -> None:
        """There are more results. A call that takes too long is reported here: its own thread cannot."""
        called = self.counts.called
        if called is not None and not self._told_slow and time.monotonic() - called > self._how.timeout:
            self._told_slow = True
            logger.warning(
                "the spool %r: send() has not returned for %g s", self._box.folder, self._how.timeout
            )
        with self._changed:
            self._changed.notify_all()

    def end(self, deadline: float) -> None:
        """The thread ends when nothing waits, or after the first failure, or at this time.monotonic()."""
        with self._changed:
            self._closing = deadline
            self._changed.notify_all()

    def call_at_end(self, call: Callable[[], None]) -> None:
        """Calls it when the thread has ended: at once, or on that thread."""
        with self._changed:
            if not self._has_ended:
                self._at_end = call
                return
        call()

    @property
    def ends(self) -> bool:
        """Whether end() was called."""
        return self._closing is not None

    def _run(self) -> None:
        while lines := self._gather():
            if not self._deliver(lines):
                break
        with self._changed:
            self._has_ended = True
            call = self._at_end
        if call is not None:
            call()

    # ---- gathering

    def _gather(self) -> list[Line]:
        """The next batch; empty: the thread ends."""
        box, how = self._box, self._how
        while True:
            with self._changed:
                self._changed.wait_for(lambda: box.waits() or self.ends)
                self._changed.wait_for(lambda: box.waits() >= how.batch or self.ends, how.max_wait)
                if self._closing is not None and (time.monotonic() >= self._closing or not box.waits()):
                    return []
            if lines := box.take(how.batch, self._oldest_allowed()):
                return lines

    def _oldest_allowed(self) -> float:
        return 0.0 if self._how.max_age is None else time.time() - self._how.max_age

    # ---- sending

    def _deliver(self, lines: list[Line]) -> bool:
        """Sends one batch; False: the thread ends before it was sent."""
        self.counts.oldest = lines[0].spooled
        wait = _FIRST_WAIT
        while lines:
            try:
                lines = self._try(lines)
                wait = _FIRST_WAIT
            # SystemExit, too: it is the function's, not the program's.
            except BaseException as error:  # noqa: PERF203
                self.counts.failures += 1
                self.counts.last_error = f"{type(error).__name__}: {error}"
                self._outage.note_failure(self.counts.last_error, self._box.held().waiting)
                self._on_change()
                if not self._wait(wait * random.uniform(0.8, 1.2)):
                    return False
                wait = min(2 * wait, _LONGEST_WAIT)
        self._outage.note_success()
        self.counts.oldest = None
        self._on_change()
        return True

    def _try(self, lines: list[Line]) -> list[Line]:
        """Calls the function once; returns the lines that are to be sent again."""
        events, lines = self._events(lines)
        if not lines:
            return []
        self.counts.called = time.monotonic()
        self._on_change()
        try:
            self._how.send(events)
        except Refused as refusal:
            return self._put_aside(lines, refusal)
        finally:
            self.counts.called = None
            self._told_slow = False
        self.counts.sent += len(lines)
        self._box.done(len(lines))
        return []

    def _events(self, lines: list[Line]) -> tuple[list[Any], list[Line]]:
        if self._how.as_text:
            return [line.text.decode(errors="replace").rstrip("\n") for line in lines], lines
        events, whole = [], []
        for line in lines:
            try:
                events.append(json.loads(line.text))
                whole.append(line)
            except ValueError:  # noqa: PERF203
                logger.error("the spool %r: the result %d cannot be read", self._box.folder, line.n)
        if len(whole) < len(lines):
            self._box.lose(len(lines) - len(whole))
        return events, whole

    def _put_aside(self, lines: list[Line], refusal: Refused) -> list[Line]:
        indices = set(refusal.indices)
        if max(indices) >= len(lines):
            raise OptionError(
                f"Refused names the event {max(indices)} of a batch of {len(lines)}: they count from 0"
            ) from refusal
        gone = [line for index, line in enumerate(lines) if index in indices]
        self._aside.add(gone, refusal.why)
        if not self.counts.refused:
            logger.warning(
                "the spool %r: results were refused (%s): they are in refused.jsonl",
                self._box.folder,
                refusal.why,
            )
        self.counts.refused += len(gone)
        self._box.done(len(gone))
        return [line for index, line in enumerate(lines) if index not in indices]

    def _wait(self, seconds: float) -> bool:
        """After a failure; False: the thread ends."""
        with self._changed:
            return not self._changed.wait_for(lambda: self.ends, seconds)


class _Outage:
    """Logs failures: the first, then at intervals that double, and the end."""

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
        logger.warning(
            "the spool %r: send() has failed: %s; %d results wait and are tried again",
            self._folder,
            error,
            waiting,
        )
        self._next = now + self._interval
        self._interval = min(2 * self._interval, _LONGEST_REMINDER)

    def note_success(self) -> None:
        if self._began is None:
            return
        logger.warning(
            "the spool %r: results are sent again, after %d failures in %.1f s",
            self._folder,
            self._failures,
            time.monotonic() - self._began,
        )
        self._began, self._failures = None, 0
