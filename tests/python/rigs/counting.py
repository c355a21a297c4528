"""A line, a zone, and boxes that cross them, for the counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterable

import freshframe as ff

LINE = ((0.0, 120.0), (320.0, 120.0))
ZONE = [(100.0, 60.0), (220.0, 60.0), (220.0, 180.0), (100.0, 180.0)]


def at(*places: tuple[float, float], ids: Iterable[int] | None = None, side: float = 20) -> ff.Detections:
    """Returns boxes of 20 x 20 pixels centred at these points, with the ids 1, 2, ..."""
    boxes = [[x - side / 2, y - side / 2, x + side / 2, y + side / 2] for x, y in places]
    n = len(places)
    return ff.Detections(
        boxes, [0.9] * n, [0] * n, tracker_id=list(ids or range(1, n + 1)), names=["ball", "car"]
    )
