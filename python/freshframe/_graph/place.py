"""The place of a native node in a graph, where another one may take over."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from typing import Any


class Place:
    """The node that works, or worked last. Thread-safe, without a lock: a signal's handler may ask, too.

    Attributes:
        nodes: The node that was added, and those that came by replace() and may take over or have. The engine
            knows which; those that it has decided about leave the list.
    """

    __slots__ = ("nodes",)

    def __init__(self, node: Any) -> None:
        """Makes the place of a node that was added."""
        self.nodes = [node]

    @property
    def node(self) -> Any:
        """The newest that has got the place."""
        known = tuple(self.nodes)
        decided = [True, *(each._handle.has_place for each in known[1:])]  # None: not yet
        newest = max(at for at, has_place in enumerate(decided) if has_place)
        for at, each in enumerate(known):
            if at < newest or decided[at] is False:
                with contextlib.suppress(ValueError):  # another thread was first
                    self.nodes.remove(each)
        return known[newest]
