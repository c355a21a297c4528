"""Plugin: a node implemented by a native class, and the choice between node and source."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .. import _native
from .plugin_source import PluginSource
from .travels import Recipe, Travels, describe_node


class Plugin(Travels):
    """A node implemented by a native class. Created by freshframe.native.node(); may be added once."""

    def __init__(self, handle: _native.NodeHandle, recipe: Recipe) -> None:
        """Created by plugin()."""
        self._recipe = recipe
        self._contract = describe_node(handle, travels=True)
        self._handle = handle

    def process(self, sample: _native.Sample[Any], /) -> Any:
        """Calls the native node, in a worker process. GIL: released."""
        if self._contract.gives_several:
            return _each(self._opened().process_out(sample))
        return super().process(sample)

    def on_tick(self, now: float, /) -> Iterator[Any]:
        """Calls the native node, in a worker process. GIL: released."""
        return _each(self._opened().on_tick())

    def finish(self) -> Iterator[Any]:
        """Calls the native node, in a worker process. GIL: released."""
        return _each(self._opened().finish())


def plugin(make: Callable[[], _native.NodeHandle], recipe: Recipe) -> Plugin | PluginSource:
    """Wraps an engine handle in a Plugin, or in a PluginSource if it has no input."""
    handle = make()
    is_source = not _native.native_types(handle)[0]
    return PluginSource(handle) if is_source else Plugin(handle, recipe)


def adopted(node: Any) -> Plugin | PluginSource:
    """Returns a node for an extension module's object that has ``__freshframe_node__``."""
    return plugin(lambda: _native.adopt_node(node, node.__freshframe_node__()), (adopted, (node,), {}))


def _each(results: list[Any]) -> Iterator[Any]:
    """Yields several results, like a Python node."""
    yield from results
