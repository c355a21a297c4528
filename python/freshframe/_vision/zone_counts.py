"""The counts of the objects in one zone, and their visits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .._check import attribute_hints
from .crossing import Crossing, Point

_MEANT_OF_COUNT = (
    "the occupancy is len(zone.visible); len(zone.inside) also counts objects that are missing from this "
    "frame and were seen inside less than max_gap ago"
)
_MEANT_OF_ZONE = {
    "count": _MEANT_OF_COUNT,
    "current_count": _MEANT_OF_COUNT,
    "seconds": "the seconds of each id are dwell",
    "tracks": "the tracks are an attribute of all zones together",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of an object in a zone. Times are the samples' pts, in seconds.

    Attributes:
        tracker_id: The object's id.
        class_id: Its class; 0 for circles.
        first_pts: When it crossed the border, interpolated between two positions, or when it was first seen,
            if that was inside.
        last_pts: When it was last seen inside.
        reason: Why it ended. "left": it was seen outside afterwards. "lost": it was not seen for the zone's
            `max_gap`.
    """

    tracker_id: int
    class_id: int
    first_pts: float
    last_pts: float
    reason: Literal["left", "lost"]

    @property
    def dwell(self) -> float:
        """Duration of the visit in seconds."""
        return self.last_pts - self.first_pts


def _by_text(seconds: Mapping[int, float]) -> dict[str, float]:
    return {str(number): each for number, each in seconds.items()}


@dataclass(frozen=True, slots=True, eq=False)
class ZoneCounts:
    """The objects in one zone, and the crossings of its border since the start. Compares by identity.

    Attributes:
        corners: (x, y) in pixels each, in the coordinates of the tracks.
        inside: The ids of the objects that were last seen inside, less than `max_gap` ago, ascending. If a
            tracker gave an occluded object a new id, both ids are here.
        dwell: For each id of `inside`, the seconds from the start of its visit until it was last seen.
        entered: Number of times an object entered. Objects first seen inside do not count.
        left: Number of times an object left.
        appeared: Number of objects first seen inside.
        lost: Number of objects last seen inside, at least `max_gap` ago. If one is seen inside again, it
            counts as new; if it is seen outside, as left instead. ``entered + appeared == left + lost +
            len(inside)``, not counting objects that have been on the border ever since they were first seen.
        loitering: The ids of `inside` that have been inside for `loiter_after` seconds or longer.
        loitered: The ids that started to loiter since the consumer's previous sample, once per visit.
        crossings: The crossings of the border since the consumer's previous sample, as in LineCounts.
        visits: The visits that ended since the consumer's previous sample.
        visible: The ids of `inside` that are in this frame's tracks: ``len(zone.visible)`` is the occupancy.
    """

    corners: tuple[Point, ...]
    inside: tuple[int, ...]
    dwell: Mapping[int, float] = field(metadata={"recorded": _by_text})
    entered: int
    left: int
    appeared: int
    lost: int
    loitering: tuple[int, ...]
    loitered: tuple[int, ...]
    crossings: tuple[Crossing, ...]
    visits: tuple[Visit, ...]
    visible: tuple[int, ...]

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = attribute_hints(_MEANT_OF_ZONE)
