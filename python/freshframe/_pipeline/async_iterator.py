"""``async for`` over a reader: native threads wake the event loop through a descriptor, without the GIL."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from .._errors import EndOfStreamError, FreshframeError, StateError
from .._interpreter import fork
from . import interrupts

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, TimerHandle
    from collections.abc import Callable

    from .._native import Reader, Sample


_STALL_CHECK_INTERVAL = 0.5  # seconds

_awaited: weakref.WeakSet[Reader[Any]] = weakref.WeakSet()


class ReaderIterator:
    """Takes samples as they arrive. One wake-up of the event loop may deliver any number. Safe to cancel.

    It also ends on SIGINT or SIGTERM, even while no sample arrives, because a server then waits for its
    handlers to finish.
    """

    def __init__(self, reader: Reader[Any]) -> None:
        self._reader = reader
        self._fd = reader._wake_fd()
        self._check: TimerHandle
        self._ended = False
        self._wait: tuple[AbstractEventLoop, Callable[[], None]] | None = None
        interrupts.follow(self)

    def end(self) -> None:
        """Makes the iterator end soon. Called from a signal handler."""
        self._ended = True
        if self._wait is not None:
            loop, wake = self._wait
            loop.call_soon_threadsafe(wake)

    def _check_later(self, loop: AbstractEventLoop, ready: Future[None]) -> None:
        interrupts.look()  # the program may have installed another handler since

        def check() -> None:
            try:
                self._reader._check_stalled()
            except FreshframeError as error:
                if not ready.done():
                    ready.set_exception(error)
            else:
                self._check_later(loop, ready)

        self._check = loop.call_later(_STALL_CHECK_INTERVAL, check)

    def __aiter__(self) -> ReaderIterator:
        return self

    async def __anext__(self) -> Sample[Any]:
        """Returns the next sample.

        Raises:
            StopAsyncIteration: The stream has ended, or a signal asked the program to end.
            NodeError: A node failed.
            StalledError: The pipeline is stuck because nobody reads from another reader with a blocking
                queue.
        """
        while True:
            if self._ended:
                raise StopAsyncIteration
            self._reader._reset_wake()
            try:
                sample = self._reader._take()
            except EndOfStreamError:
                raise StopAsyncIteration from None
            if sample is not None:
                return sample
            self._reader._arm(True)
            await self._readable()

    async def _readable(self) -> None:
        if self._reader in _awaited:
            raise StateError(
                f"reader {self._reader.name!r} is awaited by two tasks at the same time: give each task its "
                "own reader"
            )
        with fork.explaining(), fork.loading():
            import asyncio  # noqa: PLC0415  (programs without an event loop need not load it)

        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        within = self._reader._look_within()
        look = None if within is None else loop.call_later(within, wake)
        loop.add_reader(self._fd, wake)
        self._check_later(loop, ready)
        _awaited.add(self._reader)
        self._wait = loop, wake
        if self._ended:  # by a signal that arrived since the check in __anext__()
            wake()
        try:
            await ready
        finally:
            self._wait = None
            self._check.cancel()
            if look is not None:
                look.cancel()
            _awaited.discard(self._reader)
            self._reader._arm(False)
            loop.remove_reader(self._fd)
