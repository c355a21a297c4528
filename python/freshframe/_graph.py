"""The nodes of a pipeline: add() checks them, claims them and passes them to the engine."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _check, _native, _types, _wiring
from ._errors import GraphError, OptionTypeError
from ._nodes import Native, Node, Source
from ._port import Port

if TYPE_CHECKING:
    from ._batch import Batch
    from ._pickling import Definitions
    from ._pipeline import Pipeline
    from ._process import Process


def ends(ports: Sequence[Port[Any]]) -> list[tuple[int, int]]:
    """Ports in the engine's form."""
    return [(port._index, port._only) for port in ports]


def parents(given: Any, label: str, pipeline: Pipeline) -> list[Port[Any]]:
    """The ports in ``given``: none, one or several of this pipeline.

    Raises:
        GraphError: One belongs to another pipeline.
        OptionTypeError: One is not a port.
    """
    if given is None:
        return []
    ports = [given] if isinstance(given, Port) else given
    if not isinstance(ports, Sequence) or isinstance(ports, str):
        raise OptionTypeError(
            f"the parent of {label!r} must be a port that add() returned, or a list of ports; "
            f"got {_check.shown(given)}"
        )
    for port in ports:
        if not isinstance(port, Port):
            raise OptionTypeError(
                f"a parent of {label!r} must be a port that add() returned; got {_check.shown(port)}"
            )
        if port._pipeline is not pipeline:
            raise GraphError(f"the parent {port.name!r} of {label!r} belongs to another pipeline")
    return list(ports)


def _check_types(node: Any, wanted: Any, ports: Sequence[Port[Any]]) -> None:
    for port in ports:
        if not _types.fits(port._type, wanted):
            raise GraphError(
                f"{_wiring.label(node)!r} takes {_types.name(wanted)}, but its parent {port.name!r} "
                f"gives {_types.name(port._type)}"
            )


def _process_options(process: Any, node: Any) -> Process:
    from . import _process  # noqa: PLC0415  (few programs have worker processes)

    return _process.checked(process, node)


class Graph:
    """The nodes of one pipeline.

    Attributes:
        in_python: Index, node and "is a function" of each node that runs on a Python thread.
        in_processes: The indices of those that run in worker processes.
    """

    __slots__ = ("_definitions", "_engine", "_kept", "in_processes", "in_python")

    def __init__(self, engine: _native.Engine) -> None:
        """Of a new engine."""
        self._engine = engine
        self._definitions: Definitions | None = None  # of nodes in worker processes
        self._kept: list[Any] = []  # every node lives as long as its pipeline
        self.in_python: list[tuple[int, Any, bool]] = []
        self.in_processes: list[int] = []

    @property
    def live(self) -> bool:
        """Whether none of its sources can wait."""
        return all(node.live for node in self._kept if hasattr(node, "live"))

    def add(
        self,
        node: Any,
        ports: Sequence[Port[Any]],
        options: _native.AddOptions,
        *,
        process: bool | Process,
        batch: Batch | None,
    ) -> tuple[int, Any]:
        """Adds a checked node below ``ports``; returns its index and the type of its values.

        Raises:
            GraphError: This wiring is not possible.
            OptionError: An option is out of range.
            OptionTypeError: An option is of the wrong type, or the node cannot go to another process.
            StateError: The pipeline was started before.
        """
        in_process = None if process is False else _process_options(process, node)
        hints = _types.node_types(node, batched=batch is not None)
        _check_types(node, hints[0], ports)
        _wiring.claim(node)
        try:
            recipe = None if in_process is None else self._recipe(node, in_process, batch)
            index = self._give_to_engine(node, ends(ports), hints, options, recipe)
        except BaseException:
            _wiring.release(node)
            raise
        self._kept.append(node)
        return index, hints[1]

    def _recipe(self, node: Any, options: Process, batch: Batch | None) -> dict[str, Any]:
        from . import _pickling, _process  # noqa: PLC0415  (few programs have worker processes)

        if self._definitions is None:
            self._definitions = _pickling.Definitions()
        return _process.recipe(node, options, batch, self._definitions)

    def _give_to_engine(
        self,
        node: Any,
        ends: list[tuple[int, int]],
        hints: tuple[Any, Any],
        options: _native.AddOptions,
        recipe: dict[str, Any] | None,
    ) -> int:
        if isinstance(node, Native) and recipe is None:
            return self._engine.add_native(node._handle, ends, options)
        label = _wiring.label(node)
        kinds = (_types.kind(hints[0]), _types.kind(hints[1]))
        if isinstance(node, Source):
            index = self._engine.add_python_source(label, (bool(node.live), kinds[1]), ends, options)
        else:
            records_to = _wiring.records_to(node)
            if recipe is not None:
                index = self._engine.add_process(label, kinds, ends, options, recipe, records_to)
                self.in_processes.append(index)
                return index
            index = self._engine.add_python(label, kinds, ends, options, records_to)
        self.in_python.append((index, node, not isinstance(node, Node)))
        return index
