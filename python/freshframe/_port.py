"""The output of a node: what children and readers name as their parent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _types

if TYPE_CHECKING:
    from ._pipeline import Pipeline

T_co = TypeVar("T_co", covariant=True)


class Port(Generic[T_co]):
    """Output of a node; what children and readers name as their parent. Made by Pipeline.add().

    Attributes:
        name: The node's name in stats and messages.
        node: What was added.
    """

    __slots__ = ("_index", "_pipeline", "_type", "name", "node")

    def __init__(self, pipeline: Pipeline, index: int, node: Any, output: Any) -> None:
        """Called by Pipeline.add()."""
        self._pipeline = pipeline
        self._index = index
        self._type = output
        self.name = pipeline._engine.node_name(index)
        self.node = node

    def __repr__(self) -> str:
        """Name and type."""
        return f"Port({self.name!r}, {_types.name(self._type)})"
