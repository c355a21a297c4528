"""Results for the sinks JsonLines and Csv, and what they have written."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import collections
import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from support import Push

import freshframe as ff


@dataclasses.dataclass
class Reading:
    name: str
    level: float
    inner: Any = None


Point = collections.namedtuple("Point", ["x", "y"])


def circles(
    *rows: tuple[float, float, float], ids: list[int] | None = None, confidence: float = 0.5
) -> ff.Circles:
    xyr = np.array(rows, np.float32).reshape(-1, 3)
    confidences = np.full(len(rows), confidence, np.float32)
    if ids is None:
        return ff.Circles(xyr, confidences)
    velocity = np.tile(np.array([60, -7.5], np.float32), (len(rows), 1))
    age, steady = np.full(len(rows), 1.5, np.float32), np.full(len(rows), 0.25, np.float32)
    return ff.Circles(
        xyr,
        confidences,
        tracker_id=np.array(ids, np.int64),
        velocity=velocity,
        track_age=age,
        track_confidence=steady,
    )


TRACKED = {"vx": 60.0, "vy": -7.5, "track_age": 1.5, "track_confidence": 0.25}
UNTRACKED = dict.fromkeys(TRACKED)
COLUMNS = ["tracker_id", "x", "y", "r", "confidence", "vx", "vy", "track_age", "track_confidence"]


def write(sink: ff.Node[Any, None], *values: Any) -> ff.stats.Report:
    """Runs one sink over `values` without dropping any. Frame n has pts n / 25."""
    source = Push(live=False)
    source.push(*values)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(sink, pipeline.add(source), name="sink")
    return pipeline.run()


def lines(path: Path) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def boxes(count: int, **data: Any) -> ff.Detections:
    return ff.Detections(
        np.arange(4 * count, dtype=np.float32).reshape(count, 4),
        np.ones(count),
        np.arange(count),
        tracker_id=None,
        data=data,
    )


BOX_COLUMNS = "tracker_id,class_id,class_name,x1,y1,x2,y2,confidence,vx,vy,track_age,track_confidence"
