"""Counts of objects that cross a line or are in a zone: the native nodes and their results."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.nodes import NativeNode
from ..results import Circles, Detections

Place = tuple[float, float]

_MOST_CORNERS = 1000
_UNRECORDED = {"recorded": False}  # JsonLines and Csv leave the field out


@dataclass(frozen=True, slots=True)
class Crossing:
    """One object that crossed a line or the border of a zone.

    Attributes:
        tracker_id: Its identity.
        class_id: Its class; 0 for circles.
        forward: Its direction; for a zone True when it went in.
        at: (x, y) in pixels: the place on the straight path between two positions of the object.
        pts: Seconds: the time on that path.
    """

    tracker_id: int
    class_id: int
    forward: bool
    at: Place
    pts: float


@dataclass(frozen=True, slots=True, eq=False)
class LineCounts:
    """The crossings of a line since the start. Compares by identity.

    Attributes:
        start: (x, y) in pixels, in the coordinates of the tracks.
        end: The same.
        forward: Number of crossings to the right, as seen from ``start`` towards ``end``: downwards for a
            line drawn from left to right.
        backward: Number of crossings in the other direction.
        classes: (forward, backward) by the class's name, or by its class_id as a string where it has none;
            empty for circles.
        crossings: The crossings since the consumer's previous sample, in their order: found with this sample,
            and with those that its edge has dropped since. Each consumer gets every crossing once.
        tracks: The tracker's result, from which the counts were made.
    """

    start: Place
    end: Place
    forward: int
    backward: int
    classes: Mapping[str, tuple[int, int]]
    crossings: tuple[Crossing, ...]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)


@dataclass(frozen=True, slots=True, eq=False)
class ZoneCounts:
    """The objects in a zone, and the crossings of its border since the start. Compares by identity.

    Attributes:
        corners: (x, y) in pixels each, in the coordinates of the tracks.
        entered: How often an object went in. One that is first seen inside has not entered.
        left: How often an object went out.
        inside: The ids of the objects that are inside now, ascending.
        crossings: The crossings of the border since the consumer's previous sample, as of LineCounts.
        tracks: The tracker's result, from which the counts were made.
    """

    corners: tuple[Place, ...]
    entered: int
    left: int
    inside: tuple[int, ...]
    crossings: tuple[Crossing, ...]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)


class LineCounter(NativeNode["Circles | Detections", LineCounts]):
    """Counts tracks that cross a line, in each direction. Native.

    An object has crossed when it was seen on one side of the line and then on the other, and the straight
    path between these positions goes through the line. So dropped frames do not change the count, and an
    object that stands on the line is counted once. Put a BoxTracker or a CircleTracker before it. Each source
    has counts of its own.

    Args:
        start: (x, y) in pixels: one end of the line. Forward is to the right, as seen from here towards
            ``end``: downwards for a line drawn from left to right.
        end: (x, y) in pixels: the other end.
        anchor: The point of an object that crosses: its "center", or the middle of its lower edge, "bottom".
        margin: Pixels. An object is on a side only when its anchor is farther from the line than this. None:
            a twentieth of the object's size, at least one pixel.

    Raises:
        OptionError: A number is out of range, the line has no length, or its ends are shares of the picture
            instead of pixels: all within 0 to 1 and not all whole numbers. A line outside of the picture is
            logged.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=30")))
        >>> counts = pipeline.reader(pipeline.add(ff.LineCounter((640, 0), (640, 720)), tracked))
        >>> with pipeline.start():
        ...     crossed = [(sample.value.forward, sample.value.backward) for sample in counts]
    """

    _freshframe_types = (Circles | Detections, LineCounts)

    def __init__(
        self,
        start: Place,
        end: Place,
        *,
        anchor: Literal["center", "bottom"] = "center",
        margin: float | None = None,
    ) -> None:
        """Checks the options. All counts are 0."""
        self._handle = _native.make_line_counter(
            _check.pair("start (x, y)", start),
            _check.pair("end (x, y)", end),
            _check.text("anchor", anchor),
            None if margin is None else _check.number("margin", margin),
        )
        self._updating = threading.Lock()

    def update(self, tracks: Circles | Detections, *, time: float) -> LineCounts:
        """The counts with the tracks of one more picture, for programs without a pipeline.

        Args:
            tracks: A tracker's result.
            time: Seconds, ascending; after a step back all objects are new, and the counts continue.

        Raises:
            StateError: This counter was added to a pipeline.
            OptionTypeError: ``tracks`` are of another type, or time is not a number.
            FreshframeError: The tracks have no ids.
        """
        seconds = _check.number("time", time)
        with self._updating:
            counts: LineCounts = _native.update_line_counter(self._handle, tracks, seconds)
        return counts


class ZoneCounter(NativeNode["Circles | Detections", ZoneCounts]):
    """Counts tracks that are in a zone, and those that go in and out. Native.

    As with LineCounter, dropped frames do not change the count. An object that went through the zone between
    two positions is counted as entered and left. Each source has counts of its own.

    Args:
        corners: (x, y) in pixels, 3 to 1000, in order around the zone.
        anchor: As of LineCounter.
        margin: As of LineCounter.
        max_gap: Seconds for which an object may be unseen and still count as inside, more than 0.

    Raises:
        OptionError: A number is out of range, the edges cross, the zone has no area, or its corners are
            shares of the picture, as of LineCounter.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=30")))
        >>> zone = ff.ZoneCounter([(0, 0), (640, 0), (640, 720), (0, 720)])
        >>> counts = pipeline.reader(pipeline.add(zone, tracked))
        >>> with pipeline.start():
        ...     inside = [len(sample.value.inside) for sample in counts]
    """

    _freshframe_types = (Circles | Detections, ZoneCounts)

    def __init__(
        self,
        corners: Sequence[Place],
        *,
        anchor: Literal["center", "bottom"] = "center",
        margin: float | None = None,
        max_gap: float = 1.0,
    ) -> None:
        """Checks the options. All counts are 0."""
        self._handle = _native.make_zone_counter(
            _corners(corners),
            _check.text("anchor", anchor),
            None if margin is None else _check.number("margin", margin),
            _check.number("max_gap", max_gap),
        )
        self._updating = threading.Lock()

    def update(self, tracks: Circles | Detections, *, time: float) -> ZoneCounts:
        """As LineCounter.update()."""
        seconds = _check.number("time", time)
        with self._updating:
            counts: ZoneCounts = _native.update_zone_counter(self._handle, tracks, seconds)
        return counts


def _corners(given: Any) -> list[Place]:
    try:
        corners = list(given)
    except TypeError:
        raise OptionTypeError(
            f"corners must be a sequence of (x, y) in pixels, got {_check.shown(given)}"
        ) from None
    if isinstance(given, str | bytes):
        raise OptionTypeError(f"corners must be a sequence of (x, y) in pixels, got {_check.shown(given)}")
    if len(corners) > _MOST_CORNERS:
        raise OptionError(f"corners must be at most {_MOST_CORNERS}, got {len(corners)}")
    return [_check.pair("a corner (x, y)", corner) for corner in corners]
