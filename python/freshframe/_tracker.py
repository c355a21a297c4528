"""The tracker of boxes: a node in Python around the native core."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check, _native
from ._errors import GraphError
from ._nodes import Node
from .results import Detections

if TYPE_CHECKING:
    from ._native import Sample


class Tracker(Node[Detections, Detections]):
    """Gives boxes identities that last over time and through dropped frames.

    Time is real: the tracker goes by the samples' pts, so frames may be dropped and come at any rate. Each
    box is expected where its track's velocity leads, and pairs are made by likelihood; sure boxes choose
    first, then doubtful ones continue tracks that found none, as in ByteTrack (Zhang et al., ECCV 2022).
    Only boxes whose track is confirmed are passed on: seen twice, or once with a confidence of 0.8. A track
    keeps its class; boxes below 0.5 never start one. At most 512 tracks live at a time; of more than 1024
    boxes in a frame the surest are considered. Boxes with coordinates that are not finite or beyond 1e7
    pixels, or turned inside out, are ignored. Each source has tracks of its own.

    Args:
        max_gap: Seconds that a thing may be unseen and keep its id, at most 1e6; twice as long when no frame
            came meanwhile.
        min_confidence: Boxes below are ignored, 0 to 1.
        iou: Least overlap (intersection over union) of the expected box and the one that continues the
            track, 0 to 1. Where the expected place is uncertain (new tracks, after dropped frames), both
            boxes are grown by that uncertainty first.

    Raises:
        GraphError: An option cannot be.
    """

    def __init__(self, *, max_gap: float = 1.0, min_confidence: float = 0.1, iou: float = 0.3) -> None:
        """See the class."""
        self._options = (
            _check.number("max_gap", max_gap),
            _check.number("min_confidence", min_confidence),
            _check.number("iou", iou),
        )
        _native.BoxTracker(*self._options)  # refuses bad options now, not at the first sample
        self._trackers: dict[str, _native.BoxTracker] = {}

    def process(self, sample: Sample[Detections], /) -> Detections:
        """The boxes that have an identity, by ascending `tracker_id`. GIL: released for 100 boxes or more."""
        tracker = self._trackers.get(sample.source)
        if tracker is None:
            tracker = self._trackers[sample.source] = _native.BoxTracker(*self._options)
        found = sample.value
        n = len(found.xyxy)
        rows, ids, velocity, age, confidence = tracker.update(
            sample.pts,
            _column("xyxy", found.xyxy, np.float32, (n, 4)),
            _column("confidence", found.confidence, np.float32, (n,)),
            _column("class_id", found.class_id, np.int32, (n,)),
        )
        kept = found[rows]
        data = {**kept.data, "velocity": velocity, "age": age, "track_confidence": confidence}
        return Detections(kept.xyxy, kept.confidence, kept.class_id, ids, data)


def _column(name: str, given: Any, dtype: type, shape: tuple[int, ...]) -> Any:
    column: Any = np.ascontiguousarray(given, dtype)
    if column.shape != shape:
        raise GraphError(f"Detections.{name} must have the shape {shape}, got {column.shape}")
    return column
