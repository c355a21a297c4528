"""Counts of objects that cross a line or are in zones: the results of the counters."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .._results import Circles, Detections

Point = tuple[float, float]

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
    at: Point
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

    start: Point
    end: Point
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
        """The stay's length in seconds."""
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

    corners: tuple[Point, ...]
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


@dataclass(frozen=True, slots=True, eq=False)
class ZonesCounts(Mapping[str, ZoneCounts]):
    """The counts of several zones by name: ``counts["till"].inside``. Compares by identity.

    Attributes:
        zones: The counts of each zone, in the order of ff.Zones. Their `tracks` are those of all.
        tracks: The tracker's result, from which the counts were made.
    """

    zones: Mapping[str, ZoneCounts]
    tracks: Circles | Detections = field(repr=False, metadata=_UNRECORDED)

    def __getitem__(self, name: str) -> ZoneCounts:
        """The counts of one zone."""
        return self.zones[name]

    def __iter__(self) -> Iterator[str]:
        """The zones' names."""
        return iter(self.zones)

    def __len__(self) -> int:
        """How many zones there are."""
        return len(self.zones)
