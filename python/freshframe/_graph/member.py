"""What the graph keeps about a node, including what a replacement has to match."""

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
    """Returns the engine's description of a Python node with these types."""
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
    """Returns an engine handle for a node that runs on a Python thread."""
    description = described(node, types)
    if isinstance(node, Source):
        return _native.hosted_source(description, node, bool(node.live))
    return _native.hosted(description, node, not isinstance(node, Node), find_contract(node).spool)


@dataclass(slots=True)
class Member:
    """A node of the graph.

    Attributes:
        place: Which node is running; a replacement takes over there.
        types: Input and output types of the node that was added.
        batch: Option of add().
        joined: Whether it receives the sets of a join.
        merges: Whether its parents may change.
        has_port: Whether add() has completed. A signal handler may raise before that.
    """

    place: Place
    types: tuple[Any, Any]
    batch: Batch | None
    joined: bool
    merges: bool
    has_port: bool = False
