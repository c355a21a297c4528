"""Another node takes the place of a running one: the checks, and the change of nodes in Python."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import _native
from .._errors import GraphError, StateError, StopTimeout
from . import value_types, wiring
from .contract import contract_of
from .nodes import Native, Node, Source
from .port import Port, has_packets, have_packets
from .slot import Offer, Slot

if TYPE_CHECKING:
    from .member import Member

_PACKETS = "its packets are taken, too"
_SLICE = 0.05  # seconds of a wait; a signal's handler runs between two


def _refused(name: str, why: str) -> GraphError:
    return GraphError(f"{name!r} cannot be replaced: {why}. remove() it and add() the other")


def check_port(port: Port[Any]) -> None:
    """Whether it is that of a node that add() has added.

    Raises:
        GraphError: It is that of a camera's packets.
    """
    if have_packets([port]):
        raise _refused(port.name, "it is an output of its camera")


def check(port: Port[Any], member: Member, node: Any, *, is_in_process: bool) -> None:
    """Whether the node is of the kind of the one whose place it is to take.

    Args:
        port: Of the place.
        member: The node there.
        node: The other one.
        is_in_process: It works in other processes.

    Raises:
        GraphError: It is not, or nodes of this kind cannot be replaced.
    """
    name, old = port.name, member.place.node
    if is_in_process:
        raise _refused(name, "it works in other processes")
    if isinstance(old, Native) is not isinstance(node, Native):
        one, other = ("native", "in Python") if isinstance(node, Native) else ("in Python", "native")
        raise _refused(name, f"{wiring.label(node)} is {one}, the node that is there {other}")
    if has_packets(port):
        raise _refused(name, _PACKETS)
    for each in (old, node):
        if isinstance(each, Source) and not isinstance(each, Native):
            raise _refused(name, "it is a source in Python")
        if (
            getattr(each, "_when_run_ends", None) is not None
            or hasattr(each, "_spool_counters")
            or (isinstance(each, Node) and wiring.records_to(each) is not None)
        ):
            raise _refused(name, "the file of a recorder would be cut")
    if isinstance(member.place, Slot):
        _check_alike(name, member.place, member, node)


@contextlib.contextmanager
def packets_stay(port: Port[Any]) -> Iterator[None]:
    """Meanwhile nobody asks for the packets of a camera. Another thread waits, and gets those of the new one.

    Raises:
        GraphError: A thread has asked for them since check().
    """
    lock = getattr(port.node, "_packet_lock", None)
    if lock is None:
        yield
        return
    with lock:
        if has_packets(port):
            raise _refused(port.name, _PACKETS)
        yield


def _check_alike(name: str, slot: Slot, member: Member, node: Any) -> None:
    """The other nodes see no difference between the two."""
    if member.joined:
        raise _refused(name, "it has a join")
    if slot.takes_values is isinstance(node, Node):
        raise _refused(name, "a Node takes the place of a Node, a function that of a function")
    old, new = member.types, value_types.node_types(node, batched=member.batch is not None)
    if not value_types.fits(old[0], new[0]) or not value_types.fits(new[1], old[1]):
        raise _refused(
            name,
            f"it takes {value_types.name(old[0])} and gives {value_types.name(old[1])}, but the node in its "
            f"place takes {value_types.name(new[0])} and gives {value_types.name(new[1])}",
        )
    before, after = contract_of(slot.node), contract_of(node)
    if before.gives_several != after.gives_several:
        several, one = (slot.node, node) if before.gives_several else (node, slot.node)
        raise _refused(
            name,
            f"{wiring.label(several)} gives several results per sample with yield, and {wiring.label(one)} "
            "at most one with return",
        )
    if (before.wake_every, before.finishes) != (after.wake_every, after.finishes):
        raise _refused(name, "the other has another on_time() or finish()")


def replace(engine: _native.Engine, index: int, name: str, slot: Slot, node: Any, timeout: float) -> None:
    """A node in Python takes the place of another one.

    Raises:
        StateError: The node has ended, or is being replaced.
        StopTimeout: It is still in a call.
    """
    wiring.claim(node)
    try:
        if not slot.takes_values:
            node.open()
    except BaseException:
        wiring.release(node)
        raise
    offer = Offer(node)
    is_left = False
    try:
        slot.offer(offer, name)
        engine.wake(index)
        is_left = (engine.on_node_thread or _wait(engine, index, offer, name, timeout)) and offer.leave()
    finally:
        if not is_left:
            try:
                _end(slot, offer)
            except BaseException:  # of a signal's handler, too: an offer that stays keeps all others away
                if not offer.is_closed:
                    _end(slot, offer)
                raise
    if not is_left and offer.old is None:
        raise StateError(f"{name!r} has ended: nothing was replaced")


def _wait(engine: _native.Engine, index: int, offer: Offer, name: str, timeout: float) -> bool:
    """Until it is decided; True: the node waits for room below, perhaps until the caller reads."""
    end = time.monotonic() + timeout
    was_blocked = False
    while not offer.is_decided:
        if offer.told.acquire(timeout=_SLICE):
            continue
        is_blocked = engine.is_blocked(index)
        if is_blocked and was_blocked:
            offer.is_left = True
            return True
        was_blocked = is_blocked
        if time.monotonic() >= end and offer.withdraw():
            raise StopTimeout(
                f"{name!r} is still in a call {timeout:g} s after replace(): nothing was replaced", [name]
            )
    return False


def _end(slot: Slot, offer: Offer) -> None:
    """Closes the node that is left over."""
    while not offer.withdraw() and not offer.is_decided:
        offer.told.acquire(timeout=_SLICE)
    slot.end_offer(offer)
    left_over = offer.node if offer.old is None else offer.old
    offer.is_closed = True
    slot.close(left_over)
