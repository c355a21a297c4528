"""Ends `async for` loops over readers on Ctrl-C if a server handles the signal and waits for its handlers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import signal
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Protocol

_SIGINT = int(signal.SIGINT)
_SIGTERM = int(signal.SIGTERM)
# The C function: signal.getsignal() also looks up an enum member, which is slower.
_handler_of: Callable[[int], object] = importlib.import_module("_signal").getsignal
_settled: tuple[object, object] = (None, None)  # handlers that are already wrapped or need no wrapping


class Endable(Protocol):
    """An iterator that waits in an event loop."""

    def end(self) -> None:
        """Requests the end, without waiting for it. Called from a signal handler."""


# Keyed by id(). A signal handler may run while another thread adds one, so it copies the references in one
# operation.
_waiting: weakref.WeakValueDictionary[int, Endable] = weakref.WeakValueDictionary()


def follow(iterator: Endable) -> None:
    """Ends the iterator when SIGINT or SIGTERM arrives and the program handles it.

    A server such as uvicorn only records the signal and waits for its request handlers, which may be waiting
    for the next sample. Without a handler, or with asyncio's own, the signal ends them anyway.
    """
    _waiting[id(iterator)] = iterator
    look()


def look() -> None:
    """Wraps the handlers installed since the last call. Called at each wait, so it must be cheap."""
    global _settled  # noqa: PLW0603  (the handlers belong to the process)
    of_int, of_term = _settled
    if _handler_of(_SIGINT) is of_int and _handler_of(_SIGTERM) is of_term:
        return
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (_SIGINT, _SIGTERM):
        before = _handler_of(number)
        if callable(before) and not _ends_the_program(before):
            signal.signal(number, _Handler(before))
    _settled = _handler_of(_SIGINT), _handler_of(_SIGTERM)


def _ends_the_program(handler: Callable[..., object]) -> bool:
    """Returns True if the handler raises or cancels by itself, or is already wrapped."""
    if isinstance(handler, _Handler) or handler is signal.default_int_handler:
        return True
    owner = getattr(getattr(handler, "func", None), "__self__", None)  # set for asyncio.Runner
    return type(owner).__module__.startswith("asyncio.")


class _Handler:
    """Signal handler that ends all iterators, then calls the handler it replaced."""

    def __init__(self, before: Callable[..., object]) -> None:
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> object:
        for reference in _waiting.valuerefs():
            if (iterator := reference()) is not None:
                iterator.end()
        return self._before(number, frame)
