"""Counts of objects that cross a line or are in a zone: the native nodes and their results."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.nodes import NativeNode
from ..results import Circles, Detections

Place = tuple[float, float]

_LEAST_CORNERS = 3
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


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of an object in a zone. Times are the samples' pts, in seconds.

    Attributes:
        tracker_id: The object.
        class_id: Its class; 0 for circles.
        entered: When it crossed the border, on the straight path between two sightings, or when it was first
            seen, if that was inside.
        ended: When it was last seen inside.
        how: "left": it was seen outside afterwards. "lost": it was not seen for the zone's `max_gap`.
    """

    tracker_id: int
    class_id: int
    entered: float
    ended: float
    how: Literal["left", "lost"]

    @property
    def dwell(self) -> float:
        """Its length in seconds."""
        return self.ended - self.entered


@dataclass(frozen=True, slots=True, eq=False)
class ZoneCounts:
    """The objects in a zone, and the crossings of its border since the start. Compares by identity.

    Attributes:
        corners: (x, y) in pixels each, in the coordinates of the tracks.
        entered: How often an object went in. One that is first seen inside has not entered.
        left: How often an object went out.
        inside: The ids of the objects that are inside now, ascending.
        crossings: The crossings of the border since the consumer's previous sample, as of LineCounts.
        appeared: How many objects were first seen inside.
        lost: How many were last seen inside, `max_gap` ago or longer. One that is seen inside later counts as
            new, and one that is seen outside as having left instead.
            ``entered + appeared == left + lost + len(inside)``, less the objects that have stood on the
            border since they were first seen.
        seconds: For each id of `inside` the time from the begin of its visit to its last sight.
        loitering: The ids of `inside` that have been inside for the zone's `loiter` seconds or longer.
        visits: The visits that have ended since then.
        loitered: The ids that have begun to loiter since then, once per visit.
        tracks: The tracker's result, from which the counts were made.
    """

    corners: tuple[Place, ...]
    entered: int
    left: int
    inside: tuple[int, ...]
    crossings: tuple[Crossing, ...]
    appeared: int
    lost: int
    seconds: tuple[float, ...]
    loitering: tuple[int, ...]
    visits: tuple[Visit, ...]
    loitered: tuple[int, ...]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)

    @property
    def dwell(self) -> dict[int, float]:
        """The `seconds` of each id that is inside."""
        return dict(zip(self.inside, self.seconds, strict=True))


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
    """Counts tracks that are in a zone, and those that go in and out; says how long they stay. Native.

    As with LineCounter, dropped frames do not change the count. An object that went through the zone between
    two positions is counted as entered and left. Each source has counts of its own.

    Times are the samples' pts, so frames that were dropped change a visit by at most the interval of the
    frames that came, at each end. An object that is not seen for up to `max_gap` is still there, but this
    time counts only when it is seen inside again. In a crowd a tracker's ids change their owners: there the
    mean of the visits holds, and a single one may not. ``BoxTracker(max_gap=3)`` keeps ids for longer.

    Args:
        corners: (x, y) in pixels, 3 to 1000, in order around the zone.
        anchor: As of LineCounter.
        margin: As of LineCounter.
        max_gap: Seconds for which an object may be unseen and still count as inside, more than 0. After them
            its visit has ended as "lost", with the next sample.
        loiter: Seconds of a visit after which an object loiters: a number, or one for each name of a class,
            such as ``{"person": 15, "car": 120}`` (a class without a name has its number as name). None:
            none does.

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
        loiter: float | Mapping[str, float] | None = None,
    ) -> None:
        """Checks the options. All counts are 0."""
        by_class = isinstance(loiter, Mapping)
        self._handle = _native.make_zone_counter(
            _corners(corners),
            _check.text("anchor", anchor),
            None if margin is None else _check.number("margin", margin),
            _check.number("max_gap", max_gap),
            None if loiter is None or by_class else _check.number("loiter", loiter),
            _loiter_of(loiter) if by_class else {},
        )
        self._updating = threading.Lock()

    def update(self, tracks: Circles | Detections, *, time: float) -> ZoneCounts:
        """As LineCounter.update()."""
        seconds = _check.number("time", time)
        with self._updating:
            counts: ZoneCounts = _native.update_zone_counter(self._handle, tracks, seconds)
        return counts


def inside(
    found: Circles | Detections,
    corners: Sequence[Place],
    *,
    anchor: Literal["center", "bottom"] = "center",
) -> npt.NDArray[np.bool_]:
    """Which objects of one result are in a zone, without a tracker: ``boxes[ff.inside(boxes, corners)]``.

    Args:
        found: n circles or boxes.
        corners: (x, y) in pixels, 3 to 1000, in order around the zone. Where its edges cross, points that the
            zone goes around twice are outside.
        anchor: The point of an object that must be inside: its "center", or the middle of its lower edge,
            "bottom".

    Returns:
        (n,) bool. An object with NaN is outside.

    Raises:
        OptionError: There are too few or too many corners, or anchor is neither.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> boxes = ff.Detections([[10, 10, 30, 30], [90, 10, 120, 30]], [0.9, 0.8], [0, 0])
        >>> ff.inside(boxes, [(0, 0), (50, 0), (50, 50), (0, 50)])
        array([ True, False])
    """
    places = _corners(corners)
    if len(places) < _LEAST_CORNERS:
        raise OptionError(f"corners must be at least {_LEAST_CORNERS}, got {len(places)}")
    at = _anchors(found, _check.text("anchor", anchor))
    x, y = at[:, 0], at[:, 1]
    result = np.zeros(len(at), np.bool_)
    for (ax, ay), (bx, by) in zip(places, [*places[1:], places[0]], strict=True):
        if ay == by:
            continue
        spans = (ay > y) != (by > y)
        result ^= spans & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return result


def _anchors(found: Any, anchor: str) -> npt.NDArray[np.float64]:
    if anchor not in ("center", "bottom"):
        raise OptionError(f"anchor must be 'center' or 'bottom', got {anchor!r}")
    if isinstance(found, Circles):
        x, y, r = found.xyr.astype(np.float64).T
        return np.stack([x, y + r if anchor == "bottom" else y], axis=1)
    if not isinstance(found, Detections):
        raise OptionTypeError(f"inside takes Circles or Detections, got {_check.shown(found)}")
    left, top, right, bottom = found.xyxy.astype(np.float64).T
    return np.stack([(left + right) / 2, bottom if anchor == "bottom" else (top + bottom) / 2], axis=1)


def _loiter_of(given: Any) -> dict[str, float]:
    return {_check.text("a class of loiter", name): _check.number("loiter", s) for name, s in given.items()}


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
