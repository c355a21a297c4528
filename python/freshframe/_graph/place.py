"""The place of a node in the graph, where a replacement can take over."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _native
from . import wiring
from .node import Native, Node

if TYPE_CHECKING:
    from .port import Port

_log = logging.getLogger("freshframe")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A node that was added, or that replaces another.

    Attributes:
        node: The node.
        handle: The engine's handle of a replacement; None for the node that was added.
    """

    node: Any
    handle: _native.NodeHandle | None = None


class Place:
    """Keeps track of which node is running, or ran last, at a place of the graph. Thread-safe.

    `node` takes no lock, because a signal handler may ask for it.

    Attributes:
        changing: Held while a camera is replaced or its packets requested. Reentrant, for signal handlers.
        packets: The port of the camera's packets, if they were requested. It may have been removed since.
        entries: The node that was added, then its replacements. Only the engine knows which of them runs.
            Native nodes that do not run are dropped once the engine has decided. A Python node is dropped
            once it is closed, because the engine does not hold a reference to it.
    """

    __slots__ = ("changing", "entries", "packets")

    def __init__(self, node: Any) -> None:
        self.entries = [Entry(node)]
        self.changing = threading.RLock()
        self.packets: Port[Any] | None = None

    @property
    def node(self) -> Any:
        """The newest node that has taken over."""
        known = tuple(self.entries)
        decided = [True, *(each.handle and each.handle.has_place for each in known[1:])]  # None: undecided
        newest = max(at for at, has_place in enumerate(decided) if has_place)
        for at, each in enumerate(known):
            if isinstance(each.node, Native) and (at < newest or decided[at] is False):
                self._forget(each)
        return known[newest].node

    def forget(self, node: Any) -> None:
        """Drops a Python node that was replaced and closed, so that it may be added again."""
        for each in tuple(self.entries):
            if each.node is node:  # a function may be in the list twice
                self._forget(each)
                break
        wiring.release(node)  # last: from here on another thread may add it

    def close_and_log(self, node: Any) -> None:
        """Closes a Python node after a replacement. Logs exceptions, as no caller is waiting for them."""
        try:
            if isinstance(node, Node):
                node.close()
        except Exception:
            _log.exception("replace(): close() of %s failed", type(node).__name__)
        finally:
            self.forget(node)

    def _forget(self, entry: Entry) -> None:
        with contextlib.suppress(ValueError):  # another thread was faster
            self.entries.remove(entry)
