"""A fleet's reader: the results of one output of all cameras, each once, with every missing one counted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _check, _pickling
from .._errors import EndOfStream, FreshframeError, GraphError, OptionError, ReadTimeout, StateError
from ._books import Books, Run, Totals
from ._wire import Batch, Records

if TYPE_CHECKING:
    from typing_extensions import Self

_MOST_BUFFERED = 1000  # results that wait here; beyond it they wait at the agents
_SLICE = 0.05  # seconds between two looks for signals


@dataclass(frozen=True, slots=True)
class FleetSample:
    """A result of a camera.

    Attributes:
        camera: Its name.
        epoch: Number of its start; grows with each one. What lives in a pipeline, such as tracker ids, begins
            anew with it.
        seq: Frame number at the source, within the epoch.
        pts: Seconds in the source's own time.
        time: Unix time of the capture.
        value: The result.
        dropped: Results of this epoch that are missing since the one before.
    """

    camera: str
    epoch: int
    seq: int
    pts: float
    time: float
    value: Any
    dropped: int

    @property
    def age(self) -> float:
        """Seconds since the capture."""
        return time.time() - self.time


class _Cursor:
    """A batch that is being read."""

    __slots__ = ("begin", "index", "pickles", "rows")

    def __init__(self, batch: Batch) -> None:
        self.rows = batch.results.tolist()  # tuples in the order of RESULT
        self.pickles = batch.pickles
        self.index = 0
        self.begin = 0


def unpacked(data: memoryview) -> list[bytes | bytearray]:
    """The parts of a pickle; the large buffers are copies that may be written to."""
    (count,) = struct.unpack_from("<I", data)
    sizes = struct.unpack_from(f"<{count}Q", data, 4)
    begin = 4 + 8 * count
    parts: list[bytes | bytearray] = []
    for size in sizes:
        part = data[begin : begin + size]
        parts.append(bytearray(part) if parts else bytes(part))
        begin += size
    return parts


class FleetReader:
    """Made by Fleet.reader(). Any thread, one at a time; ends with its fleet."""

    def __init__(
        self, number: int, output: str, name_of: Callable[[int], str], wants: Callable[[FleetReader], None]
    ) -> None:
        """By a fleet only."""
        self._number = number
        self._output = output
        self._name_of = name_of
        self._wants = wants
        self._changed = threading.Condition()
        self._batches: deque[_Cursor] = deque()
        self._buffered = 0
        self._books = Books()
        self._ended = False
        self._error: str | None = None
        self._failure: str | None = None  # of the controller
        self._on_close: Callable[[FleetReader], None] | None = None

    @property
    def output(self) -> str:
        """The name of the output that it reads."""
        return self._output

    # ---- the controller's side

    @property
    def _has_room(self) -> bool:
        return self._buffered < _MOST_BUFFERED

    def _push(self, batch: Batch) -> None:
        with self._changed:
            self._books.note_all(batch.outboxes)
            self._books.receive(len(batch.results))
            self._batches.append(_Cursor(batch))
            self._buffered += len(batch.results)
            self._changed.notify_all()

    def _note(self, records: Records) -> None:
        with self._changed:
            self._books.note_all(records)

    def _end_run(self, run: Run, *, lost: bool) -> None:
        with self._changed:
            self._books.end(run, lost=lost)

    def _is_flushed(self, run: Run) -> bool:
        with self._changed:
            return self._books.is_flushed(run)

    def _totals(self) -> Totals:
        with self._changed:
            return self._books.totals()

    def _finish(self, error: str | None = None, failure: str | None = None) -> None:
        with self._changed:
            self._ended = True
            self._error = self._error or error
            self._failure = self._failure or failure
            self._changed.notify_all()

    # ---- the user's side

    def _take(self) -> FleetSample | None:
        """The next result that is here."""
        while True:
            with self._changed:
                if not self._batches:
                    return None
                cursor = self._batches[0]
                epoch, ordinal, seq, pts, captured, camera, size = cursor.rows[cursor.index]
                data = cursor.pickles[cursor.begin : cursor.begin + size]
                cursor.index += 1
                cursor.begin += size
                if cursor.index == len(cursor.rows):
                    self._batches.popleft()
                self._buffered -= 1
                ask = self._buffered == _MOST_BUFFERED // 2 or not self._batches
                wanted, missing = self._books.take(camera, epoch, ordinal)
            if ask:
                self._wants(self)
            if not wanted:
                continue
            name = self._name_of(camera)
            value = _pickling.opened(unpacked(data), name)
            return FleetSample(name, epoch, seq, pts, captured, value, missing)

    def get(self, timeout: float | None = None) -> FleetSample:
        """Waits for the next result.

        Args:
            timeout: Seconds; None: no limit.

        Raises:
            EndOfStream: The fleet was closed, or this reader, and everything that came was read.
            GraphError: No camera has an output of this name.
            StateError: The fleet's controller has failed.
            ReadTimeout: Nothing arrived in time. The reader stays usable.
        """
        if timeout is not None and not _check.number("timeout", timeout) >= 0:
            raise OptionError(f"timeout must be at least 0 seconds or None, got {timeout!r}")
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            sample = self._take()
            if sample is not None:
                return sample
            with self._changed:
                if self._batches:
                    continue
                if self._error is not None:
                    raise GraphError(self._error)
                if self._failure is not None:
                    raise StateError(f"the fleet's controller has failed: {self._failure}")
                if self._ended:
                    raise EndOfStream(f"the fleet of the reader of {self._output!r} was closed")
                left = _SLICE if deadline is None else min(_SLICE, deadline - time.monotonic())
                if left <= 0:
                    raise ReadTimeout(f"no result of {self._output!r} within {timeout:g} s")
                self._changed.wait(left)

    def __iter__(self) -> Iterator[FleetSample]:
        """All results, until the fleet is closed."""
        return self

    def __next__(self) -> FleetSample:
        """The next result."""
        try:
            return self.get()
        except EndOfStream:
            raise StopIteration from None

    def batches(self, n: int, *, max_wait: float = 0.2, arrow: bool | None = None) -> Iterator[Any]:
        """Results in batches, until the fleet is closed.

        Args:
            n: The most results of one batch.
            max_wait: Seconds from a batch's first result until it is given, full or not.
            arrow: True: ``pyarrow.Table`` with the columns camera, epoch, seq, pts, time, dropped and value,
                which is a pickle. False: lists of FleetSample. None: tables where pyarrow is installed.

        Raises:
            FreshframeError: ``arrow=True`` without pyarrow.
            OptionError: An option is out of range.
            OptionTypeError: An option is of the wrong type.
        """
        if _check.integer("n", n) < 1:
            raise OptionError(f"n must be at least 1, got {n}")
        if not _check.number("max_wait", max_wait) >= 0:
            raise OptionError(f"max_wait must be at least 0 seconds, got {max_wait!r}")
        if arrow is not None:
            _check.flag("arrow", arrow)
        return self._in_batches(n, max_wait, _tables(arrow))

    def _in_batches(self, n: int, max_wait: float, form: Callable[[list[FleetSample]], Any]) -> Iterator[Any]:
        while True:
            try:
                batch = [self.get()]
            except EndOfStream:
                return
            until = time.monotonic() + max_wait
            with contextlib.suppress(ReadTimeout, EndOfStream):
                while len(batch) < n:
                    batch.append(self.get(max(0.0, until - time.monotonic())))
            yield form(batch)

    def close(self) -> None:
        """Reads no more; its outboxes end. Idempotent."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close(self)
        self._finish()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()

    def __reduce__(self) -> Any:
        """Refuses."""
        raise FreshframeError("a FleetReader cannot be pickled: it belongs to its fleet's program")


def _tables(arrow: bool | None) -> Callable[[list[FleetSample]], Any]:
    if arrow is False:
        return list
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
    except ImportError:
        if arrow:
            raise FreshframeError("tables need pyarrow: pip install pyarrow, or arrow=False") from None
        return list

    def table(batch: list[FleetSample]) -> Any:
        columns = {
            name: [getattr(sample, name) for sample in batch]
            for name in ("camera", "epoch", "seq", "pts", "time", "dropped")
        }
        columns["value"] = [b"".join(_pickled(sample.value)) for sample in batch]
        return pyarrow.table(columns)

    return table


def _pickled(value: Any) -> tuple[bytes, ...]:
    import pickle  # noqa: PLC0415

    return (pickle.dumps(value, 5),)
