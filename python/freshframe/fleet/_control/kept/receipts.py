"""Receipts for what agents repeat until the next controller, too, would know of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ..agents.link import Link
from .kept import Kept


class Receipts:
    """By the controller's thread, with its lock."""

    def __init__(self, kept: Kept) -> None:
        """Begins without receipts."""
        self._kept = kept
        self._owed: dict[tuple[Link, bytes], int] = {}  # messages, and the changes that they confirm

    def owe(self, link: Link, message: bytes) -> None:
        """Sends a message to an agent once the present state is kept."""
        self._owed[link, message] = self._kept.change()

    def repeat(self, link: Link, message: bytes) -> None:
        """Sends the receipt of a state that was kept before, unless the agent was too early."""
        if (link, message) not in self._owed:
            link.send(message)

    def send(self) -> None:
        """Those whose changes are kept by now."""
        for (link, message), change in list(self._owed.items()):
            if self._kept.is_written(change):
                del self._owed[link, message]
                link.send(message)

    def forget(self, link: Link) -> None:
        """Forgets an agent whose process has ended."""
        self._owed = {owed: change for owed, change in self._owed.items() if owed[0] is not link}
