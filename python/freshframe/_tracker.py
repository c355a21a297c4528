"""The tracker of boxes: a node in Python around the native core."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from . import _check, _native
from ._errors import OptionTypeError, StateError
from ._nodes import Node
from .results import Detections

if TYPE_CHECKING:
    from ._native import Sample


class BoxTracker(Node[Detections, Detections]):
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
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
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

    def update(self, detections: Detections, *, time: float) -> Detections:
        """The boxes of one picture that have an identity, for programs without a pipeline.

        Args:
            detections: The boxes found; supervision's Detections do, too.
            time: Seconds, ascending; a step back starts afresh.

        Returns:
            By ascending ``tracker_id``.

        Raises:
            StateError: This tracker was added to a pipeline.
            OptionTypeError: ``detections`` are of another type, or time is no number.
            OptionError: A column has the wrong length, or time is infinite or nan.
        GIL: released for 100 boxes or more.
        """
        seconds = _check.number("time", time)
        if getattr(self, "_freshframe_added", False):
            raise StateError(
                "this BoxTracker is a node of a pipeline, which calls it: make another one for update()"
            )
        return self._tracked(boxes_of("BoxTracker", detections, "update() got a"), seconds, "")

    def process(self, sample: Sample[Detections], /) -> Detections:
        """The boxes that have an identity, by ascending `tracker_id`. GIL: released for 100 boxes or more."""
        found = boxes_of("BoxTracker", sample.value, f"{sample.node!r} gave a")
        return self._tracked(found, sample.pts, sample.source)

    def _tracked(self, found: Detections, time: float, source: str) -> Detections:
        tracker = self._trackers.get(source)
        if tracker is None:
            tracker = self._trackers[source] = _native.BoxTracker(*self._options)
        rows, ids, velocity, age, confidence = tracker.update(
            time, found.xyxy, found.confidence, found.class_id
        )
        kept = found[rows]
        return dataclasses.replace(
            kept, tracker_id=ids, velocity=velocity, age=age, track_confidence=confidence
        )


def boxes_of(taker: str, given: Any, giver: str) -> Detections:
    """Detections of what was given; `giver` begins the sentence about what was given instead."""
    if isinstance(given, Detections):
        return given
    if all(hasattr(given, name) for name in ("xyxy", "confidence", "class_id", "tracker_id", "data")):
        return Detections.from_supervision(given)
    raise OptionTypeError(
        f"{taker} takes Detections (freshframe's or supervision's), but "
        f"{giver} {type(given).__name__}: make them of your boxes, "
        "ff.Detections(xyxy, confidence, class_id)"
    )
