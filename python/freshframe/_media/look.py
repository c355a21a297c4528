"""The pictures of a stream's last seconds, for questions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _check, _native
from .._errors import FreshframeError, OptionError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)


class StaleFrameError(FreshframeError):
    """``Look.now(max_age=)`` has no picture that is young enough.

    Attributes:
        age: Seconds of the newest picture; inf if there is no such picture.
        state: The state of its source, as ``SourceStats.state``; "" if that is not known.
    """

    age: float = float("inf")
    state: str = ""


class Look(NativeNode["Frame | Packet", None]):
    """Keeps the last seconds of a stream, so that a program can ask for present and past pictures. Native.

    Below ``camera.packets`` it keeps what the camera has sent, and decodes nothing until it is asked. Below
    frames it keeps one every ``every`` seconds as JPEG. The work of nodes above it in the graph, such as a
    blur, is in each of its pictures, also in past ones.

    Each picture has its time of capture and the name of the source that took it. No picture is in an answer
    twice. Where the stream has a gap, there are fewer, and the one before it has the length of the gap.
    Questions are answered on another thread, two of the program at a time, and a signal ends the wait. Below
    frames ``now()`` can be ``every`` old.

    Args:
        seconds: Seconds of capture that are kept, above 0 and at most 3600. Packets are kept from a keyframe
            on, so up to one interval of keyframes more.
        every: Seconds between the captures of two frames that are kept, 0 to 60. Of packets all are kept. A
            file that is read at full speed is captured within a moment: take ``every=0``.
        max_bytes: Limit for the memory of the encoded pictures, with what is kept about each of them; the
            oldest ones go first.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> look = ff.Look(seconds=10, every=0)
        >>> scene = pipeline.add(ff.open("demo:circles?frames=60&size=320x240"), name="scene")
        >>> port = pipeline.add(look, scene)
        >>> report = pipeline.run()
        >>> snapshot = look.now()
        >>> snapshot.source, snapshot.seq
        ('scene', 59)
    """

    _node_name: str = ""

    def _freshframe_contract(self) -> Contract:
        return Contract(
            types=(_native.Frame | _native.Packet, None),
            note_name=self._note_name,
            is_part_of=self._belongs_to,
        )

    def _note_name(self, name: str) -> None:
        self._node_name = name

    def __init__(self, *, seconds: float = 30.0, every: float = 0.5, max_bytes: float = 1 << 28) -> None:
        """Checks the options."""
        if (most := _check.size_bytes("max_bytes", max_bytes)) < 1:
            raise OptionError(f"max_bytes of a Look must be at least 1, got {max_bytes}")
        self._handle = _native.make_look(
            _check.number("seconds", seconds), _check.number("every", every), most
        )

    def _belongs_to(self, engine: _native.Engine) -> bool:
        return _native.look_is_part_of(self._handle, engine, self._node_name)

    def now(self, *, max_age: float | None = None) -> Snapshot:
        """The newest picture. From any thread.

        Args:
            max_age: Seconds. A picture that is older is no answer. None means no limit.

        Raises:
            StaleFrameError: There is no picture, or none that is young enough.
        GIL: released while waiting.
        """
        limit = None if max_age is None else _check.number("max_age", max_age)
        found = self._snapshots([0.0], exact=True)
        if not found:
            raise self._stale("the Look has no picture yet")
        ((snapshot, source),) = found
        if limit is not None and snapshot.age > limit:
            newest = f"the newest picture of {snapshot.source!r} is {snapshot.age:.1f} s old"
            raise self._stale(f"{newest}, {limit:g} s were asked for", snapshot.age, source)
        return snapshot

    def ago(self, seconds: float) -> Snapshot:
        """The newest picture that had been taken this number of seconds ago. From any thread.

        Args:
            seconds: 0 or more: 3 for three seconds ago.

        Raises:
            OptionError: ``seconds`` is below 0.
            StaleFrameError: No picture is kept that had been taken by then.
        GIL: released while waiting.
        """
        age = _check.number("seconds", seconds)
        if age < 0:
            raise OptionError(f"seconds must be 0 for now or above 0 for earlier, got {age:g}")
        found = self._snapshots([age], exact=True)
        if not found:
            raise self._stale(f"the Look has no picture of {age:g} s ago or before")
        return found[0][0]

    def last(self, seconds: float, n: int = 4, *, exact: bool = False) -> list[Snapshot]:
        """Pictures that are spread evenly over the last seconds, the oldest first. From any thread.

        Args:
            seconds: Above 0.
            n: The most pictures, 1 to 64.
            exact: Of packets, decode up to each wished picture, the last being the newest. Otherwise
                each is the last keyframe before, which costs a tenth. Each has its true time in any case.

        Returns:
            Fewer than ``n`` where one picture would be there twice: the stream has a gap, or its keyframes
            are further apart.

        Raises:
            OptionError: ``seconds`` or ``n`` is out of range.
        GIL: released while waiting.
        """
        span = _check.number("seconds", seconds)
        if not span > 0:
            raise OptionError(f"seconds must be above 0, got {span:g}")
        if not 1 <= _check.integer("n", n) <= 64:
            raise OptionError(f"n must be 1 to 64, got {n}")
        ages = [span * (n - 1 - k) / n for k in range(n)]
        return [snapshot for snapshot, _ in self._snapshots(ages, exact=_check.flag("exact", exact))]

    def _snapshots(self, ages: list[float], *, exact: bool) -> list[tuple[Snapshot, int]]:
        """The pictures, each with the number of its source."""
        found = _native.look_snapshots(self._handle, ages, exact)
        numbers = [each[-1] for each in found]
        sources = _native.look_sources(self._handle, numbers, "") if found else []
        return [
            (Snapshot(name, frozen_for, *each[:-1]), number)
            for each, number, (name, _, _, frozen_for) in zip(found, numbers, sources, strict=True)
        ]

    def _stale(self, text: str, age: float = float("inf"), source: int = -1) -> StaleFrameError:
        ((_, state, error, _),) = _native.look_sources(self._handle, [source], self._node_name)
        about = f"; the source is {state.replace('_', ' ')}" if state else ""
        last = f", its last error: {error}" if error else ""
        stale = StaleFrameError(f"{text}{about}{last}")
        stale.age, stale.state = age, state
        return stale
