"""The single native watch of a process: its threads, and its listeners.

freshframe and gil-budget may be loaded into one process. Reading the interpreter's records twice would double
the cost, so the one that starts second listens to the watch of the first.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .code_places import LIBRARIES

if TYPE_CHECKING:
    from gil_budget import _gil

RawStall = tuple[Any, ...]
"""A stall as the native watch returns it; stalls.make_stall() reads it."""

# The attribute of `sys` through which both distributions find the process's watch. The number changes with
# Running's methods or RawStall.
_NAME = "_gil_watch_1"


def find_running() -> Running | None:
    """Returns the watch that is running in this process, whichever distribution started it."""
    return getattr(sys, _NAME, None)


class Running:
    """A native watch and the Python thread that asks for the GIL on its behalf. Thread-safe."""

    def __init__(self, native: Any, threshold: float, options: dict[str, Any]) -> None:
        """Starts the watch.

        `native`: the module from interpreter.native_module(). GIL: released while waiting.
        """
        self._native: _gil.Watch = native.Watch(threshold, **options)
        self._on_collection: Callable[[str, dict[str, int]], None] = native.on_collection
        self._own_threshold = threshold
        self._changed = threading.Condition()
        self._served = 0  # stalls that all listeners have received; guarded by _changed
        self._listeners: dict[object, tuple[float, Callable[[RawStall], None]]] = {}  # guarded by _changed
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="freshframe gil probe", daemon=True)
        self._thread.start()
        try:
            self._ready.wait()
            self._native.start(self._thread.ident or 0, list(LIBRARIES))
        except BaseException:
            self._native.stop()  # the thread in serve() then ends, too
            raise
        gc.callbacks.append(self._on_collection)
        setattr(sys, _NAME, self)

    def listen(self, threshold: float, take: Callable[[RawStall], None]) -> Callable[[], None]:
        """Calls `take` with each stall of `threshold` seconds or more, on the watch's thread.

        If the threshold is shorter than the watch's own, the watch samples more often until the listener is
        removed.

        Returns:
            A function that removes the listener.
        """
        key = object()
        with self._changed:
            self._listeners[key] = (threshold, take)
            self._look_closely_enough()

        def leave() -> None:
            with self._changed:
                if self._listeners.pop(key, None) is not None:
                    self._look_closely_enough()

        return leave

    def settle(self, timeout: float) -> bool:
        """Waits until the listeners have received all stalls that have ended.

        If there is no current or undelivered stall, this only reads two numbers.

        Returns:
            False if that took longer than `timeout` seconds.
        GIL: released while waiting.
        """
        kept = self._native.settle(timeout)
        if kept is None:
            return False
        if kept <= self._served:
            return True
        with self._changed:
            return self._changed.wait_for(lambda: self._served >= kept, timeout)

    def saw_all_since(self, moment: float) -> bool:
        """Returns True if the watch has been sampling without a gap since this time.monotonic().

        False means that it did not get a CPU for as long as the threshold, and may have missed a stall.
        """
        return self._native.blind_until() < moment

    def stop(self) -> None:
        """Ends the threads. Idempotent. GIL: released while waiting."""
        if find_running() is self:
            delattr(sys, _NAME)
        self._hear_no_collections()
        self._native.stop()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def abandon(self) -> None:
        """Called in a forked child, where the threads do not exist."""
        if find_running() is self:
            delattr(sys, _NAME)
        self._changed = threading.Condition()
        self._listeners = {}
        self._hear_no_collections()
        self._native.abandon()

    def _hear_no_collections(self) -> None:
        with contextlib.suppress(ValueError):  # already removed, or the program has cleared gc.callbacks
            gc.callbacks.remove(self._on_collection)

    @property
    def lost(self) -> int:
        """The number of stalls that could not be recorded for lack of time or memory."""
        return self._native.lost()

    def summary(self, most: int | None = None) -> tuple[int, float, list[tuple[Any, ...]]]:
        """Returns the number of stalls, their total seconds, and the culprits, worst first."""
        return self._native.summary() if most is None else self._native.summary(most)

    def _look_closely_enough(self) -> None:
        self._native.set_threshold(
            min([self._own_threshold, *(limit for limit, _ in self._listeners.values())])
        )

    def _serve(self) -> None:
        self._ready.set()
        while (stalls := self._native.serve()) is not None:
            with self._changed:
                listeners = list(self._listeners.values())
            for raw in stalls:
                for threshold, take in listeners:
                    if raw[0] >= threshold:
                        take(raw)
            with self._changed:
                self._served += len(stalls)
                self._changed.notify_all()
