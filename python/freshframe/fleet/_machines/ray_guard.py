"""The Ray actor of a fleet: a guard and nothing else. Imported by Ray's workers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

from .guard import Guard

_ALONE = 600.0  # seconds without a controller after which a guard that outlives one ends itself, at least


class RayGuard:
    """One for each machine. It lives as long as its process."""

    def __init__(
        self, address: tuple[str, int], token: bytes, node: str, outlives: bool, orphan_after: float
    ) -> None:
        """Connects to the program."""
        self._guard = Guard(address, token, node, orphan_after=orphan_after, outlives=outlives)
        self._patience = max(_ALONE, 2 * orphan_after)
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._guard.run(lambda: self._guard.alone > self._patience)
        if self._guard.alone > self._patience:
            import ray  # noqa: PLC0415

            ray.kill(ray.get_runtime_context().current_actor, no_restart=True)

    def is_there(self) -> bool:
        """That it was made."""
        return self._thread.is_alive()

    def go_to(self, address: tuple[str, int]) -> None:
        """The controller is there now."""
        self._guard.go_to(address)
