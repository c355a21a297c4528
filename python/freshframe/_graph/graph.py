"""The nodes of a pipeline: checks each one, marks it as used, and passes it to the engine."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import typing
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native
from .._errors import GraphError, StateError
from .._results.circles import Circles
from .._results.detections import Detections
from . import replacing, value_types, wiring
from .member import Member, described, hosted
from .node import Native
from .place import Place
from .port import Port, ends, find_index, have_packets, value_type
from .read_contract import declared
from .source import Source

if TYPE_CHECKING:
    from .batch import Batch


def _check_types(node: Any, types: Sequence[Any], ports: Sequence[Port[Any]]) -> None:
    """Checks that the node accepts the type of each port.

    Raises:
        GraphError: A type does not match.
    """
    for port, wanted in zip(ports, types, strict=True):
        given = value_type(port)
        if not value_types.fits(given, wanted):
            raise GraphError(
                f"{wiring.label(node)!r} takes {value_types.name(wanted)}, but its parent {port.name!r} "
                f"returns {value_types.name(given)}{_step_between(given, wanted)}"
            )


def _step_between(given: Any, wanted: Any) -> str:
    """Suggests a node to add in between, if one side has frames and the other detections."""
    takes = typing.get_args(wanted) or (wanted,)
    if given is _native.Frame and Detections in takes:
        others = " or a CircleTracker" if Circles in takes else ""
        return f": add a detector between them, such as an OnnxDetector{others}"
    if given in (Circles, Detections) and _native.Frame in takes:
        return ": add Annotate() between them, which draws on the frames, or pass it the port of the frames"
    return ""


class Graph:
    """The nodes of one pipeline.

    Attributes:
        in_python: For each node that runs on a Python thread, by index: its place.
        in_processes: Indices of the nodes that run in worker processes.
        beside: By node index, functions to run on an extra thread while a native node is open.
    """

    __slots__ = ("_ending", "_engine", "_kept", "beside", "in_processes", "in_python")

    def __init__(self, engine: _native.Engine) -> None:
        self._engine = engine
        self._ending = threading.RLock()  # a signal handler may stop the pipeline while its run ends
        self._kept: dict[int, Member] = {}  # keeps every node alive while it is in the pipeline
        self.in_python: dict[int, Place] = {}
        self.in_processes: set[int] = set()
        self.beside: dict[int, Callable[[], None]] = {}

    def end_run(self, is_complete: Callable[[], bool]) -> list[str]:
        """Makes recorders keep or discard their files at the end of the run. Only the first call acts.

        Returns:
            The paths of the discarded files.
        """
        ends = [end for node in self._nodes() if (end := declared(node).when_run_ends) is not None]
        if not ends:
            return []
        with self._ending:  # so that stop() on another thread returns only after the files have their names
            complete = is_complete()
            return [path for end in ends if (path := end(complete)) is not None]

    @property
    def live(self) -> bool:
        """True if all sources are live."""
        return all(node.live for node in self._nodes() if isinstance(node, Source))

    def _nodes(self) -> list[Any]:
        return [member.place.node for member in list(self._kept.values())]

    def add(
        self,
        node: Any,
        ports: Sequence[Port[Any]],
        options: _native.AddOptions,
        *,
        batch: Batch | None,
        joined: bool,
        merges: bool,
        plan: Callable[[], _native.ProcessPlan] | None,
    ) -> tuple[Port[Any], int]:
        """Adds a checked node with ``ports`` as its parents; returns its port and its number.

        Args:
            node: The node.
            ports: Its parents.
            options: Options of add(), checked.
            batch: Option of add(), checked.
            joined: Whether it receives the sets of a join.
            merges: Whether its parents may change.
            plan: Returns how to start its worker processes; None to run it in this process.

        Raises:
            GraphError: The node cannot be connected like this.
            OptionError: An option is out of range.
            OptionTypeError: An option has the wrong type, or the node cannot be sent to another process.
            StateError: The pipeline has already been started.
        """
        hints = self._fit(node, ports, batch, joined, is_in_process=plan is not None, merges=merges)
        mark = object()
        try:
            wiring.claim(node, mark)
            wiring.prepare_batches(node, batch)
            index = self._give_to_engine(node, ends(ports), hints, options, None if plan is None else plan())
            place = self.in_python.get(index) or Place(node)
            member = Member(place, hints, batch, joined, merges)
            self._kept[index] = member
            port: Port[Any] = Port(self._engine, index, place, hints[1])
            wiring.note_name(node, port.name)
            if plan is None and (note := declared(node).note_arrivals) is not None:
                note(_native.NodeArrivals(self._engine, index))
        except BaseException:
            wiring.release(node, mark)
            raise
        member.has_port = True  # last, so that no signal handler can run between this and the return of add()
        return port, index

    def has_port(self, index: int) -> bool:
        """Returns True if the add() call for this node has completed."""
        member = self._kept.get(index)
        return member is not None and member.has_port

    def _fit(
        self,
        node: Any,
        ports: Sequence[Port[Any]],
        batch: Batch | None,
        joined: bool,
        *,
        is_in_process: bool,
        merges: bool,
    ) -> tuple[Any, Any]:
        """Checks that a node fits its parents; returns its input and output types.

        Raises:
            GraphError: The node does not fit.
        """
        if joined:
            wanted, given = value_types.set_types(node, [port.name for port in ports])
            hints = (Any, given)
        else:
            value_types.check_calls(node, len(ports), batched=batch is not None)
            hints = value_types.node_types(node, batched=batch is not None)
            wanted = (hints[0],) * len(ports)
        _check_types(node, wanted, ports)
        contract = declared(node)
        if contract.check_parents is not None:
            contract.check_parents([value_type(port) for port in ports])
        if have_packets(ports) and is_in_process:
            raise GraphError(
                f"{wiring.label(node)!r} takes packets, which cannot be sent to worker processes: leave "
                "process= out"
            )
        if contract.needs_live and not self.live:
            raise GraphError(
                f"{wiring.label(node)!r} would send a file as fast as it is read: open the file with "
                "realtime=True"
            )
        is_merged = merges or any(self._is_merged(port) for port in ports[: 1 if joined else None])
        wiring.note_marks(node, self._nodes(), is_merged=is_merged)
        return hints

    def _is_merged(self, port: Port[Any]) -> bool:
        """Returns True if a merge upstream may add sources. Of a join, only the first parent counts."""
        seen: set[int] = set()
        open_ports = [port]
        while open_ports:
            index, only = ends([open_ports.pop()])[0]
            member = self._kept.get(index)
            if only >= 0 or index in seen or member is None:
                continue
            if member.merges:
                return True
            seen.add(index)
            open_ports += self._parents(index)[: 1 if member.joined else None]
        return False

    def _parents(self, index: int) -> list[Port[Any]]:
        """Returns the ports of a node's current parents, as known to the engine."""
        return [
            Port(self._engine, node, *self._output(node), only=only)
            for node, only in self._engine.parents_of(index)
        ]

    def _output(self, index: int) -> tuple[Place, Any]:
        """Returns a node's place and output type. A camera's packets have no Member."""
        member = self._kept.get(index)
        return (Place(None), _native.Packet) if member is None else (member.place, member.types[1])

    def replace(
        self,
        port: Port[Any],
        node: Any,
        timeout: float,
        start: Callable[[int, Place, _native.NodeHandle, threading.Lock], None],
    ) -> None:
        """Replaces a running node, see Pipeline.replace().

        Args:
            port: The port of the node to replace.
            node: The replacement.
            timeout: Seconds.
            start: Starts a thread for a Python node that replaces a native one. The thread waits for the
                lock.
        """
        index = find_index(port)
        with replacing.packets_stay(port):
            self._replace(index, port, node, timeout, start)

    def _replace(
        self,
        index: int,
        port: Port[Any],
        node: Any,
        timeout: float,
        start: Callable[[int, Place, _native.NodeHandle, threading.Lock], None],
    ) -> None:
        self._engine.check_replaceable(index)
        member = self._kept.get(index)
        if member is None:
            raise StateError(f"{port.name!r} was removed")
        wiring.check_node(node, member.batch)
        replacing.check(port, member, node, is_in_process=index in self.in_processes)
        self._fit(
            node, self._parents(index), member.batch, member.joined, is_in_process=False, merges=member.merges
        )
        wiring.note_name(node, port.name)
        if (note := declared(node).note_arrivals) is not None:
            note(_native.NodeArrivals(self._engine, index))
        wiring.prepare_batches(node, member.batch)
        replacing.replace(self._engine, index, member, node, timeout, start)

    def forget_removed(self) -> None:
        """Forgets nodes that the engine no longer has."""
        known = set(self._kept)  # read before the engine's list, since add() adds to that first
        there = set(self._engine.node_numbers())
        for index in known - there:
            self.forget(index)

    def forget(self, index: int) -> None:
        """Forgets a node that was removed or could not be added."""
        member = self._kept.pop(index, None)
        self.in_python.pop(index, None)
        self.in_processes.discard(index)
        self.beside.pop(index, None)
        if member is None:
            return
        if self._engine.started:
            if (end := declared(member.place.node).when_run_ends) is not None:
                end(False)
        else:
            wiring.release(member.place.node)

    def _give_to_engine(
        self,
        node: Any,
        ends: list[tuple[int, int]],
        hints: tuple[Any, Any],
        options: _native.AddOptions,
        plan: _native.ProcessPlan | None,
    ) -> int:
        if plan is not None:
            index = self._engine.add_process(described(node, hints), ends, options, plan)
            self.in_processes.add(index)
        elif isinstance(node, Native):
            index = self._engine.add_node(node._handle, ends, options)
            if (body := declared(node).beside) is not None:
                self.beside[index] = body
        else:
            index = self._engine.add_node(hosted(node, hints), ends, options)
            self.in_python[index] = Place(node)
        return index
