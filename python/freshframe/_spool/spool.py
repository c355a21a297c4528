"""Spool: the node that keeps results on disk until they have been sent."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import OptionError, OptionTypeError, StateError
from .._graph.contract import Contract, Marks
from .._graph.node import Node
from .._sinks.plain import to_text
from .._sinks.records import sample_record
from .._sinks.text_file import lasting
from . import clock
from .box import Box
from .foreign import ERROR, WARNING, check_send, say
from .sender import Sender, Sending
from .writer import Writer

if TYPE_CHECKING:
    from .._native import Sample

_DISK_TIME = 1.5  # how long close() waits for the disk, in seconds
_SENDING_TIME = 0.5  # how long close() continues to send, in seconds
_MOST_BATCH = 10_000
_LEAST_BYTES = 64 << 10
_LONGEST_WAIT = 1e9  # seconds; the maximum timeout of a thread


class Spool(Node[Any, None]):
    """Keeps results on disk until your function has sent them, across outages, crashes and reboots.

    Every sample becomes an event: the dict that `JsonLines` writes, always with `source`, and with

    - `n`, a consecutive number from 1 that continues across restarts
    - `box`, a random string that identifies the folder
    - `spooled`, the Unix time at which the spool received it

    `send` is called with a list of events, in order. When it returns, they count as sent. If it raises any
    exception except `RefusedError`, the same list is sent again, after 0.2, 0.4, ... up to 10 seconds. It
    runs on the spool's own thread, one call at a time, and may block. Delivery is at least once and in order.
    For exactly once, the receiver stores the largest `n` per `box` and ignores events that are not larger; a
    gap in `n` means that events have expired, were rejected or are lost.

    An event is synced to disk at most 50 ms after process(), and only sent after that. If the program is
    killed, events of these 50 ms and samples in queues upstream are lost. The next run logs the number of the
    last event, and when it was written.

    If a value has `key` and `began_utc` but no `ended_utc` (as from `Presence`), and no later one with the
    same `source`, `node` and `key` ended it before a crash, the next start adds an event with
    `reason="restart"` and the time of the last write as `ended_utc`.

    Args:
        folder: The folder, created when the pipeline starts. Only one program can use it at a time.
        send: Called with a list of at least one dict. Must be a synchronous function: returning a coroutine,
            a future or a list of them counts as a failure.
        batch_size: Maximum number of events per call, 1 to 10,000.
        max_wait: Seconds for which an event waits for its batch to fill up, at most 1e9.
        max_bytes: Limit for the events on disk, at least 64 KiB. If it is exceeded, or the disk is full, the
            oldest events are deleted and counted as expired.
        max_age: Seconds after which an unsent event expires. Changes of the system clock do not matter within
            one boot of the machine; across reboots, the clock is used. The file is deleted at most half of
            `max_age` later, unless `send` is processing one of its events. `refused.jsonl` is kept, and so is
            the start of an event that has not ended. None means never.
        slow_after: Seconds after which a call of `send` is logged and reported as slow. It is not
            interrupted.
        as_text: Pass each event to `send` as a line of JSON, which saves parsing it.

    Raises:
        OptionError: A value is out of range, or the folder is a file or has other files (from start()).
        OptionTypeError: An argument is of the wrong type, such as a coroutine function. From process() for a
            value of a type that cannot be written as JSON.
        StateError: Another spool uses the folder (from start()). The thread that writes has ended (from
            process()).
        OSError: The folder cannot be created or written to (from start()).

    Example:
        >>> import freshframe as ff
        >>> sent = []
        >>> pipeline = ff.Pipeline()
        >>> circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=5&pace=0")))
        >>> spool = pipeline.add(ff.Spool("yard", sent.extend), circles)
        >>> pipeline.run().complete
        True
        >>> [event["n"] for event in sent]
        [1, 2, 3, 4, 5]
    """

    _marks = Marks()

    def _freshframe_contract(self) -> Contract:
        return Contract(spool=self._counters, note_marks=self._note_marks)

    def _note_marks(self, marks: Marks) -> None:
        self._marks = marks

    def __init__(
        self,
        folder: str | os.PathLike[str],
        send: Callable[[list[Any]], object],
        *,
        batch_size: int = 100,
        max_wait: float = 1.0,
        max_bytes: float = 1e9,
        max_age: float | None = 7 * 86_400,
        slow_after: float = 30.0,
        as_text: bool = False,
    ) -> None:
        """Checks the options. The folder is opened when the pipeline starts."""
        self.folder = _check.path("folder", folder).rstrip("/") or "/"
        if not callable(send):
            raise OptionTypeError(
                f"send must be a function that takes a list of events, got {_check.show(send)}"
            )
        check_send(send)
        if not 1 <= _check.integer("batch_size", batch_size) <= _MOST_BATCH:
            raise OptionError(f"batch_size must be 1 to {_MOST_BATCH} events, got {_check.show(batch_size)}")
        if (most := _check.size_bytes("max_bytes", max_bytes)) < _LEAST_BYTES:
            raise OptionError(f"max_bytes must be at least {_LEAST_BYTES}, got {_check.show(max_bytes)}")
        if not 0 <= _check.number("max_wait", max_wait) <= _LONGEST_WAIT:
            raise OptionError(f"max_wait must be 0 to {_LONGEST_WAIT:g} seconds, got {_check.show(max_wait)}")
        self._max_bytes = most
        self._how = Sending(
            send,
            int(batch_size),
            float(max_wait),
            None if max_age is None else _check.positive_seconds("max_age", max_age),
            _check.positive_seconds("slow_after", slow_after),
            _check.flag("as_text", as_text),
        )
        self.records_to = self.folder
        self._counters = _native.SpoolCounters()
        self._box: Box | None = None
        self._writer: Writer | None = None
        self._sender: Sender | None = None

    def open(self) -> None:
        """Opens or creates the folder, and starts to send what is in it."""
        box = Box(lasting(self.folder), self._max_bytes)
        writer = None
        try:
            sender = Sender(box, self._how, self._publish)
            self._box, self._sender = box, sender
            writer = Writer(box, self._note_commit, self._how.max_age)
            sender.start()
        except BaseException:  # the thread could not be started
            if writer is not None:
                writer.end(_DISK_TIME)
            box.close(complete=False)
            raise
        self._writer = writer

    def process(self, sample: Sample[Any]) -> None:
        """Queues a result for the thread that writes to disk."""
        if self._writer is None:
            raise StateError(f"the Spool {self.folder!r} is not open; add it to a pipeline")
        record = sample_record(
            sample, sample.source, with_damaged=self._marks.damaged, with_part=self._marks.part
        )
        self._writer.put(to_text(record))

    def close(self) -> None:
        """Writes pending results, and continues to send for half a second. The rest stays on disk."""
        box, writer, sender = self._box, self._writer, self._sender
        if box is None or writer is None or sender is None:
            return
        self._writer = None
        lost = writer.end(_DISK_TIME)
        if lost:
            say(ERROR, "the spool %r: %d results could not be written and are lost", self.folder, lost)
        sender.end(time.monotonic() + _SENDING_TIME)
        sender.thread.join(_SENDING_TIME)
        if writer.thread.is_alive():
            say(ERROR, "the spool %r: a write has not returned, so its folder stays locked", self.folder)
            return
        if sender.thread.is_alive():
            say(
                WARNING,
                "the spool %r: send() is still running, so its folder stays locked until it returns",
                self.folder,
            )
            if not lost:
                box.note_end()
        sender.call_at_end(lambda: self._close_box(box, complete=not lost))

    def _close_box(self, box: Box, *, complete: bool) -> None:
        try:
            self._publish()
        finally:
            box.close(complete=complete)

    def _note_commit(self) -> None:
        if self._sender is not None:
            self._sender.note_commit()
        self._publish()

    def _publish(self) -> None:
        """Publishes the counters for statistics, dashboard and metrics."""
        box, sender = self._box, self._sender
        if box is None or sender is None:
            return
        held, counts = box.held(), sender.counts
        self._counters.set(
            waiting=held.waiting,
            size_bytes=held.size,
            oldest=None if counts.oldest is None else counts.oldest + clock.zero(),
            sent=counts.sent,
            refused=counts.refused,
            expired=held.expired,
            lost=held.lost,
            errors=counts.errors,
            called=counts.called,
            last_error=counts.last_error,
        )
