"""The output of a node, which children and readers name as their parent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _check, _types
from ._errors import GraphError, OptionTypeError

if TYPE_CHECKING:
    from ._pipeline import Pipeline

T_co = TypeVar("T_co", covariant=True)


class Port(Generic[T_co]):
    """The output of a node, which children and readers name as their parent. Made by Pipeline.add().

    Attributes:
        name: The node's name in stats and messages.
        node: The added node.
    """

    __slots__ = ("_index", "_only", "_pipeline", "_type", "name", "node")

    def __init__(self, pipeline: Pipeline, index: int, node: Any, output: Any, *, only: int = -1) -> None:
        """Called by Pipeline.add() and of()."""
        self._pipeline = pipeline
        self._index = index
        self._type = output
        self._only = only  # the number of its only source; -1: all sources
        self.name = pipeline._engine.node_name(index)
        self.node = node

    def of(self, source: Port[Any]) -> Port[T_co]:
        """The same output, but only the samples of one source: ``boxes.of(camera)``.

        The samples of other sources never enter the queues below this port.

        Args:
            source: The port of a source, or of a node whose samples all come from one source.

        Raises:
            GraphError: That is not one source, or its samples do not come out of this port.
            OptionTypeError: It is not a port.
        """
        if not isinstance(source, Port):
            raise OptionTypeError(f"of() needs a port that add() returned, got {_check.shown(source)}")
        if source._pipeline is not self._pipeline:
            raise GraphError(f"the port {source.name!r} belongs to another pipeline than {self.name!r}")
        wanted = source._index if source._only < 0 else source._only
        only = self._pipeline._engine.source_of(self._index, wanted)
        if self._only not in (-1, only):
            raise GraphError(f"{self!r} has no samples of {source.name!r}")
        return Port(self._pipeline, self._index, self.node, self._type, only=only)

    @property
    def _view(self) -> str:
        """Its name as a view of the dashboard."""
        return self._pipeline._engine.view_name(self._index, self._only)

    def __repr__(self) -> str:
        """Name and type."""
        only = "" if self._only < 0 else f", of={self._pipeline._engine.node_name(self._only)!r}"
        return f"Port({self.name!r}, {_types.name(self._type)}{only})"
