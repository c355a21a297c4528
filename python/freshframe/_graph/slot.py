"""The place of a Python node in a running graph, where another one may take over."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from typing import Any

from .._errors import StateError


class _Offer:
    """A node that has opened and waits for its turn."""

    __slots__ = ("done", "error", "node")

    def __init__(self, node: Any) -> None:
        self.node = node
        self.error: BaseException | None = None
        self.done = threading.Event()


class Slot:
    """Holds the node that works.

    Attributes:
        node: The node, which only its own thread changes.
        takes_values: It is a function and gets values, not samples.
        batched: It gets lists.
        joined: It gets sets.
    """

    __slots__ = ("_ended", "_lock", "_offer", "batched", "joined", "node", "takes_values")

    def __init__(self, node: Any, *, takes_values: bool, batched: bool, joined: bool) -> None:
        """Of a node that was added."""
        self.node = node
        self.takes_values = takes_values
        self.batched = batched
        self.joined = joined
        self._lock = threading.Lock()
        self._offer: _Offer | None = None
        self._ended = False

    def offer(self, node: Any, name: str) -> _Offer:
        """The node takes over at the next swap().

        Raises:
            StateError: The present one has ended, or is being replaced.
        """
        with self._lock:
            if self._ended:
                raise StateError(f"{name!r} has ended: nothing was replaced")
            if self._offer is not None:
                raise StateError(f"{name!r} is being replaced by another call")
            self._offer = _Offer(node)
            return self._offer

    def swap(self) -> Any:
        """On the node's thread, between two calls: the node that works from now on."""
        with self._lock:
            offer, self._offer = self._offer, None
        if offer is None:
            return self.node
        old, self.node = self.node, offer.node
        _close(old, offer, takes_values=self.takes_values)
        return self.node

    def end(self) -> None:
        """The node has closed, or its thread has not begun."""
        with self._lock:
            self._ended = True
            offer, self._offer = self._offer, None
        if offer is not None:
            offer.error = StateError("the node has ended: nothing was replaced")
            _close(offer.node, offer, takes_values=self.takes_values)


def _close(node: Any, offer: _Offer, *, takes_values: bool) -> None:
    try:
        if not takes_values:
            node.close()
    except BaseException as error:  # replace() raises it
        offer.error = error
    finally:
        offer.done.set()
