"""A thread that stores the state of a detached fleet's controller, and looks for newer controllers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable

from .._control.loop import boot_time
from .cluster_state import ClusterState

_LOOK_EVERY = 1.0  # seconds between two looks at the term


class StateWriter:
    """Changes have numbers. One is written when the store has the state of its moment."""

    def __init__(self, write: Callable[[], bool], *, superseded: Callable[[], None]) -> None:
        """Changes may come before it is started.

        Args:
            write: Writes the state; raises OSError when the store does not answer. False: another controller
                has taken over, and may not have read it.
            superseded: Called when another controller has taken over.
        """
        self._write = write
        self.on_written: Callable[[], None] = lambda: None  # called after a write
        self.on_error: Callable[[], None] = lambda: None  # with an OSError in flight; it is tried again
        self._superseded = superseded
        self._changed = threading.Condition()
        self._changes = 0
        self._written = 0
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.looked_at = 0.0  # before the latest look that found no newer term

    def start(self, kept: ClusterState, looked_at: float, name: str) -> None:
        """Begins to write. ``kept`` has looked at the terms since then."""
        self.looked_at = looked_at
        self._thread = threading.Thread(target=self._run, args=(kept,), name=name, daemon=True)
        self._thread.start()

    def change(self) -> int:
        """Something has changed: the number of this change."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()
            return self._changes

    def is_written(self, change: int) -> bool:
        """Whether the store has it."""
        with self._changed:
            return self._written >= change

    def wait(self, change: int, patience: float) -> bool:
        """Until the store has it, or this has been stopped; false: neither."""
        with self._changed:
            return self._changed.wait_for(lambda: self._written >= change or self._stopped, patience)

    def _run(self, kept: ClusterState) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._written < self._changes or self._stopped, _LOOK_EVERY)
                if self._stopped:
                    return
                changes, written = self._changes, self._written
            try:
                now = boot_time()
                if not kept.is_latest:
                    self._superseded()
                    return
                self.looked_at = now
                if written < changes and not self._write():
                    self._superseded()
                    return
            except OSError:
                self.on_error()
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, _LOOK_EVERY)
                continue
            with self._changed:
                self._written = changes
                self._changed.notify_all()
            if written < changes:
                self.on_written()

    def stop(self) -> None:
        """Writes no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
