"""Replaces a running node: the checks, and the exchange of Python nodes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _native
from .._errors import GraphError
from . import value_types, wiring
from .member import hosted
from .node import Native, Node
from .place import Entry, Place
from .port import Port, find_place
from .read_contract import declared, find_contract
from .source import Source

if TYPE_CHECKING:
    from .member import Member


def _refused(name: str, why: str) -> GraphError:
    return GraphError(f"{name!r} cannot be replaced: {why}. remove() it and add() the new node")


def check(port: Port[Any], member: Member, node: Any, *, is_in_process: bool) -> None:
    """Checks that a node can replace another.

    Args:
        port: The port of the old node.
        member: The old node.
        node: The new node.
        is_in_process: Whether the old node runs in worker processes.

    Raises:
        GraphError: The nodes are of different kinds, or nodes of this kind cannot be replaced.
    """
    name, old = port.name, member.place.node
    if is_in_process:
        raise _refused(name, "it runs in worker processes")
    for each in (old, node):
        what = "it" if each is old else f"{wiring.label(each)!r}, the new node,"
        if isinstance(each, Source) and not isinstance(each, Native):
            raise _refused(name, f"{what} is a source written in Python")
        if declared(each).is_recorder or wiring.records_to(each) is not None:
            why = (
                "replacing it would split its file"
                if each is old
                else "a recorder cannot replace a running node"
            )
            raise _refused(name, f"{what} is a recorder, and {why}")
    if not (isinstance(old, Native) and isinstance(node, Native)):
        _check_alike(name, old, member, node)


def packets_stay(port: Port[Any]) -> contextlib.AbstractContextManager[object]:
    """Makes threads that ask for the camera's packets wait, so that they get those of the new camera."""
    return contextlib.nullcontext() if declared(port.node).packets is None else find_place(port).changing


def _check_alike(name: str, present: Any, member: Member, node: Any) -> None:
    """Checks that the nodes have the same interface, so that no other node notices the change."""
    if member.joined:
        raise _refused(name, "it has a join")
    old, new = member.types, value_types.node_types(node, batched=member.batch is not None)
    if not value_types.fits(old[0], new[0]) or not value_types.fits(new[1], old[1]):
        raise _refused(
            name,
            f"it takes {value_types.name(old[0])} and returns {value_types.name(old[1])}, but the new node "
            f"takes {value_types.name(new[0])} and returns {value_types.name(new[1])}",
        )
    before, after = find_contract(present), find_contract(node)
    if before.gives_several != after.gives_several:
        several, one = (present, node) if before.gives_several else (node, present)
        raise _refused(
            name,
            f"{wiring.label(several)} yields several results per sample, and {wiring.label(one)} returns at "
            "most one",
        )
    if before.tick_every != after.tick_every:
        raise _refused(
            name, f"its tick_every is {before.tick_every}, but that of the new node is {after.tick_every}"
        )
    if before.finishes != after.finishes:
        its, other = ("a", "no") if before.finishes else ("no", "a")
        raise _refused(name, f"it has {its} method finish(), but the new node has {other} such method")


def replace(
    engine: _native.Engine,
    index: int,
    member: Member,
    node: Any,
    timeout: float,
    start: Callable[[int, Place, _native.NodeHandle, threading.Lock], None],
) -> None:
    """Replaces a running node.

    Raises:
        StateError: The node has ended, or is already being replaced.
        StopTimeoutError: The old node is still in a call.
    """
    place = member.place
    if isinstance(node, Native):
        if (follow := declared(node).follow) is not None:
            follow(place.node)
        engine.replace(index, node._handle, Entry(node, node._handle), place, None, timeout)
        return
    mark, gate = object(), threading.Lock()
    gate.acquire()
    handle, is_open = None, False
    try:
        wiring.claim(node, mark)
        handle = hosted(node, member.types)
        engine.check_replaceable(index, handle)
        if isinstance(node, Node):
            call: Callable[[], object] = node.open
            is_open = (call(), True)[1]  # on one line, so that no signal handler can raise between the two
        if engine.is_on_native_thread(index):
            start(index, place, handle, gate)
        engine.replace(index, handle, Entry(node, handle), place, gate.release, timeout)
    except BaseException:
        if handle is None or not handle.added:  # the replacement has not started
            try:
                if is_open:
                    node.close()
            finally:
                wiring.release(node, mark)
        raise
    finally:
        with contextlib.suppress(RuntimeError):  # already released: the thread is running
            gate.release()
