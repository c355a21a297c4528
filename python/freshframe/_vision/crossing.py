"""One crossing of a line or of a zone's border."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Crossing:
    """One object that crossed a line or the border of a zone.

    Attributes:
        tracker_id: Its identity.
        class_id: Its class; 0 for circles.
        forward: Its direction; for a zone True when it went in.
        point: (x, y) in pixels, on the straight path between two positions of the object.
        pts: Seconds: the time on that path.
    """

    tracker_id: int
    class_id: int
    forward: bool
    point: Point
    pts: float
