"""Python threads of a pipeline: one per Python node, and one per node with worker processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from .. import _native
from .._errors import StateError
from .._graph.graph import Graph
from .._graph.place import Place
from . import life


class Runners:
    """Threads that run the engine's loop for a node; each ends when its node has closed."""

    __slots__ = ("_beside", "_engine", "_threads")

    def __init__(self, engine: _native.Engine) -> None:
        self._engine = engine
        self._threads: list[threading.Thread] = []
        self._beside: list[threading.Thread] = []

    def start(self, graph: Graph, definitions: object) -> None:
        """Starts the threads of all nodes that need one.

        Args:
            graph: The nodes.
            definitions: Classes that results of worker processes need; None if there are none.
        """
        for index in sorted([*graph.in_python, *graph.in_processes]):
            self.start_one(graph, index, definitions)

    def start_one(self, graph: Graph, index: int, definitions: object) -> None:
        """Starts the thread of one node, if it needs a Python thread."""
        place = graph.in_python.get(index)
        if place is not None:
            self._start(index, _native.run_node, self._engine, index, place, None)
        elif index in graph.in_processes:
            self._start(index, _native.run_process, self._engine, index, definitions)

    def start_later(self, index: int, place: Place, handle: _native.NodeHandle, gate: threading.Lock) -> None:
        """Starts the thread of a Python node that replaces a native one.

        Args:
            index: Index of the node.
            place: Place of the node.
            handle: The engine's handle of the replacement.
            gate: A lock that the thread acquires before it runs.

        Raises:
            StateError: gevent or eventlet has patched `threading`.
        """
        starter = threading.get_native_id()

        def run() -> None:
            if threading.get_native_id() != starter:
                gate.acquire()
                _native.run_node(self._engine, index, place, handle)

        thread = self._start(index, run)
        if thread.native_id == starter:
            raise StateError(
                f"node {thread.name!r} needs its own thread, but threading.Thread runs on the thread "
                "that called replace(): gevent or eventlet has patched it. Leave threads unpatched, with "
                "gevent.monkey.patch_all(thread=False) or eventlet.monkey_patch(thread=False)"
            )

    def start_beside(self, graph: Graph) -> None:
        """Starts the extra threads of native nodes, after all nodes have opened."""
        for index in list(graph.beside):
            self.start_one_beside(graph, index)

    def start_one_beside(self, graph: Graph, index: int) -> None:
        """Starts the extra thread of one native node, if it has one."""
        body = graph.beside.get(index)
        if body is not None:
            self._beside = [each for each in self._beside if each.is_alive()]
            self._beside.append(self._start(index, body))

    def _start(self, index: int, body: Callable[..., object], *arguments: Any) -> threading.Thread:
        name = self._engine.node_name(index)
        for each in tuple(self._threads):
            if not each.is_alive() and each.ident is not None:
                with contextlib.suppress(ValueError):  # another call removed it first
                    self._threads.remove(each)
        thread = threading.Thread(target=body, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        life.start_thread(thread, self._engine)
        return thread

    def join_beside(self) -> None:
        """Waits for the extra threads of native nodes that have closed, at most one second each."""
        life.join_others(self._beside)

    def join(self) -> None:
        """Waits for threads whose work is done; only the interpreter's own clean-up remains."""
        life.join_others(self._threads)
