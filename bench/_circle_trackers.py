"""Runs in the environment of the other trackers: reads circles as JSON lines on stdin, writes them with ids.

`_circle_trackers.py NAME FPS`; first line out: the package's version. Imports nothing of freshframe.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")  # the packages' own deprecations

Rows = list[list[float]]  # x, y, radius, score
Step = Callable[[Rows], tuple[Rows, list[int]]]


def boxes(circles: Rows) -> Any:
    """(n, 4): left, top, right, bottom."""
    return np.array([[x - r, y - r, x + r, y + r] for x, y, r, _ in circles]).reshape(-1, 4)


def bytetrack(fps: float) -> Step:
    """Supervision's ByteTrack on its defaults."""
    import supervision  # noqa: PLC0415

    tracker = supervision.ByteTrack(frame_rate=round(fps))

    def step(circles: Rows) -> tuple[Rows, list[int]]:
        found = supervision.Detections(
            xyxy=boxes(circles),
            confidence=np.array([c[3] for c in circles]),
            class_id=np.zeros(len(circles), int),
        )
        result = tracker.update_with_detections(found)
        rows = [
            [(left + right) / 2, (top + bottom) / 2, (right - left) / 2, score]
            for (left, top, right, bottom), score in zip(
                result.xyxy.tolist(), result.confidence.tolist(), strict=True
            )
        ]
        return rows, [int(i) for i in result.tracker_id]

    return step


def norfair(fps: float) -> Step:
    """Norfair with the distance between corners in pixels; that did better than its overlap."""
    import norfair as package  # noqa: PLC0415

    tracker = package.Tracker(
        distance_function="euclidean",
        distance_threshold=60,
        initialization_delay=1,
        hit_counter_max=round(fps / 2),
    )

    def step(circles: Rows) -> tuple[Rows, list[int]]:
        found = [
            package.Detection(box.reshape(2, 2), scores=np.full(2, row[3]), data=row)
            for box, row in zip(boxes(circles), circles, strict=True)
        ]
        seen = {id(detection) for detection in found}
        tracks = [t for t in tracker.update(found) if id(t.last_detection) in seen and t.id is not None]
        return [t.last_detection.data for t in tracks], [int(t.id) for t in tracks]

    return step


MAKERS: dict[str, tuple[str, Callable[[float], Step]]] = {
    "ByteTrack": ("supervision", bytetrack),
    "norfair": ("norfair", norfair),
}


def main(name: str, fps: float) -> None:
    """A fresh tracker for each sequence."""
    from importlib.metadata import version  # noqa: PLC0415

    package, make = MAKERS[name]
    print(json.dumps(f"{package} {version(package)}"))
    sequence, step = None, make(fps)
    for line in sys.stdin:
        record = json.loads(line)
        if record["seq"] != sequence:
            sequence, step = record["seq"], make(fps)
        rows, ids = step(record["circles"])
        print(json.dumps({"circles": rows, "ids": ids}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
