"""Changes the graph of a pipeline, before start() and while it runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import FreshframeError, OptionError, OptionTypeError
from .._graph import loops, wiring
from .._graph.graph import Graph
from .._graph.port import Port, ends, find_index, own_port, parents
from .._graph.read_contract import declared
from .._interpreter import fork
from . import observation

if TYPE_CHECKING:
    from .. import _native
    from .._graph.batch import Batch
    from .._graph.join import Join
    from .._graph.queue import Queue
    from .._look.stats import Stats
    from .._native import Reader
    from .._process.pickling import Definitions
    from .._process.process import Process
    from .._process.recipe import Recipes
    from .runners import Runners


_PATIENCE = 1.0  # seconds to wait for close() of a node whose add() failed


class WorkerPlans:
    """Creates plans for the worker processes of a pipeline. Imports cloudpickle on first use."""

    def __init__(self) -> None:
        self._recipes: Recipes | None = None

    @property
    def definitions(self) -> Definitions | None:
        """Classes sent to the workers, which their results need; None if no node has workers."""
        return None if self._recipes is None else self._recipes.definitions

    def of(
        self, node: Any, process: bool | Process, batch: Batch | None
    ) -> Callable[[], _native.ProcessPlan]:
        """Checks ``process=`` of a node. The returned function pickles the node."""
        with fork.explaining(), fork.loading():
            import cloudpickle  # noqa: F401, PLC0415  (pickling uses it)

            from .._process.recipe import Recipes  # noqa: PLC0415

        if self._recipes is None:
            self._recipes = Recipes()
        return self._recipes.of(node, process, batch)


def _adopted(node: Any) -> Any:
    """Returns the node, or the node that an extension module's object provides."""
    if not hasattr(type(node), "__freshframe_node__"):
        return node
    with fork.explaining(), fork.loading():
        from .._plugin.plugin import adopted  # noqa: PLC0415  (few programs need it)

    return adopted(node)


class Changes:
    """Implements the methods of Pipeline that change its graph. Thread-safe."""

    __slots__ = ("_engine", "_graph", "_latest", "_plans", "_runners")

    def __init__(self, engine: _native.Engine, graph: Graph, runners: Runners, plans: WorkerPlans) -> None:
        self._engine = engine
        self._graph = graph
        self._runners = runners
        self._plans = plans
        self._latest: dict[int, int] = {}  # thread ID -> the node that it added last

    def add(
        self,
        node: Any,
        parent: Any,
        *,
        process: Any,
        batch: Batch | None,
        join: Join | None,
        name: str | None,
        queue: Queue | None,
        max_age: float | None,
        max_rate: float | None,
        every: int,
        **options: Any,
    ) -> Port[Any]:
        """Implements Pipeline.add()."""
        if isinstance(node, Port):
            raise OptionTypeError(
                f"add() takes the node first and then its parent, add(node, parent): got the port "
                f"{node.name!r} as the node"
            )
        node = _adopted(node)
        loops.expect_unlooped(node)
        wiring.check_node(node, batch)
        wiring.check_parent_of_source(node, parent)
        if join is not None:
            wiring.check_join(node, join, batch, process)
        label = wiring.label(node)
        ports = parents(parent, label, self._engine)
        merges = join is None and parent is not None and not isinstance(parent, Port)
        checked = wiring.options(
            name,
            wiring.edge(queue, wiring.checked_name(name) or label, max_age, max_rate, every),
            batch=batch,
            join=join,
            merge=merges,
            **options,
        )
        if declared(node).when_run_ends is not None and process is not False:
            raise OptionError(
                f"{label} with complete=True must run in the program's own process, got {process=}: leave "
                "out process="
            )
        if process is not False:
            wiring.note_in_worker(node, name or label, live=self._graph.live)
        plan = None if process is False else self._plans.of(node, process, batch)
        return self._add(node, ports, checked, batch=batch, joined=join is not None, merges=merges, plan=plan)

    def _add(
        self,
        node: Any,
        ports: Sequence[Port[Any]],
        options: _native.AddOptions,
        *,
        batch: Batch | None,
        joined: bool,
        merges: bool,
        plan: Callable[[], _native.ProcessPlan] | None,
    ) -> Port[Any]:
        """Calls Graph.add(). While the pipeline runs, also starts the node and waits for it."""
        first, thread = self._engine.next_number, threading.get_ident()
        if self._engine.started:
            self._graph.forget_removed()  # nodes that failed and were removed by the engine
        try:
            port, added = self._graph.add(
                node, ports, options, batch=batch, joined=joined, merges=merges, plan=plan
            )
            if self._engine.started:
                self._finish_add(added)
        except BaseException:  # even from a signal handler, at any point
            for index in self._engine.added_from(first):
                if self._engine.started or not self._graph.has_port(index):  # unless the handler added it
                    self._give_up(index)
            raise
        self._latest[thread] = added  # no signal handler can run between the end of `try` and this
        return port

    def _finish_add(self, index: int) -> None:
        try:
            self._runners.start_one(self._graph, index, self._plans.definitions)
            self._engine.finish_add(index)
            self._runners.start_one_beside(self._graph, index)
        except BaseException:
            self._give_up(index)
            raise

    def _give_up(self, index: int) -> None:
        self._engine.give_up_add(index)
        self._graph.forget(index)
        deadline = time.monotonic() + _PATIENCE
        while index in self._engine.node_numbers() and time.monotonic() < deadline:
            time.sleep(0.001)  # the node's thread is closing it

    def undo_add(self) -> None:
        """Removes the node that this thread added last: the caller of add() will not receive its port."""
        index = self._latest.pop(threading.get_ident(), None)
        if index is None:
            return
        if not self._engine.started:
            return self._give_up(index)
        with contextlib.suppress(FreshframeError):  # the handler's exception takes precedence
            self._engine.remove(index, False, _PATIENCE)
        self._graph.forget_removed()

    def reader(
        self, ports: Any, *, queue: Any, name: Any, frames: Any, join: Any, max_rate: Any
    ) -> Reader[Any]:
        """Implements Pipeline.reader()."""
        label = wiring.checked_name(name) or "reader"
        if join is not None:
            wiring.checked_join(join)
        sources = parents([None] if ports is None else ports, label, self._engine)
        return self._engine.reader(
            ends(sources),
            wiring.edge(queue, label, None, max_rate, 1),
            name or "",
            _check.flag("frames", frames),
            None if join is None else join._policy(),
        )

    def connect(
        self,
        child: Any,
        parent: Any,
        queue: Queue | None,
        max_age: float | None,
        max_rate: float | None,
        every: int,
    ) -> None:
        """Implements Pipeline.connect()."""
        target, source = self._both(child, parent, "connect")
        self._engine.connect(
            find_index(target),
            ends([source])[0],
            wiring.edge(queue, target.name, max_age, max_rate, every),
        )

    def disconnect(self, child: Any, parent: Any) -> None:
        """Implements Pipeline.disconnect()."""
        target, source = self._both(child, parent, "disconnect")
        self._engine.disconnect(find_index(target), ends([source])[0])

    def set_max_wait(self, part: Any, max_wait: Any) -> None:
        """Implements Pipeline.set_max_wait()."""
        port = own_port(part, "set_max_wait() needs", self._engine)
        self._engine.set_max_wait(find_index(port), _check.number("max_wait of a batch", max_wait))

    def replace(self, part: Any, node: Any, timeout: float) -> None:
        """Implements Pipeline.replace()."""
        if isinstance(node, Port) and not isinstance(part, Port):
            raise OptionTypeError(
                f"replace() takes the port first and then the new node, replace(port, node): got the port "
                f"{node.name!r} as the node"
            )
        port = own_port(part, "replace() needs", self._engine)
        node = _adopted(node)
        loops.expect_unlooped(node)
        self._graph.replace(port, node, timeout, self._runners.start_later)

    def remove(self, part: Any, drain: bool, timeout: float) -> Stats | None:
        """Implements Pipeline.remove()."""
        if isinstance(part, _native.Reader):
            raise OptionTypeError(
                f"remove() needs the port of a node, got {part!r}: to remove a reader, call reader.close()"
            )
        port = own_port(part, "remove() needs", self._engine)
        try:
            gone = self._engine.remove(find_index(port), drain, timeout)
        finally:
            self._graph.forget_removed()
        return observation.books(gone)

    def _both(self, child: Any, parent: Any, verb: str) -> tuple[Port[Any], Port[Any]]:
        return (
            own_port(child, f"{verb}() needs as its child", self._engine),
            own_port(parent, f"{verb}() needs as its parent", self._engine),
        )
