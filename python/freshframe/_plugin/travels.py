"""Base class of native nodes that can be recreated, here or in a worker process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import _native
from .._errors import OptionTypeError, StateError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._interpreter import fork
from .._results.circles import Circles
from .._results.detections import Detections

Recipe = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Travels(NativeNode[Any, Any]):
    """A native node that can run in a worker process, where Python calls open(), process() and close()."""

    _contract: Contract
    _make: Callable[[], _native.NodeHandle]
    _recipe: Recipe | None
    _lone: _native.LoneNode | None = None
    _name = ""  # name in its pipeline, if it runs in a worker process

    def _freshframe_contract(self) -> Contract:
        return self._contract

    def __repr__(self) -> str:
        """Returns the node's name, input and output."""
        return show_contract("node", self._contract)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Pickles the arguments from which the node can be recreated."""
        if self._recipe is None:
            raise OptionTypeError(
                f"{self._contract.label!r} is a pointer to a function, which is not valid in another "
                "process: use freshframe.native.load()"
            )
        return make_again, (self._recipe,)

    def open(self) -> None:
        """Opens the native node, in a worker process. GIL: released."""
        self._lone = _native.LoneNode(self._handle, self._name)
        self._lone.open()

    def process(self, sample: _native.Sample[Any], /) -> Any:
        """Calls the native node, in a worker process. GIL: released."""
        return self._opened().process(sample)

    def close(self) -> None:
        """Closes the native node, in a worker process. GIL: released."""
        self._opened().close()

    def _opened(self) -> _native.LoneNode:
        lone = self._lone
        if lone is None:
            raise StateError(
                f"{self._contract.label!r} is not open: call open() first, or add() it to a pipeline"
            )
        return lone


def make_again(recipe: Recipe) -> Any:
    """Recreates a node from its recipe."""
    make, arguments, options = recipe
    return make(*arguments, **options)


def show_contract(what: str, contract: Contract) -> str:
    """Formats a node's name, input and output."""
    given, made = (None if each is None else each.__name__ for each in contract.types or ())
    return f"<native {what} {contract.label!r}: {' -> '.join(filter(None, (given, made)))}>"


def describe_node(handle: _native.NodeHandle, *, travels: bool) -> Contract:
    """Returns the contract of a native node."""
    with fork.explaining(), fork.loading():
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
