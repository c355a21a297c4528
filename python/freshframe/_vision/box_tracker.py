"""The tracker of boxes: the native node, which also works without a pipeline."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading

from .. import _check, _native
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._results.detections import Detections
from .ground import Ground, find_handle


class BoxTracker(NativeNode[Detections, Detections]):
    """Gives boxes identities that last over time and through dropped frames. Native.

    The tracker uses the samples' pts, so frames may be dropped and may arrive at any rate. It predicts each
    track's box from the track's velocity, and matches boxes to tracks by likelihood. Confident boxes are
    matched first. Then less confident boxes continue tracks that have no match, as in ByteTrack (Zhang et
    al., ECCV 2022). Only boxes of confirmed tracks are passed on. A track is confirmed when it was seen
    twice, or once with a confidence of 0.8. A track keeps its class. A box with a confidence below 0.5 never
    starts a track. At most 512 tracks exist at a time. Of more than 1024 boxes in a frame the most confident
    are used. Boxes with coordinates that are not finite or beyond 1e7 pixels, or with right < left or bottom
    < top, are ignored. Each source has its own tracks. ``names`` and the columns of ``data`` stay with
    their boxes.

    Args:
        max_gap: Seconds for which an object may be unseen and keep its id, at most 1e6; twice as long if no
            frame arrived in that time.
        min_confidence: Boxes below it are ignored, 0 to 1.
        min_iou: Minimum overlap (intersection over union) of the predicted box and the box that continues the
            track, 0 to 1. Where the prediction is uncertain (new tracks, after dropped frames), both boxes
            are first enlarged by that uncertainty.
        ground: The plane below the objects. Then ``data`` of the result has the columns

            - ``place`` (n, 2) float32, metres: where the middle of the box's lower edge stands
            - ``ground_velocity`` (n, 2) float32 and ``speed`` (n,) float32, metres per second
            - ``speed_error`` (n,) float32: the standard deviation of ``speed``

            They are of two filters in metres for each track, not of single steps. NaN: the place is above the
            horizon or near to it, or the object has been seen for less than 0.5 s or four times. A box that
            is cut off by the lower edge or a side of the picture has no foot, and one whose foot is covered
            has none for up to a second: meanwhile the prediction goes on.

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
        """Continues the ids of a tracker that this one replaces, whose consumers keep objects by id."""
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
        """Checks the options. There are no tracks yet."""
        self._handle = _native.make_box_tracker(
            _check.number("max_gap", max_gap),
            _check.number("min_confidence", min_confidence),
            _check.number("min_iou", min_iou),
            find_handle(ground),
        )
        self._updating = threading.Lock()

    def update(self, boxes: Detections, *, pts: float, size: tuple[int, int] | None = None) -> Detections:
        """Tracks the boxes of one picture, for programs without a pipeline.

        Args:
            boxes: The boxes, as Detections or supervision's Detections.
            pts: Seconds, ascending; a step back starts all tracks again.
            size: Width and height of the picture. With `ground`, boxes at its edges have no foot.

        Returns:
            The boxes of confirmed tracks, by ascending ``tracker_id``.

        Raises:
            StateError: This tracker was added to a pipeline.
            OptionTypeError: ``boxes`` are of another type, or pts is not a number.
            OptionError: A column has the wrong length, or pts is infinite or nan.
        GIL: released for 100 boxes or more.
        """
        seconds = _check.number("pts", pts)
        sides = (0, 0) if size is None else _check.size("size", size)
        with self._updating:
            return _native.update_box_tracker(self._handle, boxes, seconds, sides)
