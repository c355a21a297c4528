"""What a controller keeps for the next one of its fleet, and the receipts for it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Protocol

from ..agents.link import Link


class Kept(Protocol):
    """The kept state of a controller. Changes have numbers; an older change is kept before a newer one."""

    @property
    def term(self) -> int:
        """Above the terms of all earlier controllers."""

    def change(self) -> int:
        """The state has changed: the number of this change."""

    def is_written(self, change: int) -> bool:
        """Whether the next controller would know of a change."""

    def wait(self, change: int) -> None:
        """Until the next controller would know of a change.

        Raises:
            StateError: That takes too long. It is tried again.
        """

    def close(self) -> None:
        """The controller has ended."""

    def forget_in_child(self) -> None:
        """In a forked child."""


class Receipts:
    """Receipts for what agents repeat until the next controller, too, would know of it.

    By the controller's thread, with its lock.
    """

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
