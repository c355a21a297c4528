"""Windows on the process's only watch: each receives the holds while it is open."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable

from ._gil_watch.interpreter import native_module
from ._gil_watch.running import RawStall, Running, find_running
from ._gil_watch.stalls import make_stall
from .holds import Hold, make_hold
from .limits import MOST

LONGEST_SETTLE = 0.25
"""Seconds. Longer than the watch was ever late on a machine with twice as many busy processes as cores."""

_lock = threading.Lock()
_own: Running | None = None  # the watch that this package started; guarded by _lock
_users = 0  # number of open windows on `_own`; guarded by _lock


class Window:
    """Receives all holds of at least a limit, in all threads. Thread-safe."""

    def __init__(self, limit: float, take: Callable[[Hold], object]) -> None:
        """Opens the window. The first one in the process starts the watch, which takes 10 to 30 ms.

        Args:
            limit: Seconds.
            take: Called with each Hold, on the watch's thread.

        Raises:
            Unsupported: This interpreter is not supported.
        GIL: released while waiting.
        """
        self._take = take
        self._running = _begin()
        self._leave = self._running.listen(limit, self._hear)
        self._process = os.getpid()
        self._open = True

    def set_limit(self, limit: float) -> None:
        """Changes the limit, starting with the next sample of the watch."""
        leave = self._leave
        self._leave = self._running.listen(limit, self._hear)
        leave()

    def settle(self, timeout: float = LONGEST_SETTLE) -> bool:
        """Waits until `take` has received all holds that have ended. Returns False on timeout.

        GIL: released while waiting.
        """
        if os.getpid() != self._process:  # a forked child, which is not watched
            return True
        return self._running is find_running() and self._running.settle(timeout)

    def saw_all_since(self, moment: float) -> bool:
        """Returns True if the watch has been sampling without a gap since `moment` (time.monotonic()).

        Returns False if there was a gap of at least the limit or an unclear observation, so that a hold may
        have been missed.
        """
        return os.getpid() != self._process or self._running.saw_all_since(moment)

    def close(self) -> None:
        """Closes the window; the last one stops the watch. Idempotent. GIL: released while waiting."""
        if not self._open or os.getpid() != self._process:
            return
        self._open = False
        self._leave()
        _end(self._running)

    def _hear(self, raw: RawStall) -> None:
        hold = make_hold(make_stall(raw))
        if hold is not None:
            self._take(hold)


def _begin() -> Running:
    global _own, _users  # noqa: PLW0603
    native = native_module()
    with _lock:
        running = find_running()
        if running is None:
            # The largest limit, so that nothing is reported until a window sets its own.
            running = _own = Running(native, MOST, {"calls_only": True})
            _users = 0
        if running is _own:
            _users += 1
        return running


def _end(running: Running) -> None:
    global _own, _users  # noqa: PLW0603
    with _lock:
        if running is not _own:
            return
        _users -= 1
        if _users == 0:
            _own = None
            running.stop()


def _forked() -> None:
    """Resets a forked child, which does not have the watch's threads."""
    global _lock, _own, _users  # noqa: PLW0603
    _lock = threading.Lock()
    if _own is not None:
        _own.abandon()
    _own, _users = None, 0


os.register_at_fork(after_in_child=_forked)


@atexit.register
def _stop_at_exit() -> None:
    if _own is not None:
        _own.stop()
