"""Another node takes the place of a running one: the checks, and the change of nodes in Python."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from .. import _native
from .._errors import GraphError, StateError
from . import value_types, wiring
from .contract import contract_of
from .nodes import Native, Node, Source
from .slot import Offer, Slot

_SLICE = 0.05  # seconds of a wait; a signal's handler runs between two


def _refused(name: str, why: str) -> GraphError:
    return GraphError(f"{name!r} cannot be replaced: {why}. remove() it and add() the other")


def check(name: str, old: Any, node: Any, *, is_in_process: bool) -> None:
    """Whether the node is of the kind of the one whose place it is to take.

    Raises:
        GraphError: It is not, or nodes of this kind cannot be replaced.
    """
    if is_in_process:
        raise _refused(name, "it works in other processes")
    if isinstance(old, Native) is not isinstance(node, Native):
        raise _refused(name, f"one of the two is native, the other, {wiring.label(node)}, is in Python")
    for each in (old, node):
        if getattr(each, "_packet_port", None) is not None:
            raise _refused(name, "its packets are taken, too")
        if isinstance(each, Source) and not isinstance(each, Native):
            raise _refused(name, "it is a source in Python")
        if (
            getattr(each, "_when_run_ends", None) is not None
            or hasattr(each, "_spool_counters")
            or (isinstance(each, Node) and wiring.records_to(each) is not None)
        ):
            raise _refused(name, "the file of a recorder would be cut")


def _check_alike(name: str, slot: Slot, node: Any) -> None:
    """The other nodes see no difference between the two."""
    if slot.joined:
        raise _refused(name, "it has a join")
    if slot.takes_values is isinstance(node, Node):
        raise _refused(name, "a Node takes the place of a Node, a function that of a function")
    old, new = (value_types.node_types(each, batched=slot.batched) for each in (slot.node, node))
    if not value_types.fits(old[0], new[0]) or not value_types.fits(new[1], old[1]):
        raise _refused(
            name,
            f"it takes {value_types.name(old[0])} and gives {value_types.name(old[1])}, but the node in its "
            f"place takes {value_types.name(new[0])} and gives {value_types.name(new[1])}",
        )
    before, after = contract_of(slot.node), contract_of(node)
    if before.gives_several != after.gives_several:
        raise _refused(name, "one of the two gives several results per sample, the other one")
    if (before.wake_every, before.finishes) != (after.wake_every, after.finishes):
        raise _refused(name, "the other has another on_time() or finish()")


def replace(engine: _native.Engine, index: int, name: str, slot: Slot, node: Any) -> None:
    """A node in Python takes the place of another one.

    Raises:
        GraphError: The two are not alike.
        StateError: The node has ended, or is being replaced.
    """
    engine.check_replaceable(index)
    _check_alike(name, slot, node)
    wiring.claim(node)
    try:
        if not slot.takes_values:
            node.open()
    except BaseException:
        wiring.release(node)
        raise
    awaited = not engine.on_node_thread
    try:
        offer = slot.offer(node, name, awaited)
    except BaseException:
        _close(slot, node)
        raise
    engine.wake(index)
    if awaited:
        _wait(slot, offer, name)


def _wait(slot: Slot, offer: Offer, name: str) -> None:
    try:
        while not offer.decided.wait(_SLICE):
            pass
    finally:
        slot.withdraw(offer)
        _close(slot, offer.node if offer.old is None else offer.old)
    if offer.old is None:
        raise StateError(f"{name!r} has ended: nothing was replaced")


def _close(slot: Slot, node: Any) -> None:
    if not slot.takes_values:
        node.close()
