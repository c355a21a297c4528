"""The place of a node in a graph, where another one may take over."""

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
    """A node that was added, or came by replace().

    Attributes:
        node: The node.
        handle: The engine's handle of a node that came by replace().
    """

    node: Any
    handle: _native.NodeHandle | None = None


class Place:
    """The node that works, or worked last. Thread-safe.

    `node` takes no lock: a signal's handler may ask, too.

    Attributes:
        changing: Held while a camera is replaced, or its packets are asked for. A signal's handler may, too.
        packets: The port of the camera's packets, if that was asked for. It may have been removed.
        entries: The node that was added, and nodes that came by replace() and may take over or have. The
            engine knows which. A native node that it has decided about leaves the list; one in Python, which
            the engine borrows from here, leaves it when it has closed.
    """

    __slots__ = ("changing", "entries", "packets")

    def __init__(self, node: Any) -> None:
        """Makes the place of a node that was added."""
        self.entries = [Entry(node)]
        self.changing = threading.RLock()
        self.packets: Port[Any] | None = None

    @property
    def node(self) -> Any:
        """The newest that has got the place."""
        known = tuple(self.entries)
        decided = [True, *(each.handle and each.handle.has_place for each in known[1:])]  # None means not yet
        newest = max(at for at, has_place in enumerate(decided) if has_place)
        for at, each in enumerate(known):
            if isinstance(each.node, Native) and (at < newest or decided[at] is False):
                self._forget(each)
        return known[newest].node

    def forget(self, node: Any) -> None:
        """A node in Python that a replacement has left over is closed. It may be added again."""
        for each in tuple(self.entries):
            if each.node is node:  # a function may be there twice
                self._forget(each)
                break
        wiring.release(node)  # last: from here on another thread may add it

    def close_and_log(self, node: Any) -> None:
        """Closes a node in Python that a replacement leaves over, where no caller waits for an exception."""
        try:
            if isinstance(node, Node):
                node.close()
        except Exception:
            _log.exception("replace(): close() of %s failed", type(node).__name__)
        finally:
            self.forget(node)

    def _forget(self, entry: Entry) -> None:
        with contextlib.suppress(ValueError):  # another thread was first
            self.entries.remove(entry)
