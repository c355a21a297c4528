"""A node of the graph, with all that another node in its place has to fit."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _native
from . import value_types, wiring
from .node import Node
from .read_contract import find_contract
from .source import Source

if TYPE_CHECKING:
    from .batch import Batch
    from .place import Place


def described(node: Any, types: tuple[Any, Any]) -> _native.NodeDescription:
    """The description of a node in Python with these types, as the engine needs it."""
    contract = find_contract(node)
    return _native.NodeDescription(
        wiring.label(node),
        value_types.kind(types[0]),
        value_types.kind(types[1]),
        None if isinstance(node, Source) else wiring.records_to(node),
        contract.gives_several,
        contract.tick_every,
        contract.finishes,
        contract.gives_last_of_source,
    )


def hosted(node: Any, types: tuple[Any, Any]) -> _native.NodeHandle:
    """The engine's handle of a node that runs on a thread of Python."""
    description = described(node, types)
    if isinstance(node, Source):
        return _native.hosted_source(description, node, bool(node.live))
    return _native.hosted(description, node, not isinstance(node, Node), find_contract(node).spool)


@dataclass(slots=True)
class Member:
    """A node of the graph.

    Attributes:
        place: Where it works, and where another one may take over.
        types: Of the inputs and outputs of the node that was added.
        batch: Of add().
        joined: Whether it gets sets of samples.
        merges: Whether its parents can change.
        has_port: Whether add() has made its port. An exception of a signal handler may come before.
    """

    place: Place
    types: tuple[Any, Any]
    batch: Batch | None
    joined: bool
    merges: bool
    has_port: bool = False
