"""What a controller keeps for the next one of its fleet."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Protocol


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
