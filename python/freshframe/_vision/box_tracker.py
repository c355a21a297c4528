"""BoxTracker: the native node that tracks boxes, also usable without a pipeline."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading

from .. import _check, _native
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._results.detections import Detections
from .ground import Ground, find_handle


class BoxTracker(NativeNode[Detections, Detections]):
    """Tracks boxes: assigns ids that persist over time and across dropped frames. Native.

    It works with the samples' pts, so frames may be dropped and may arrive at any rate. Each track's box is
    predicted from its velocity, and boxes are matched to tracks by likelihood: confident boxes first, then
    less confident ones to the remaining tracks, as in ByteTrack (Zhang et al., ECCV 2022). The result
    contains confirmed tracks only, which were seen twice, or once with a confidence of at least 0.8. A track
    keeps its class. A box with a confidence below 0.5 never starts a track. At most 512 tracks exist at a
    time. Of more than 1024 boxes in a frame, the most confident are used. Boxes with coordinates that are not
    finite or beyond 1e7 pixels, or with right < left or bottom < top, are ignored. Each source has its own
    tracks. ``names`` and the columns of ``data`` are passed on.

    Args:
        max_gap: Seconds for which an object may be unseen and still keep its id, at most 1e6; twice as long
            if no frame arrived in that time.
        min_confidence: Boxes below it are ignored, 0 to 1.
        min_iou: Minimum overlap (intersection over union) of the predicted box and the box that continues the
            track, 0 to 1. Where the prediction is uncertain (new tracks, after dropped frames), both boxes
            are first enlarged by that uncertainty.
        ground: The ground plane. Adds these columns to ``data`` of the result:

            - ``place`` (n, 2) float32, metres: the ground point below the middle of the box's lower edge
            - ``ground_velocity`` (n, 2) float32 and ``speed`` (n,) float32, metres per second
            - ``speed_error`` (n,) float32: the standard deviation of ``speed``

            They are filtered over time, in metres. NaN if the place is above or near the horizon, or the
            object was seen for less than 0.5 s or fewer than four times. While a box is cut off by the lower
            edge or a side of the frame, or its lower edge is hidden (for up to a second), the place is
            predicted.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> tracker = ff.BoxTracker()
        >>> for n in range(5):
        ...     box = [[10 * n, 20, 10 * n + 40, 80]]
        ...     tracks = tracker.update(ff.Detections(box), pts=n / 30)
        >>> len(tracks.tracker_id)
        1
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(Detections, Detections), follow=self._follow)

    def _follow(self, before: object) -> None:
        """Takes over the ids of the tracker that this one replaces, so that consumers can keep using them."""
        if isinstance(before, BoxTracker):
            _native.continue_track_ids(self._handle, before._handle)

    def __init__(
        self,
        *,
        max_gap: float = 1.0,
        min_confidence: float = 0.1,
        min_iou: float = 0.3,
        ground: Ground | None = None,
    ) -> None:
        self._handle = _native.make_box_tracker(
            _check.number("max_gap", max_gap),
            _check.number("min_confidence", min_confidence),
            _check.number("min_iou", min_iou),
            find_handle(ground),
        )
        self._updating = threading.Lock()

    def update(self, boxes: Detections, *, pts: float, size: tuple[int, int] | None = None) -> Detections:
        """Tracks the boxes of one frame, without a pipeline.

        Args:
            boxes: The boxes, as Detections or supervision's Detections.
            pts: Timestamp in seconds, ascending; a step back resets all tracks.
            size: Width and height of the frame. Needed with `ground` to recognize boxes cut off by its edges.

        Returns:
            The boxes of confirmed tracks, by ascending ``tracker_id``.

        Raises:
            StateError: This tracker was added to a pipeline.
            OptionTypeError: ``boxes`` has the wrong type, or pts is not a number.
            OptionError: A column has the wrong length, or pts is infinite or nan.
        GIL: released for 100 boxes or more.
        """
        seconds = _check.number("pts", pts)
        sides = (0, 0) if size is None else _check.size("size", size)
        with self._updating:
            return _native.update_box_tracker(self._handle, boxes, seconds, sides)
