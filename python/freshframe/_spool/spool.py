"""The node that keeps results on disk until a receiver has them."""
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

_DISK_TIME = 1.5  # seconds for which close() waits for the disk
_SENDING_TIME = 0.5  # seconds for which close() goes on sending
_MOST_BATCH = 10_000
_LEAST_BYTES = 64 << 10
_LONGEST_WAIT = 1e9  # seconds; a thread cannot wait longer


class Spool(Node[Any, None]):
    """Keeps results in a folder on disk until your function has sent them: over outages, crashes and reboots.

    Every sample becomes an event: the dict that `JsonLines` writes, always with `source`, and with

    - `n`, its number: 1, 2, 3 and so on without a gap, over all restarts
    - `box`, a text that was made at random together with the folder
    - `spooled`, the Unix time at which the spool got it

    `send` gets a list of events, in their order. When it returns, they count as sent. When it raises any
    exception except `RefusedError`, the same list is sent again, after 0.2, 0.4, ... up to 10 seconds. It
    runs on a thread of the spool's own, never beside itself, and may take any time. So events arrive at
    least once and in order. A receiver that keeps the largest `n` of each `box` and ignores events that are
    not larger has every one exactly once, and sees a gap in `n` where events have expired, were refused or
    are lost.

    An event is on the disk at most 50 ms after process(), and is sent only when it is there. The events in
    the memory of a killed program are lost: these 50 ms, and the samples in the queues above. The next run
    logs the number of the last event, and when it was written.

    If the value of a result is a dict with `key` and `began_utc` and without `ended_utc`, and no later one
    with the same `source`, `node` and `key` has ended it, then a restart after a crash adds an event with
    `ended_utc`, the time of the last write, and `reason="restart"`.

    Args:
        folder: The folder, which is made when the pipeline starts. It has one program at a time.
        send: Gets a list of at least one dict. A plain function: work that it has not done when it returns,
            such as a coroutine, a future or a list of them, counts as a failure.
        batch_size: Most events per call, 1 to 10,000.
        max_wait: Seconds for which an event waits until its batch is full, at most 1e9.
        max_bytes: Size of the folder's segments, at least 64 KiB. When it is exceeded, or when the disk is
            full, the oldest events expire, and are counted.
        max_age: Seconds after which an event that was not sent expires. Since the start of the machine they
            are counted whatever the system's clock is set to, before it by that clock. The file is deleted at
            most half of that later, unless `send` has one of its events. `refused.jsonl` stays, and so does
            the beginning of an event that has not ended. None means never.
        slow_after: Seconds after which a call of `send` is logged and shown as slow. It is not interrupted.
        as_text: `send` gets each event as a line of JSON, which spares the time to parse it.

    Raises:
        OptionError: A value is out of range, or the folder is a file or has other files (from start()).
        OptionTypeError: An argument is of the wrong type, such as a coroutine function. From process() for a
            value that cannot be written as JSON; it names the type.
        StateError: Another spool uses the folder (from start()). The thread that writes has ended (from
            process()).
        OSError: The folder cannot be made or written (from start()).

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
        """Opens the folder, or makes it, and begins to send what is in it."""
        box = Box(lasting(self.folder), self._max_bytes)
        writer = None
        try:
            sender = Sender(box, self._how, self._publish)
            self._box, self._sender = box, sender
            writer = Writer(box, self._note_commit, self._how.max_age)
            sender.start()
        except BaseException:  # the system has no thread left
            if writer is not None:
                writer.end(_DISK_TIME)
            box.close(complete=False)
            raise
        self._writer = writer

    def process(self, sample: Sample[Any]) -> None:
        """Hands one result to the thread that writes the folder."""
        if self._writer is None:
            raise StateError(f"the Spool {self.folder!r} is not open; add it to a pipeline")
        record = sample_record(
            sample, sample.source, with_damaged=self._marks.damaged, with_part=self._marks.part
        )
        self._writer.put(to_text(record))

    def close(self) -> None:
        """Writes what waits, and sends for half a second more. The rest stays in the folder."""
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
            say(ERROR, "the spool %r: a write does not return; the folder stays locked", self.folder)
            return
        if sender.thread.is_alive():
            say(WARNING, "the spool %r: send() still runs; the folder is locked until it ends", self.folder)
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
        """Brings the counters to the statistics, the page and the metrics."""
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
