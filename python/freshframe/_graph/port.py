"""Port, the output of a node."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Generic

from .. import _check, _native
from .._errors import GraphError, OptionTypeError, StateError
from .._interpreter.log import logger
from . import value_types
from .node import Node
from .place import Place
from .read_contract import declared, never_gives, returns_its_sample
from .source import Source

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T_co = TypeVar("T_co", covariant=True, default=Any)
else:  # so that programs do not need typing_extensions
    from typing import TypeVar

    T_co = TypeVar("T_co", covariant=True)

_ALL = -1  # all sources
_MEANT = {  # method called on a port by mistake -> what to call instead
    "add": "pipeline.add(node, port) adds a node downstream of it",
    **dict.fromkeys(("read", "get", "latest", "poll"), "pipeline.reader(port) gives a reader with get()"),
}


class Port(Generic[T_co]):
    """The output of a node. Returned by Pipeline.add(); pass it to add() or reader() to connect to the node.

    Attributes:
        name: The node's name in stats and messages.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> left = pipeline.add(ff.open("demo:circles"), name="left")
        >>> right = pipeline.add(ff.open("demo:circles?seed=2"), name="right")
        >>> circles = pipeline.add(ff.CircleTracker(), [left, right])
        >>> reader = pipeline.reader(circles.of(left))
    """

    __slots__ = ("_engine", "_index", "_only", "_place", "_type", "name")

    def __init__(
        self, engine: _native.Engine, index: int, place: Place, output: Any, *, only: int = _ALL
    ) -> None:
        self._engine = engine
        self._index = index
        self._type = output
        self._only = only  # number of the only source that it lets through
        self._place = place
        self.name = engine.node_name(index)

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = _check.attribute_hints(_MEANT)
        __iter__ = _check.not_iterable("loop over pipeline.reader(port)")

    @property
    def node(self) -> Any:
        """The node that was added, or its replacement after Pipeline.replace()."""
        return self._place.node

    def of(self, source: Port[Any]) -> Port[T_co]:
        """Returns a port with only the samples of one source: ``boxes.of(camera)``.

        Samples of other sources never enter the queues downstream of it.

        Args:
            source: The port of a source, or of a node whose samples all come from a single source.

        Raises:
            GraphError: There is not exactly one source, or its samples do not reach this port.
            OptionTypeError: ``source`` is not a port.
        """
        if not isinstance(source, Port):
            raise OptionTypeError(f"of() needs a port that add() returned, got {_check.show(source)}")
        if source._engine is not self._engine:
            raise GraphError(f"the ports {source.name!r} and {self.name!r} belong to different pipelines")
        wanted = source._index if source._only == _ALL else source._only
        only = self._engine.source_of(self._index, wanted)
        if self._only not in (_ALL, only):
            raise GraphError(f"{self!r} has no samples of {source.name!r}")
        return Port(self._engine, self._index, self._place, self._type, only=only)

    @property
    def packets(self) -> Port[_native.Packet]:
        """The encoded packets of a camera, as a second output.

        They form a source of their own, ``"name.packets"``, in decoding order. A packet has the ``pts``,
        ``captured`` and ``utc`` of its frame. If only packets are used, no frames are decoded. If the port of
        the packets was removed, this returns a new one.

        Raises:
            GraphError: The port is not a source's, the source has no packets, or it was removed.
            StateError: The pipeline has ended.
        """
        place = self._place
        with place.changing:  # so that only one of several threads adds the source
            make = declared(place.node).packets
            if make is None:
                raise GraphError(
                    f"{self.name!r} has no packets: they come from a network stream that freshframe.open() "
                    "reads"
                )
            if place.packets is None or is_gone(place.packets):
                if is_gone(self):
                    raise self._has_gone()
                try:
                    self._add_packets(make())
                except (GraphError, StateError):
                    if is_gone(self):  # removed in the meantime
                        raise self._has_gone() from None
                    raise
            port: Port[_native.Packet] = place.packets  # type: ignore[assignment]
            return port

    def _add_packets(self, source: Any) -> None:
        options = _native.AddOptions("", _native.EdgeOptions(), "stop", companion_of=self._index)
        first = self._engine.next_number
        index = None
        try:
            index = self._engine.add_node(source._handle, [], options)
            if self._engine.started:
                self._engine.finish_add(index)
            self._place.packets = Port(self._engine, index, Place(source), _native.Packet)
        except BaseException:  # a signal handler may raise here, and may have added nodes itself
            for added in self._engine.added_from(first) if index is None else [index]:
                if self._engine.node_name(added) == f"{self.name}.packets":
                    self._engine.give_up_add(added)
            raise
        _native.decode_on_demand(self._engine, self._index)

    def _has_gone(self) -> GraphError:
        return GraphError(f"{self.name!r} was removed, and its packets with it")

    def wake(self, seconds: float | None = None, *, pts: float | None = None) -> None:
        """Wakes a camera that was opened with ``decode="keyframes"``: for a while it decodes all frames.

        Decoding resumes from the camera's last keyframe, whose packets are kept. So the newest frame comes
        with the next packet, without waiting for another keyframe, and all frames follow. Thread-safe. A call
        never shortens an earlier one.

        Args:
            seconds: How long from now, above 0 and at most 86400.
            pts: Until the frame with this ``pts``. Give exactly one of the two.

        Raises:
            GraphError: The port is not that of a camera with ``decode="keyframes"``.
            OptionError: Neither or both are given, or ``seconds`` is out of range.
            OptionTypeError: An argument has the wrong type.
            StateError: The camera was removed, its pipeline has ended, or this is a forked child.
        """
        if self._engine.ended:
            raise StateError(f"cannot wake {self.name!r}: its pipeline has ended")
        if is_gone(self):
            raise StateError(f"cannot wake {self.name!r}: it was removed")
        wake = declared(self.node).wake
        if wake is None:
            raise GraphError(
                f"{self.name!r} does not sleep: wake() needs a camera that was opened with decode='keyframes'"
            )
        wake(
            None if seconds is None else _check.number("seconds", seconds),
            None if pts is None else _check.number("pts", pts),
        )

    def __repr__(self) -> str:
        is_whole = self._only == _ALL or self._engine.forked
        only = "" if is_whole else f", of={self._engine.node_name(self._only)!r}"
        return f"Port({self.name!r}, {value_types.name(self._type)}{only})"


def find_engine(port: Port[Any]) -> _native.Engine:
    return port._engine


def belongs_to(port: Port[Any], engine: _native.Engine) -> bool:
    return port._engine is engine


def value_type(port: Port[Any]) -> Any:
    return port._type


def have_packets(ports: Sequence[Port[Any]]) -> bool:
    """Returns True if any of the ports is that of a camera's packets."""
    return any(value_type(port) is _native.Packet for port in ports)


def is_gone(port: Port[Any]) -> bool:
    """Returns True if the port's node was removed."""
    return port._index not in port._engine.node_numbers()


def find_place(port: Port[Any]) -> Place:
    return port._place


def view_name(port: Port[Any]) -> str:
    """Returns the port's name in the dashboard's list of views."""
    return port._engine.view_name(port._index, port._only)


def find_index(port: Port[Any]) -> int:
    return port._index


def is_among(port: Port[Any], numbers: Collection[int]) -> bool:
    """Returns True if the numbers include the port's node, and the source that it is limited to, if any."""
    return port._index in numbers and (port._only == _ALL or port._only in numbers)


def ends(ports: Sequence[Port[Any]]) -> list[tuple[int, int]]:
    """Returns the ports as the engine needs them: (number of the node, number of its only source or -1)."""
    return [(port._index, port._only) for port in ports]


def advice(given: object) -> str:
    """Suggests what to pass instead of something that is not a port."""
    if isinstance(given, Node | Source):
        return ": add() it, and give what add() returns"
    return ", which is a name: keep what add() returns" if isinstance(given, str) else ""


def parents(given: Any, label: str, engine: _native.Engine) -> list[Port[Any]]:
    """Returns ``given`` as a list of ports of this engine's pipeline; None becomes an empty list.

    Raises:
        GraphError: A port belongs to another pipeline.
        OptionTypeError: An item is not a port.
    """
    if given is None:
        return []
    ports = [given] if isinstance(given, Port) else given
    if not isinstance(ports, Sequence) or isinstance(ports, str):
        raise OptionTypeError(
            f"the parent of {label!r} must be a port that add() returned, or a list of ports; "
            f"got {_check.show(given)}{advice(given)}"
        )
    there = engine.node_numbers() if engine.started else None
    for port in ports:
        if not isinstance(port, Port):
            raise OptionTypeError(
                f"a parent of {label!r} must be a port that add() returned; "
                f"got {_check.show(port)}{advice(port)}"
            )
        if not belongs_to(port, engine):
            raise GraphError(f"the parent {port.name!r} of {label!r} belongs to another pipeline")
        if there is not None and port._index not in there:
            raise StateError(f"the parent {port.name!r} of {label!r} was removed and has no more samples")
        if there is not None and not is_among(port, there):
            raise StateError(
                f"the parent {port.name!r} of {label!r} has no more samples of "
                f"{engine.node_name(port._only)!r}, which was removed"
            )
        if never_gives(port.node):
            logger.warning(
                "%r receives nothing: its parent %r never returns a value, because no `return` in it has one",
                label,
                port.name,
            )
        if returns_its_sample(port.node):
            logger.warning(
                "%r receives a Sample in a Sample: process() of its parent %r returns the sample; return "
                "sample.value instead",
                label,
                port.name,
            )
    return list(ports)


def own_port(given: Any, use: str, engine: _native.Engine) -> Port[Any]:
    """Checks that an argument is a port of this engine's pipeline; returns it.

    Args:
        given: The argument that the user passed.
        use: How messages about it start: "remove() needs" is followed by "a port that add() returned".
        engine: The engine of the pipeline.

    Raises:
        GraphError: The port belongs to another pipeline.
        OptionTypeError: The argument is not a port.
    """
    if not isinstance(given, Port):
        raise OptionTypeError(f"{use} a port that add() returned; got {_check.show(given)}{advice(given)}")
    if not belongs_to(given, engine):
        raise GraphError(f"{use} a port of this pipeline; {given.name!r} belongs to another one")
    return given
