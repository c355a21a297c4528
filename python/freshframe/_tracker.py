"""The tracker of boxes: the native node, callable alone, too."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from typing import Any

from . import _check, _native
from ._nodes import NativeNode
from .results import Detections


class BoxTracker(NativeNode[Detections, Detections]):
    """Gives boxes identities that last over time and through dropped frames. Native.

    Time is real: the tracker goes by the samples' pts, so frames may be dropped and come at any rate. Each
    box is expected where its track's velocity leads, and pairs are made by likelihood; sure boxes choose
    first, then doubtful ones continue tracks that found none, as in ByteTrack (Zhang et al., ECCV 2022).
    Only boxes whose track is confirmed are passed on: seen twice, or once with a confidence of 0.8. A track
    keeps its class; boxes below 0.5 never start one. At most 512 tracks live at a time; of more than 1024
    boxes in a frame the surest are considered. Boxes with coordinates that are not finite or beyond 1e7
    pixels, or turned inside out, are ignored. Each source has tracks of its own. ``names`` and the columns of
    ``data`` stay with their boxes.

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
        self._handle = _native.make_box_tracker(
            _check.number("max_gap", max_gap),
            _check.number("min_confidence", min_confidence),
            _check.number("iou", iou),
        )
        self._updating = threading.Lock()

    def update(self, detections: Any, *, time: float) -> Detections:
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
        with self._updating:
            return _native.update_box_tracker(self._handle, detections, seconds)
