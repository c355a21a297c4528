"""The classes of freshframe.native: nodes that can be made again, here or in a worker process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import _native
from .._errors import OptionTypeError, StateError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._graph.source import NativeSource
from .._interpreter import fork
from .._results.circles import Circles
from .._results.detections import Detections

Recipe = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Travels(NativeNode[Any, Any]):
    """A native node that may go to a worker process, where its open(), process() and close() are called."""

    _contract: Contract
    _make: Callable[[], _native.NodeHandle]
    _recipe: Recipe | None
    _lone: _native.LoneNode | None = None
    _name = ""  # in its pipeline, where a worker process runs it

    def _freshframe_contract(self) -> Contract:
        return self._contract

    def __repr__(self) -> str:
        """The node's name, input and output."""
        return _show_contract("node", self._contract)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The node's recipe."""
        if self._recipe is None:
            raise OptionTypeError(
                f"{self._contract.label!r} is a pointer to a function, which is not valid in another "
                "process: use freshframe.native.load()"
            )
        return _made_again, (self._recipe,)

    def open(self) -> None:
        """For a worker process. GIL: released."""
        self._lone = _native.LoneNode(self._handle, self._name)
        self._lone.open()

    def process(self, sample: _native.Sample[Any], /) -> Any:
        """For a worker process. GIL: released."""
        return self._opened().process(sample)

    def close(self) -> None:
        """For a worker process. GIL: released."""
        self._opened().close()

    def _opened(self) -> _native.LoneNode:
        lone = self._lone
        if lone is None:
            raise StateError(
                f"{self._contract.label!r} is not open: call open() first, or add() it to a pipeline"
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
        self._contract = _described(make(), travels=recipe is not None)  # refuses invalid options now

    @property
    def _handle(self) -> _native.NodeHandle:  # type: ignore[override]
        return self._make()


class Plugin(Travels):
    """A node of a native class; freshframe.native.node() makes it. One pipeline may have it."""

    def __init__(self, handle: _native.NodeHandle, recipe: Recipe) -> None:
        """Called by plugin()."""
        self._recipe = recipe
        self._contract = _described(handle, travels=True)
        self._handle = handle

    def process(self, sample: _native.Sample[Any], /) -> Any:
        """For a worker process. GIL: released."""
        if self._contract.gives_several:
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
        self._contract = _described(handle, travels=False)
        self._handle = handle

    def _freshframe_contract(self) -> Contract:
        return self._contract

    def __repr__(self) -> str:
        """The node's name and output."""
        return _show_contract("source", self._contract)


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


def _show_contract(what: str, contract: Contract) -> str:
    given, made = (None if each is None else each.__name__ for each in contract.types or ())
    return f"<native {what} {contract.label!r}: {' -> '.join(filter(None, (given, made)))}>"


def _described(handle: _native.NodeHandle, *, travels: bool) -> Contract:
    """The contract of the engine's node."""
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
    return Contract(
        label=handle.default_name,
        types=(classes[given], classes[made]),
        gives_several=handle.gives_several,
        tick_every=handle.tick_every,
        finishes=handle.finishes,
        generates=handle.gives_several or handle.finishes or handle.tick_every is not None,
        travels=travels,
    )
