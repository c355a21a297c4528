"""A detached fleet for `./dev test-fleet --check --detached`: its controller and its guards are processes.

There is no Ray. The store of the controller is a folder, and a thread starts the controller again whenever it
has ended, as Ray starts its actor.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from fleet_rigs.detached import AWAY, Yard

_LOOK_EVERY = 0.05  # seconds
_RESTART_AFTER = 0.5  # seconds
_END_TIMEOUT = 30.0  # seconds for a controller that has a successor
_ORPHAN_AFTER = 300.0  # seconds that agents live without a controller
_GRACE = 60.0  # seconds in which a program without a connection keeps its readers


class KeptYard:
    """Stands in for Controller of faults.py."""

    def __init__(self, folder: Path, agents: int) -> None:
        """Starts it, in a new folder."""
        folder.mkdir()
        self.folder = folder
        self._lock = threading.Lock()
        self._ended = threading.Event()
        nodes = tuple(f"node{number}" for number in range(agents))
        self._yard = Yard(folder, nodes, _ORPHAN_AFTER, _GRACE)
        self._watch = threading.Thread(target=self._restart, name="controller's restarts", daemon=True)
        self._watch.start()

    def _restart(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            with self._lock:
                status = self._yard.controller.poll()
            if status == 0:  # the fleet was shut down
                return
            if status is not None and not self._ended.wait(_RESTART_AFTER):
                with self._lock:
                    self._yard.start_controller()

    @property
    def pid(self) -> int:
        """Returns the process id of the controller."""
        with self._lock:
            return self._yard.controller.pid

    def replace(self, seconds: float) -> None:
        """The old one stands still at a moment that it did not choose, and finds that it has a successor."""
        with self._lock:
            old = self._yard.controller
            old.send_signal(signal.SIGSTOP)
            self._yard.start_controller()
        time.sleep(seconds)
        old.send_signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            old.wait(_END_TIMEOUT)
            return
        old.kill()
        raise AssertionError(f"a controller that has a successor has not ended within {_END_TIMEOUT:g} s")

    def lose_store(self, seconds: float, *, killed: bool) -> None:
        """While it does not answer, no controller can begin."""
        away = self.folder / AWAY
        away.touch()
        if killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        time.sleep(seconds)
        away.unlink()

    def close(self) -> None:
        """Ends all processes."""
        self._ended.set()
        self._watch.join()
        self._yard.end()


@contextlib.contextmanager
def kept_yard(folder: Path, agents: int, *, detached: bool) -> Iterator[KeptYard | None]:
    """Yields the yard of a detached fleet; a local one has none."""
    if not detached:
        yield None
        return
    yard = KeptYard(folder, agents)
    try:
        yield yard
    finally:
        yard.close()
