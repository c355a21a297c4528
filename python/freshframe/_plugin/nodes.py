"""The classes behind freshframe.native: nodes that can be made again, here or in a worker process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import _native
from .._errors import OptionTypeError, StateError
from .._graph.contract import Contract
from .._graph.nodes import NativeNode, NativeSource
from .._interpreter import fork
from .._results.results import Circles, Detections

Recipe = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Travels(NativeNode[Any, Any]):
    """A native node that may go to a worker process, where its open(), process() and close() are called."""

    _freshframe_label: str
    _freshframe_types: tuple[Any, Any]
    _make: Callable[[], _native.NodeHandle]
    _recipe: Recipe | None
    _freshframe_contract = Contract()
    _lone: _native.LoneNode
    _freshframe_name = ""  # in its pipeline, where a worker process runs it

    def __repr__(self) -> str:
        """The node's name, input and output."""
        return _shown("node", self._freshframe_label, self._freshframe_types)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The node's recipe."""
        if self._recipe is None:
            raise OptionTypeError(
                f"{self._freshframe_label!r} is a pointer to a function, which is not valid in another "
                "process: use freshframe.native.load()"
            )
        return _made_again, (self._recipe,)

    @property
    def _freshframe_travels(self) -> bool:
        return self._recipe is not None

    def open(self) -> None:
        """For a worker process. GIL: released."""
        self._lone = _native.LoneNode(self._handle, self._freshframe_name)
        self._lone.open()

    def process(self, sample: _native.Sample[Any], /) -> Any:
        """For a worker process. GIL: released."""
        return self._opened().process(sample)

    def close(self) -> None:
        """For a worker process. GIL: released."""
        self._opened().close()

    def _opened(self) -> _native.LoneNode:
        lone: _native.LoneNode | None = getattr(self, "_lone", None)
        if lone is None:
            raise StateError(
                f"{self._freshframe_label!r} is not open: call open() first, or add() it to a pipeline"
            )
        return lone


class Function(Travels):
    """A node of a native function; load(), function() and numba() of freshframe.native make it.

    It may be added any number of times. Each node has its own copy of ``state``.
    """

    def __init__(self, make: Callable[[], _native.NodeHandle], recipe: Recipe | None) -> None:
        """Called by freshframe.native."""
        self._make = make
        self._recipe = recipe
        self._freshframe_label, self._freshframe_types = _described(make())  # refuses invalid options now

    @property
    def _handle(self) -> _native.NodeHandle:  # type: ignore[override]
        return self._make()


class Plugin(Travels):
    """A node of a native class; freshframe.native.node() makes it. One pipeline may have it."""

    def __init__(self, handle: _native.NodeHandle, recipe: Recipe) -> None:
        """Called by plugin()."""
        self._recipe = recipe
        self._freshframe_label, self._freshframe_types = _described(handle)
        self._freshframe_contract = Contract(
            handle.gives_several,
            handle.tick_every,
            handle.finishes,
            handle.gives_several or handle.finishes or handle.tick_every is not None,
        )
        self._handle = handle

    def process(self, sample: _native.Sample[Any], /) -> Any:
        """For a worker process. GIL: released."""
        if self._freshframe_contract.gives_several:
            return _each(self._opened().process_out(sample))
        return super().process(sample)

    def on_tick(self, now: float, /) -> Iterator[Any]:
        """For a worker process. GIL: released."""
        return _each(self._opened().on_tick())

    def finish(self) -> Iterator[Any]:
        """For a worker process. GIL: released."""
        return _each(self._opened().finish())


class PluginSource(NativeSource[Any]):
    """A source of a native class; freshframe.native.node() makes it. One pipeline may have it.

    Attributes:
        live: True when it cannot wait (a camera): a full edge drops.
    """

    def __init__(self, handle: _native.NodeHandle) -> None:
        """Called by plugin()."""
        self.live = handle.live
        self._freshframe_label, self._freshframe_types = _described(handle)
        self._handle = handle

    def __repr__(self) -> str:
        """The node's name and output."""
        return _shown("source", self._freshframe_label, self._freshframe_types)


def plugin(make: Callable[[], _native.NodeHandle], recipe: Recipe) -> Plugin | PluginSource:
    """The node or source of a handle."""
    handle = make()
    is_source = not _native.native_types(handle)[0]
    return PluginSource(handle) if is_source else Plugin(handle, recipe)


def adopted(node: Any) -> Plugin | PluginSource:
    """The node of an extension's object that has ``__freshframe_node__``."""
    return plugin(lambda: _native.adopt_node(node, node.__freshframe_node__()), (adopted, (node,), {}))


def _each(results: list[Any]) -> Iterator[Any]:
    """Gives several results as a node in Python does."""
    yield from results


def _made_again(recipe: Recipe) -> Any:
    make, arguments, options = recipe
    return make(*arguments, **options)


def _shown(what: str, label: str, types: tuple[Any, Any]) -> str:
    given, made = (None if each is None else each.__name__ for each in types)
    return f"<native {what} {label!r}: {' -> '.join(filter(None, (given, made)))}>"


def _described(handle: _native.NodeHandle) -> tuple[str, tuple[Any, Any]]:
    """The node's name, input and output."""
    with fork.loading():
        import numpy as np  # noqa: PLC0415

    classes = {
        "frame": _native.Frame,
        "circles": Circles,
        "detections": Detections,
        "float64": float,
        "array": np.ndarray,
        "table": Mapping,
        "": None,
    }
    given, made = _native.native_types(handle)
    return handle.default_name, (classes[given], classes[made])
