"""FleetReader: delivers each result of one output of all cameras once, and counts every missing one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from freshframe import (
    EndOfStreamError,
    FreshframeError,
    GraphError,
    OptionError,
    ReadTimeoutError,
    StateError,
)
from freshframe._agent import ClosedByWith, check, fork, native

from .results import Result, Results

_SLICE = 0.05  # seconds between checks for signals


@dataclass(frozen=True, slots=True)
class FleetSample:
    """A result of a camera.

    Attributes:
        camera: Name of the camera.
        epoch: Number of the camera's run, which increases with each start. The state of the pipeline, such as
            tracker ids, starts afresh with each run.
        seq: Frame number at the source, within the epoch.
        pts: Seconds in the source's own time.
        utc: Unix time of the capture, by this machine's clock.
        value: The result.
        dropped: Number of results missing since the previous one of this epoch.
        ordinal: Index of the result among all those of this epoch that were offered to this reader, from 0.
        part: Index among several results for the same frame, as from a generator, from 0; otherwise 0.
    """

    camera: str
    epoch: int
    seq: int
    pts: float
    utc: float
    value: Any
    dropped: int
    ordinal: int
    part: int = 0

    @property
    def age(self) -> float:
        """Returns the seconds since the capture."""
        return time.time() - self.utc


class FleetReader(ClosedByWith):
    """Reads results; created by Fleet.reader(). Any thread may use it, but only one at a time."""

    # Note [Interrupts]
    # Ctrl-C can raise KeyboardInterrupt between any two calls on the program's thread. So that no result is
    # lost or delivered twice, a sample is stored in _ready before its item is removed from Results.items. An
    # interrupted call leaves a state from which the next call can tell whether the item was removed.

    def __init__(
        self, results: Results, name_of: Callable[[int], str], on_close: Callable[[Results], None]
    ) -> None:
        """Starts to read. Created by Fleet.reader()."""
        self._results = results
        self._pid = os.getpid()
        self._name_of = name_of
        self._on_close = on_close
        self._ready: tuple[Result, FleetSample] | None = None  # for the first item, or for one just removed
        self._back: deque[FleetSample] = deque()  # samples of an interrupted batch
        self._gathering: list[FleetSample] | None = None  # a batch that was not returned yet
        self._is_over = False  # remaining items are discarded
        results.taken = self._count_taken

    @property
    def output(self) -> str:
        """The name of the output that it reads."""
        return self._results.output

    @property
    def name(self) -> str | None:
        """The name with which the reader can be resumed; None if it cannot."""
        return self._results.name

    @property
    def ended(self) -> bool:
        """True once the fleet or this reader is closed and all results have been read."""
        results = self._results
        has_more = bool(self._back) or self._ready is not None or bool(results.items)
        return results.ended and (self._is_over or not has_more)

    def _count_taken(self) -> int:
        """Returns the number of results that were removed but not delivered."""
        # `ready` holds the first of the items, or one that was removed from them.
        items, ready = self._results.items, self._ready
        apart = ready is not None and not (items and items[0] is ready[0])
        return apart + len(self._back)

    def _advance(self) -> None:
        """Prepares the next available result."""
        items = self._results.items
        if self._back:
            return
        if self._ready is not None and not (items and items[0] is self._ready[0]):
            return
        if self._ready is None:
            if not items:
                return
            item = items[0]
            name = self._name_of(item.camera)
            try:
                value = native.fleet_value(item.data, name)
            except Exception:
                items.popleft()  # so that the next call continues with the next result
                raise
            sample = FleetSample(
                name,
                item.epoch,
                item.seq,
                item.pts,
                item.captured,
                value,
                item.missing,
                item.ordinal,
                item.part,
            )
            self._ready = item, sample
        items.popleft()
        self._results.left()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StateError(
                "the reader was created before this process was forked: create a fleet and its readers "
                "after the fork"
            )

    def get(self, timeout: float | None = None) -> FleetSample:
        """Waits for the next result.

        Args:
            timeout: Seconds, or None for no limit.

        Raises:
            EndOfStreamError: The fleet or this reader was closed, and all results have been read.
            GraphError: No camera has an output of this name.
            StateError: The fleet's controller has failed, or this is a forked child of the program.
            ReadTimeoutError: Nothing arrived in time. The reader stays usable.
        """
        self._check_process()
        limit = check.timeout(timeout)
        deadline = time.monotonic() + limit
        results = self._results
        while True:
            if not self._is_over:
                self._advance()
                if self._back:
                    sample = self._back[0]
                    del self._back[0]
                    return sample
                if self._ready is not None:
                    # No signal handler can run between this line and the return, so no sample is lost.
                    (_, sample), self._ready = self._ready, None
                    return sample
            with results.changed:
                if results.items and not self._is_over:
                    continue
                if results.error is not None:
                    raise GraphError(results.error)
                if results.failure is not None:
                    raise StateError(self._failure_text(results.failure))
                if results.ended:
                    what = "reader" if results.closed else "fleet of the reader"
                    raise EndOfStreamError(f"the {what} of {self.output!r} was closed")
                left = min(_SLICE, deadline - time.monotonic())
                if left <= 0:
                    raise ReadTimeoutError(f"no result of output {self.output!r} arrived within {limit:g} s")
                results.changed.wait(left)

    def take_packed(self, most: int, wait: float, gather: float) -> list[tuple[Any, ...]]:
        """Takes results without unpickling them, for another process.

        Args:
            most: Maximum number of results.
            wait: Seconds to wait for the first one.
            gather: Seconds to wait for others after the first.

        Returns:
            For each result: camera, epoch, seq, part, pts, utc, results missing before it, ordinal, pickle.
        """
        results = self._results
        with results.changed:
            results.changed.wait_for(lambda: results.items or results.ended, wait)
            if not results.items and results.error is not None:
                raise GraphError(results.error)
            if not results.items and results.failure is not None:
                raise StateError(self._failure_text(results.failure))
        if results.items:
            time.sleep(gather)
        found: list[tuple[Any, ...]] = []
        while results.items and len(found) < most:
            camera, *others, data = results.items.popleft()
            found.append((self._name_of(camera), *others, bytes(data)))
        results.left()
        return found

    def _failure_text(self, failure: str) -> str:
        return f"the fleet's controller has failed: {failure}"

    def poll(self) -> FleetSample | None:
        """Returns the next result, or None if there is none yet. Never blocks.

        Raises:
            EndOfStreamError: The fleet or this reader was closed, and all results have been read.
            GraphError: No camera has an output of this name.
            StateError: The fleet's controller has failed, or this is a forked child of the program.
        """
        try:
            return self.get(0)
        except ReadTimeoutError:
            return None

    def __iter__(self) -> Iterator[FleetSample]:
        """Iterates over all results until the fleet is closed."""
        return self

    def __next__(self) -> FleetSample:
        """Returns the next result."""
        try:
            return self.get()
        except EndOfStreamError:
            raise StopIteration from None

    def __aiter__(self) -> AsyncIterator[FleetSample]:
        """Iterates over results as they arrive, until the fleet is closed. Cancelling loses none."""
        return _AsTheyArrive(self, self._results)

    def batches(self, batch_size: int, *, max_wait: float = 0.2) -> Iterator[list[FleetSample]]:
        """Iterates over lists of results until the fleet is closed.

        Args:
            batch_size: Maximum number of results per list.
            max_wait: Maximum seconds to wait for a list to fill up after its first result.

        Raises:
            OptionError: An option is out of range.
            OptionTypeError: An option is of the wrong type.
        """
        if check.integer("batch_size", batch_size) < 1:
            raise OptionError(f"batch_size must be at least 1, got {batch_size}")
        max_wait = check.seconds("max_wait", max_wait)
        return self._in_batches(batch_size, max_wait)

    def _in_batches(self, batch_size: int, max_wait: float) -> Iterator[list[FleetSample]]:
        while True:
            batch: list[FleetSample] = []
            self._gathering = batch
            try:
                batch.append(self.get())
                until = time.monotonic() + max_wait
                with contextlib.suppress(ReadTimeoutError, EndOfStreamError):
                    while len(batch) < batch_size:
                        batch.append(self.get(max(0.0, until - time.monotonic())))
            except EndOfStreamError:
                return
            except BaseException:
                self._back.extendleft(reversed(batch))  # returned by the next call
                raise
            finally:
                self._gathering = None
            yield batch

    def close(self) -> None:
        """Closes the reader. Discards its results, unless it has a name and can be resumed. Idempotent."""
        self._check_process()
        if self._results.close():
            self._on_close(self._results)

    def __reduce__(self) -> Any:
        """Raises: a reader cannot be pickled, because it belongs to its fleet's program."""
        raise FreshframeError("a FleetReader cannot be pickled: it belongs to its fleet's program")


class _AsTheyArrive:
    """``async for`` over a reader. The event loop is not blocked while there is no result."""

    def __init__(self, reader: FleetReader, results: Results) -> None:
        self._reader = reader
        self._results = results

    def __aiter__(self) -> _AsTheyArrive:
        return self

    async def __anext__(self) -> FleetSample:
        """Returns the next result. Nothing is awaited after taking it, so cancelling loses none."""
        try:
            sample = self._reader.poll()
            return sample if sample is not None else await self._later()
        except EndOfStreamError:
            raise StopAsyncIteration from None

    async def _later(self) -> FleetSample:
        with fork.loading():
            import asyncio  # noqa: PLC0415  (programs without an event loop need not load it)

        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the event loop was closed in the meantime
                loop.call_soon_threadsafe(news.set)

        with self._results.notify(wake):
            while (sample := self._reader.poll()) is None:
                await news.wait()
                news.clear()
            return sample
