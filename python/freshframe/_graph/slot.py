"""The place of a node in Python in a running graph, where another one may take over."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import threading
from typing import Any

from .._errors import StateError
from . import wiring

_log = logging.getLogger("freshframe")

# The thread of the node and that of replace() decide by dict.setdefault(), of which one finds its own mark. A
# lock could be held by the very code that a signal's handler has interrupted, which may call replace(), too.


class Offer:
    """A node that has opened and waits for its turn.

    Attributes:
        node: The node.
        old: The node that was there; None: it has not taken the place.
        is_decided: It has taken the place, or the node before it has ended.
        is_closed: What was left over was closed, or its close() has begun.
        told: A lock that is released then.
        is_left: Nothing but the end of the node before keeps it from the place, and its caller has gone.
    """

    __slots__ = ("_is_withdrawn", "_marks", "is_closed", "is_decided", "is_left", "node", "old", "told")

    def __init__(self, node: Any) -> None:
        """Not yet given to a slot."""
        self.node = node
        self.old: Any = None
        self.is_decided = False
        self.is_left = False
        self.is_closed = False
        self._is_withdrawn = False
        self._marks: dict[str, object] = {}
        self.told = threading.Lock()
        self.told.acquire()

    def decide(self) -> bool:
        """Returns True once: the caller then says whether the node takes the place."""
        return self._is_first("decision")

    def withdraw(self) -> bool:
        """For replace(): True: it does not take the place."""
        self._is_withdrawn = self._is_withdrawn or self.decide()
        return self._is_withdrawn

    def leave(self) -> bool:
        """Returns True if the other thread ends the offer, and closes the node that is left over."""
        return self._is_first("end")

    def _is_first(self, what: str) -> bool:
        mark = object()
        return self._marks.setdefault(what, mark) is mark


class Slot:
    """Holds the node that works.

    Attributes:
        takes_values: It is a function and gets values, not samples.
    """

    __slots__ = ("_has_ended", "_node", "_offers", "takes_values")

    def __init__(self, node: Any, *, takes_values: bool) -> None:
        """Makes the slot of a node that was added."""
        self._node = node  # its own thread changes it
        self.takes_values = takes_values
        self._offers: dict[str, Offer | None] = {}  # the present one; None: no other comes
        self._has_ended = False

    @property
    def node(self) -> Any:
        """The node that works, or is the next to."""
        offer = self._offers.get("present")
        return offer.node if offer is not None and offer.is_left else self._node

    def offer(self, offer: Offer, name: str) -> None:
        """The node takes over at the next take(). end_offer() follows.

        Raises:
            StateError: The present one has ended, or is being replaced.
        """
        present = self._offers.setdefault("present", offer)
        if present is None or self._has_ended:
            raise StateError(f"{name!r} has ended: nothing was replaced")
        if present is not offer:
            raise StateError(f"{name!r} is being replaced by another call")

    def end_offer(self, offer: Offer) -> None:
        """Ends an offer that is decided: another one may come."""
        if self._offers.get("present") is offer:  # then nobody else removes it
            del self._offers["present"]

    def take(self) -> Any:
        """On the node's thread, between two calls: the node that works from now on."""
        offer = self._offers.get("present")
        if offer is not None and offer.decide():
            offer.old, self._node = self._node, offer.node
            self._end(offer, offer.old)
        return self._node

    def end(self) -> None:
        """The node has closed, or its thread has not begun."""
        self._has_ended = True
        offer = self._offers.setdefault("present", None)
        if offer is not None and offer.decide():
            self._end(offer, offer.node)

    def close(self, node: Any) -> None:
        """Closes a node that has not got the place, or had it. It may be added again."""
        try:
            if not self.takes_values:
                node.close()
        finally:
            wiring.release(node)

    def _end(self, offer: Offer, left_over: Any) -> None:
        is_callers = offer.leave()
        offer.is_decided = True
        offer.told.release()
        if is_callers:
            return
        self.end_offer(offer)
        try:
            self.close(left_over)
        except Exception:
            _log.exception("replace(): close() of %s failed", type(left_over).__name__)
