"""The place of a node in Python in a running graph, where another one may take over."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import threading
from typing import Any

from .._errors import StateError

_log = logging.getLogger("freshframe")


class Offer:
    """A node that has opened and waits for its turn.

    Attributes:
        decided: Set when it has taken the place, or the node before it has ended.
        old: The node that was there; None: it has not taken the place.
    """

    __slots__ = ("decided", "is_awaited", "node", "old")

    def __init__(self, node: Any, is_awaited: bool) -> None:
        """``is_awaited``: the caller closes the node that is left over."""
        self.node = node
        self.is_awaited = is_awaited
        self.old: Any = None
        self.decided = threading.Event()


class Slot:
    """Holds the node that works.

    Attributes:
        node: The node. Its own thread changes it.
        takes_values: It is a function and gets values, not samples.
        batched: It gets lists.
        joined: It gets sets.
    """

    __slots__ = ("_has_ended", "_lock", "_offer", "batched", "joined", "node", "takes_values")

    def __init__(self, node: Any, *, takes_values: bool, batched: bool, joined: bool) -> None:
        """Of a node that was added."""
        self.node = node
        self.takes_values = takes_values
        self.batched = batched
        self.joined = joined
        self._lock = threading.Lock()
        self._offer: Offer | None = None
        self._has_ended = False

    def offer(self, node: Any, name: str, is_awaited: bool) -> Offer:
        """The node takes over at the next take().

        Raises:
            StateError: The present one has ended, or is being replaced.
        """
        with self._lock:
            if self._has_ended:
                raise StateError(f"{name!r} has ended: nothing was replaced")
            if self._offer is not None:
                raise StateError(f"{name!r} is being replaced by another call")
            self._offer = Offer(node, is_awaited)
            return self._offer

    def withdraw(self, offer: Offer) -> None:
        """It no longer takes over, unless it has."""
        with self._lock:
            if self._offer is offer:
                self._offer = None

    def take(self) -> Any:
        """On the node's thread, between two calls: the node that works from now on."""
        with self._lock:
            offer, self._offer = self._offer, None
            if offer is not None:
                offer.old, self.node = self.node, offer.node
        if offer is not None:
            self._decide(offer, offer.old)
        return self.node

    def end(self) -> None:
        """The node has closed, or its thread has not begun."""
        with self._lock:
            self._has_ended = True
            offer, self._offer = self._offer, None
        if offer is not None:
            self._decide(offer, offer.node)

    def _decide(self, offer: Offer, left_over: Any) -> None:
        offer.decided.set()
        if offer.is_awaited or self.takes_values:
            return
        try:
            left_over.close()
        except Exception:
            _log.exception("replace(): close() of %s failed", type(left_over).__name__)
