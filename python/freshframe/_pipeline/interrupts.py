"""`async for` over a reader ends where a server handles Ctrl-C and waits for its handlers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import signal
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Protocol

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Endable(Protocol):
    """An iterator that waits in an event loop."""

    def end(self) -> None:
        """Ends it soon. Called from a signal's handler."""


# By id(). A signal's handler may come while another thread adds one: it takes all references in one step.
_waiting: weakref.WeakValueDictionary[int, Endable] = weakref.WeakValueDictionary()


def follow(iterator: Endable) -> None:
    """Ends the iterator when SIGINT or SIGTERM arrives and the program handles it.

    A server such as uvicorn only notes the signal and waits for its handlers, which wait for the next sample.
    Without a handler, or with asyncio's own, the signal ends them anyway.
    """
    _waiting[id(iterator)] = iterator
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _SIGNALS:
        before = signal.getsignal(number)
        if callable(before) and not _ends_the_program(before):
            signal.signal(number, _Handler(before))


def _ends_the_program(handler: Callable[..., object]) -> bool:
    """Whether it raises or cancels, or is wrapped already."""
    if isinstance(handler, _Handler) or handler is signal.default_int_handler:
        return True
    owner = getattr(getattr(handler, "func", None), "__self__", None)  # of asyncio.Runner
    return type(owner).__module__.startswith("asyncio.")


class _Handler:
    """Ends all iterators, then does what the handler before it does."""

    def __init__(self, before: Callable[..., object]) -> None:
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> object:
        for reference in _waiting.valuerefs():
            if (iterator := reference()) is not None:
                iterator.end()
        return self._before(number, frame)
