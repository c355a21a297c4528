"""The Ray actor of a fleet: a guard and nothing else. Imported by Ray's workers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

from ._guard import Guard


class RayGuard:
    """One for each machine. It lives as long as its process."""

    def __init__(self, address: tuple[str, int], token: bytes, node: str) -> None:
        """Connects to the program."""
        self._guard = Guard(address, token, node)
        self._thread = threading.Thread(target=self._guard.run, name="guard", daemon=True)
        self._thread.start()

    def is_there(self) -> bool:
        """That it was made."""
        return self._thread.is_alive()
