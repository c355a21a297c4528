"""One crossing of a line or of a zone's border."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Crossing:
    """One object that crossed a line or the border of a zone.

    Attributes:
        tracker_id: The object's id.
        class_id: Its class; 0 for circles.
        forward: True if it crossed in the forward direction of the line, or entered the zone.
        point: (x, y) in pixels, on the straight path between two positions of the object.
        pts: Time of the crossing in seconds, interpolated on that path.
        class_name: The name of its class, or ``class_id`` as a string where it has none; None without names.
    """

    tracker_id: int
    class_id: int
    forward: bool
    point: Point
    pts: float
    class_name: str | None
