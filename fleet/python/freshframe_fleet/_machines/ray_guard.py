"""The Ray actor of a fleet: the guards of a machine and nothing else. Imported by Ray's workers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence

from .guard import Guard

_ALONE = 600.0  # seconds
_TRY_AGAIN = 5.0  # seconds: the cluster's head may not answer


def patience_without_controller(orphan_after: float) -> float:
    """Seconds without a controller after which a guard that outlives one ends itself.

    So long a controller is started again and again: a later one would find nothing.
    """
    return max(_ALONE, 2 * orphan_after)


class RayGuard:
    """One process for each machine, with a guard for each of its agents. It ends with the last of them."""

    def __init__(
        self,
        address: tuple[str, int],
        token: bytes,
        stations: Sequence[str],
        outlives: bool,
        orphan_after: float,
    ) -> None:
        """Connects to the program. ``stations``: the program's names of the agents' places."""
        self._guards = [
            Guard(address, token, station, orphan_after=orphan_after, outlives=outlives)
            for station in stations
        ]
        self._serving = list(self._guards)  # those without an order to leave
        self._lock = threading.Lock()  # guards the list
        self._patience = patience_without_controller(orphan_after)
        self._threads = [
            threading.Thread(target=self._run, args=(guard,), name="guard", daemon=True)
            for guard in self._guards
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, guard: Guard) -> None:
        try:
            guard.run(self._is_abandoned)
        finally:
            with self._lock:
                self._serving.remove(guard)
                is_last = not self._serving
        if is_last:
            end_this_actor()

    def _is_abandoned(self) -> bool:
        with self._lock:
            return all(guard.alone > self._patience for guard in self._serving)

    def is_there(self) -> bool:
        """Returns whether a guard runs, and with it that the actor was made."""
        return any(thread.is_alive() for thread in self._threads)

    def go_to(self, address: tuple[str, int]) -> None:
        """The controller is there now."""
        for guard in self._guards:
            guard.go_to(address)


def end_this_actor() -> None:
    """Ends the actor that this process is, for good. The end of the process alone would start it again."""
    import ray  # noqa: PLC0415

    while True:
        with contextlib.suppress(Exception):  # it is tried again, until this process has ended
            ray.kill(ray.get_runtime_context().current_actor, no_restart=True)
        time.sleep(_TRY_AGAIN)
