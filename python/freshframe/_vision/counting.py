"""Counters of objects that cross a line or are in zones: the native nodes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.nodes import NativeNode
from .._results import Circles, Detections
from .counts import LineCounts, Point, ZoneCounts, ZonesCounts

_LEAST_CORNERS = 3
_MOST_CORNERS = 1000


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
        relative: Whether ``start`` and ``end`` are shares of the picture's width and height, 0 to 1, instead
            of pixels. The counts have them in pixels.

    Attributes:
        line: (start, end). It may be set while the node works: the next sample has the new line, and the
            counts go on. The move itself is no crossing: an object is on the side on which it is seen next.
            An impossible line raises, and changes nothing.

    Raises:
        OptionError: A number is out of range, the line has no length, or its ends are shares of the picture
            without `relative`: all within 0 to 1 and not all whole numbers. A line outside of the picture is
            logged.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=30")))
        >>> counts = pipeline.reader(pipeline.add(ff.LineCounter((640, 0), (640, 720)), tracked))
        >>> with pipeline:
        ...     crossed = [(sample.value.forward, sample.value.backward) for sample in counts]
    """

    _freshframe_types = (Circles | Detections, LineCounts)

    def __init__(
        self,
        start: Point,
        end: Point,
        *,
        anchor: Literal["center", "bottom"] = "center",
        margin: float | None = None,
        relative: bool = False,
    ) -> None:
        """Checks the options. All counts are 0."""
        ends = _check.pair("start (x, y)", start), _check.pair("end (x, y)", end)
        self._handle = _native.make_line_counter(
            *ends,
            _check.text("anchor", anchor),
            None if margin is None else _check.number("margin", margin),
            _check.flag("relative", relative),
        )
        self._line = ends
        self._updating = threading.Lock()

    @property
    def line(self) -> tuple[Point, Point]:
        """The line's start and end. New ones hold from the next sample on."""
        return self._line

    @line.setter
    def line(self, value: tuple[Point, Point]) -> None:
        try:
            start, end = value
            _ = len(start), len(end)
        except (TypeError, ValueError):
            raise OptionTypeError(
                f"line must be its two ends, such as ((0, 120), (320, 120)), got {_check.shown(value)}"
            ) from None
        ends = _check.pair("start (x, y)", start), _check.pair("end (x, y)", end)
        _native.set_line(self._handle, *ends)
        self._line = ends

    def update(
        self, tracks: Circles | Detections, *, time: float, size: tuple[int, int] | None = None
    ) -> LineCounts:
        """The counts with the tracks of one more picture, for programs without a pipeline.

        Args:
            tracks: A tracker's result.
            time: Seconds, ascending; after a step back all objects are new, and the counts continue.
            size: Width and height of the picture, which `relative` needs.

        Raises:
            StateError: This counter was added to a pipeline.
            OptionTypeError: ``tracks`` are of another type, or time is not a number.
            FreshframeError: The tracks have no ids, or the size is not known.
        """
        seconds = _check.number("time", time)
        with self._updating:
            counts: LineCounts = _native.update_line_counter(self._handle, tracks, seconds, _size(size))
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
        relative: As of LineCounter: whether the corners are shares of the picture, 0 to 1.

    Attributes:
        corners: They may be set while the node works: the next sample has the new zone, and the counts go
            on. By the move itself nothing enters or leaves: an object that it puts inside has appeared, and
            the visit of one that it puts outside has ended as "lost". An impossible zone raises, and changes
            nothing.

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
        >>> with pipeline:
        ...     inside = [len(sample.value.inside) for sample in counts]
    """

    _freshframe_types = (Circles | Detections, ZoneCounts)

    def __init__(
        self,
        corners: Sequence[Point],
        *,
        anchor: Literal["center", "bottom"] = "center",
        margin: float | None = None,
        max_gap: float = 1.0,
        loiter: float | Mapping[str, float] | None = None,
        relative: bool = False,
    ) -> None:
        """Checks the options. All counts are 0."""
        if isinstance(corners, Mapping):
            raise OptionTypeError(
                f"ZoneCounter has one zone, a list of corners, got {_check.shown(corners)}: for several "
                "zones by name write freshframe.Zones(...)"
            )
        places = _corners(corners)
        self._handle = _native.make_zone_counter(places, _rules(anchor, margin, max_gap, loiter, relative))
        self._corners = tuple(places)
        self._updating = threading.Lock()

    @property
    def corners(self) -> tuple[Point, ...]:
        """The corners. New ones hold from the next sample on."""
        return self._corners

    @corners.setter
    def corners(self, value: Sequence[Point]) -> None:
        places = _corners(value)
        _native.set_zone_corners(self._handle, places)
        self._corners = tuple(places)

    def update(
        self, tracks: Circles | Detections, *, time: float, size: tuple[int, int] | None = None
    ) -> ZoneCounts:
        """As LineCounter.update()."""
        seconds = _check.number("time", time)
        with self._updating:
            counts: ZoneCounts = _native.update_zone_counter(self._handle, tracks, seconds, _size(size))
        return counts


class Zones(NativeNode["Circles | Detections", ZonesCounts]):
    """Counts tracks in several zones of a picture, each as a ZoneCounter does. Native.

    Its value is a mapping of ZoneCounts by name, and Annotate draws all zones with their names. Zones may
    overlap. Each source has counts of its own.

    Args:
        zones: The corners of each zone by its name, 1 to 1000 zones: ``json.load(file)`` of an object of
            lists of pairs, for example.
        anchor: As of ZoneCounter, of all zones, as are all that follow.
        margin: As of ZoneCounter.
        max_gap: As of ZoneCounter.
        loiter: As of ZoneCounter.
        relative: As of ZoneCounter.

    Attributes:
        zones: They may be set while the node works: the next sample has the new zones. The counts of zones
            whose names stay go on, as of ZoneCounter; new ones begin with 0. Impossible ones raise, and
            change nothing.

    Raises:
        OptionError: As of ZoneCounter; the message names the zone.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> tracked = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=30")))
        >>> zones = ff.Zones({"left": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]}, relative=True)
        >>> counts = pipeline.reader(pipeline.add(zones, tracked))
        >>> with pipeline:
        ...     inside = [[len(zone.inside) for zone in sample.value.values()] for sample in counts]
    """

    _freshframe_types = (Circles | Detections, ZonesCounts)

    def __init__(
        self,
        zones: Mapping[str, Sequence[Point]],
        *,
        anchor: Literal["center", "bottom"] = "center",
        margin: float | None = None,
        max_gap: float = 1.0,
        loiter: float | Mapping[str, float] | None = None,
        relative: bool = False,
    ) -> None:
        """Checks the options. All counts are 0."""
        named = _named(zones)
        self._zone_rules = _rules(anchor, margin, max_gap, loiter, relative)
        self._handle = _native.make_zones(named, self._zone_rules)
        self._zones = named
        self._updating = threading.Lock()

    @property
    def zones(self) -> dict[str, tuple[Point, ...]]:
        """The corners of each zone. New ones hold from the next sample on."""
        return {name: tuple(corners) for name, corners in self._zones}

    @zones.setter
    def zones(self, value: Mapping[str, Sequence[Point]]) -> None:
        named = _named(value)
        _native.set_zones(self._handle, named, self._zone_rules)
        self._zones = named

    def update(
        self, tracks: Circles | Detections, *, time: float, size: tuple[int, int] | None = None
    ) -> ZonesCounts:
        """As LineCounter.update()."""
        seconds = _check.number("time", time)
        with self._updating:
            counts: ZonesCounts = _native.update_zones(self._handle, tracks, seconds, _size(size))
        return counts


def inside(
    found: Circles | Detections,
    corners: Sequence[Point],
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
    if all(0 <= number <= 1 for place in places for number in place):
        raise OptionError(
            f"corners are in pixels, and all of {_check.shown(places)} are within one: multiply shares of "
            "the picture by its width and height"
        )
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
        raise OptionError(f"anchor must be 'center' or 'bottom', got {_check.shown(anchor)}")
    if isinstance(found, Circles):
        x, y, r = found.xyr.astype(np.float64).T
        return np.stack([x, y + r if anchor == "bottom" else y], axis=1)
    if not isinstance(found, Detections):
        raise OptionTypeError(f"inside takes Circles or Detections, got {_check.shown(found)}")
    left, top, right, bottom = found.xyxy.astype(np.float64).T
    return np.stack([(left + right) / 2, bottom if anchor == "bottom" else (top + bottom) / 2], axis=1)


def _rules(
    anchor: Any, margin: Any, max_gap: Any, loiter: float | Mapping[str, float] | None, relative: Any
) -> _native.ZoneRules:
    by_class = isinstance(loiter, Mapping)
    return _native.make_zone_rules(
        _check.text("anchor", anchor),
        None if margin is None else _check.number("margin", margin),
        _check.number("max_gap", max_gap),
        None if loiter is None or by_class else _check.number("loiter", loiter),
        _loiter_of(loiter) if by_class else {},
        _check.flag("relative", relative),
    )


def _size(given: Any) -> tuple[int, int]:
    if given is None:
        return 0, 0
    _check.pair("size (width, height)", given)
    width, height = (_check.integer("each number of size", each) for each in given)
    return width, height


def _loiter_of(given: Any) -> dict[str, float]:
    return {_check.text("a class of loiter", name): _check.number("loiter", s) for name, s in given.items()}


def _named(zones: Any) -> list[tuple[str, list[Point]]]:
    if not isinstance(zones, Mapping):
        raise OptionTypeError(f"zones must map names to corners, got {_check.shown(zones)}")
    return [(_check.text("a zone's name", name), _corners(corners)) for name, corners in zones.items()]


def _corners(given: Any) -> list[Point]:
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
