"""Look: keeps the last seconds of a stream for questions about the present and the past."""

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
    """Raised by Look if there is no frame, or none that is recent enough.

    Attributes:
        age: Age of the newest frame in seconds; inf if there is none.
        state: The state of its source, as ``SourceStats.state``; "" if unknown.
    """

    __module__ = "freshframe"  # tracebacks show the public name

    age: float = float("inf")
    state: str = ""


class Look(NativeNode["Frame | Packet", None]):
    """Keeps the last seconds of a stream, so that a program can ask for current and past frames. Native.

    With ``camera.packets`` as parent it keeps the camera's packets, and decodes only on request. With a
    parent of frames it keeps one every ``every`` seconds as JPEG, including what upstream nodes did to it,
    such as blurring; now() may then be up to ``every`` seconds old.

    Each snapshot has its capture time and its source's name. A request never returns a frame twice: if the
    stream has a gap, there are fewer snapshots, and ``gap`` of the one before it is the length of the gap.
    Requests are served by native threads, at most two at a time per process. A signal such as Ctrl-C
    interrupts the wait.

    Args:
        seconds: Seconds to keep, above 0 and at most 3600. Packets are kept from a keyframe on, so up to one
            keyframe interval longer.
        every: Minimum seconds between two kept frames, by capture time, 0 to 60. Ignored for packets. Use 0
            for a file that is read at full speed, whose capture times are close together.
        max_bytes: Limit for the encoded frames and their metadata in memory; the oldest are dropped first.

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
        if (most := _check.size_bytes("max_bytes", max_bytes)) < 1:
            raise OptionError(f"max_bytes of a Look must be at least 1, got {max_bytes}")
        self._handle = _native.make_look(
            _check.number("seconds", seconds), _check.number("every", every), most
        )

    def _belongs_to(self, engine: _native.Engine) -> bool:
        return _native.look_is_part_of(self._handle, engine, self._node_name)

    def now(self, *, max_age: float | None = None) -> Snapshot:
        """Returns the newest frame. Thread-safe.

        Args:
            max_age: Maximum age in seconds; None means no limit.

        Raises:
            StaleFrameError: There is no frame, or the newest one is too old.
        GIL: released while waiting.
        """
        limit = None if max_age is None else _check.number("max_age", max_age)
        found = self._snapshots([0.0], exact=True)
        if not found:
            raise self._stale("the Look has no frame yet: start its pipeline, or wait for the first frame")
        ((snapshot, source),) = found
        if limit is not None and snapshot.age > limit:
            newest = f"the newest frame of {snapshot.source!r} is {snapshot.age:.1f} s old"
            raise self._stale(
                f"{newest}, more than the {limit:g} s that max_age allows", snapshot.age, source
            )
        return snapshot

    def ago(self, seconds: float) -> Snapshot:
        """Returns the frame that was the newest one this many seconds ago. Thread-safe.

        Args:
            seconds: 0 or more.

        Raises:
            OptionError: ``seconds`` is below 0.
            StaleFrameError: No frame that old is kept.
        GIL: released while waiting.
        """
        age = _check.number("seconds", seconds)
        if age < 0:
            raise OptionError(f"seconds must be at least 0, got {age:g}")
        found = self._snapshots([age], exact=True)
        if not found:
            raise self._stale(f"the Look has no frame from {age:g} s ago or earlier")
        return found[0][0]

    def last(self, seconds: float, n: int = 4, *, exact: bool = False) -> list[Snapshot]:
        """Returns frames spread evenly over the last seconds, oldest first. Thread-safe.

        Args:
            seconds: Above 0.
            n: Maximum number of frames, 1 to 64.
            exact: With packets: decode the exact frames, the last being the newest. Otherwise the last
                keyframe before each is returned, which costs a tenth. The timestamps are correct in both
                cases.

        Returns:
            Fewer than ``n`` snapshots if a frame would be repeated, because the stream has a gap or its
            keyframes are further apart.

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
        """Returns snapshots, each with the number of its source."""
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
