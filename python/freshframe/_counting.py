"""Counts of things that cross a line or stand in a zone: the native nodes and what they give."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from . import _check, _native
from ._errors import OptionError, OptionTypeError
from ._nodes import NativeNode
from .results import Circles, Detections

Place = tuple[float, float]

_MOST_CORNERS = 1000
_UNRECORDED = {"recorded": False}  # JsonLines and Csv leave the field out


@dataclass(frozen=True, slots=True)
class Crossing:
    """One thing that went through a line or the border of a zone.

    Attributes:
        tracker_id: Its identity.
        class_id: Its class; 0 for circles.
        forward: Its direction; of a zone: True when it went in.
        at: (x, y) in pixels: where, on the straight way between two sightings.
        pts: Seconds: when, on that way.
    """

    tracker_id: int
    class_id: int
    forward: bool
    at: Place
    pts: float


@dataclass(frozen=True, slots=True, eq=False)
class LineCounts:
    """What has crossed a line since the start. Compares by identity.

    Attributes:
        start: (x, y) in pixels, in the coordinates of the tracks.
        end: The same.
        forward: Number of crossings to the right of one who looks from ``start`` to ``end``: downwards for a
            line drawn from left to right.
        backward: Number of crossings in the other direction.
        classes: (forward, backward) by the class's name, or its class_id as text where it has none; empty
            for circles.
        crossings: Those that are known since the sample before.
        tracks: The things that were counted in, as the tracker gave them.
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
    """What is in a zone, and what went in and out since the start. Compares by identity.

    Attributes:
        corners: (x, y) in pixels each, in the coordinates of the tracks.
        entered: Number of those that went in. A thing that is inside when it is seen first did not.
        left: Number of those that went out.
        inside: The ids of those that are inside now, ascending.
        crossings: Those of the border that are known since the sample before.
        tracks: The things that were counted in, as the tracker gave them.
    """

    corners: tuple[Place, ...]
    entered: int
    left: int
    inside: tuple[int, ...]
    crossings: tuple[Crossing, ...]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)


class LineCounter(NativeNode["Circles | Detections", LineCounts]):
    """Counts tracks that cross a line, in each direction. Native.

    A thing has crossed when it was seen on one side of the line and then on the other, and the way between
    these sightings went through the line. So frames that were dropped change nothing, and a thing that
    wavers on the line is counted once. Put a BoxTracker or a CircleTracker before it. Each source has counts
    of its own.

    Args:
        start: (x, y) in pixels: one end of the line. Forward is to the right of one who looks from here to
            ``end``: downwards for a line drawn from left to right.
        end: (x, y) in pixels: the other end.
        anchor: Which point of a thing crosses: its "center", or the middle of its lower edge, "bottom".
        margin: Pixels. A thing is on a side only when it is seen farther from the line than this. None: a
            twentieth of the thing's size, at least one pixel.

    Raises:
        OptionError: A number is out of range, or the line has no length.
        OptionTypeError: An option is of the wrong type.
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
        """See the class."""
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
            tracks: What a tracker gave.
            time: Seconds, ascending; after a step back all things are new, and counts go on.

        Raises:
            StateError: This counter was added to a pipeline.
            OptionTypeError: ``tracks`` are of another type, or time is no number.
            FreshframeError: The tracks have no ids.
        """
        seconds = _check.number("time", time)
        with self._updating:
            counts: LineCounts = _native.update_line_counter(self._handle, tracks, seconds)
        return counts


class ZoneCounter(NativeNode["Circles | Detections", ZoneCounts]):
    """Counts tracks that are in a zone, and those that go in and out. Native.

    As LineCounter: frames that were dropped change nothing. A thing that went through the zone between two
    sightings is counted as entered and left. Each source has counts of its own.

    Args:
        corners: (x, y) in pixels, 3 to 1000, in order around the zone.
        anchor: As of LineCounter.
        margin: As of LineCounter.
        max_gap: Seconds that a thing may be unseen and still be inside.

    Raises:
        OptionError: A number is out of range, the edges cross, or the zone has no area.
        OptionTypeError: An option is of the wrong type.
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
        """See the class."""
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
