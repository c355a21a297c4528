"""A node of the graph, with all that another node in its place has to fit."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch import Batch
    from .place import Place
    from .port import Port
    from .slot import Slot


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the graph.

    Attributes:
        place: Where it works, and where another one may take over.
        ports: Its parents; connect() and disconnect() change them.
        types: What the node that was added takes and gives.
        batch: Of add().
        joined: Whether it gets sets of samples.
    """

    place: Place | Slot
    ports: list[Port[Any]]
    types: tuple[Any, Any]
    batch: Batch | None
    joined: bool

    def drop(self, goes: Callable[[Port[Any]], bool]) -> None:
        """Takes ports away. Beside another thread that adds some or takes them away."""
        for port in list(self.ports):
            if goes(port):
                with contextlib.suppress(ValueError):
                    self.ports.remove(port)
