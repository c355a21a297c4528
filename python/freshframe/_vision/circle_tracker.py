"""CircleTracker: the native node that finds and tracks circles."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .. import _check, _native
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._results.circles import Circles
from .circle_detector import checked_radius

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .._native import Frame


class CircleTracker(NativeNode["Frame", Circles]):
    """Finds and tracks circles: assigns ids that persist over time and across dropped frames. Native.

    Most frames are only searched at the predicted position of each track, and where the image has changed
    since the last search there. That costs at most a third of a full search and finds as many circles. A
    frame that changed nearly everywhere, as with a moving camera, is searched completely. Tracks are matched
    as by BoxTracker.

    Args:
        radius: (smallest, largest) in pixels.
        max_circles: 1 to 500; the most confident are kept.
        max_gap: Seconds for which a circle may be unseen and still keep its id, at most 1e6; twice as long if
            no frame arrived in that time.
        full_every: Seconds between searches of the whole frame; 0: every frame is searched completely.
        roi: As for CircleDetector; full searches are then limited to this region.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> for sample in ff.stream(ff.open("demo:circles?frames=3"), ff.CircleTracker()):
        ...     xy = sample.value.xyr[:, :2]
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame, Circles), follow=self._follow)

    def _follow(self, before: object) -> None:
        """Takes over the ids of the tracker that this one replaces, so that consumers can keep using them."""
        if isinstance(before, CircleTracker):
            _native.continue_track_ids(self._handle, before._handle)

    def __init__(
        self,
        *,
        radius: tuple[float, float] = (6, 200),
        max_circles: int = 16,
        max_gap: float = 0.5,
        full_every: float = 1.0,
        roi: tuple[int, int, int, int] | None = None,
    ) -> None:
        self._handle = _native.make_circle_tracker(
            checked_radius(radius),
            _check.integer("max_circles", max_circles),
            _check.number("max_gap", max_gap),
            _check.number("full_every", full_every),
            _check.region("roi", roi),
        )
        self._updating = threading.Lock()

    def update(self, frame: Frame | npt.NDArray[np.uint8], *, pts: float) -> Circles:
        """Tracks the circles in one frame, without a pipeline.

        Args:
            frame: A Frame, or a uint8 array of shape (H, W), or (H, W, 3) in BGR order, of any strides.
            pts: Timestamp in seconds, ascending; a step back resets all tracks.

        Returns:
            The tracked circles, by ascending ``tracker_id``.

        Raises:
            StateError: This tracker was added to a pipeline.
            OptionError: The shape is not that of an image, or pts is infinite or nan.
            OptionTypeError: ``frame`` is neither a Frame nor a uint8 array, or pts is not a number.

        Example:
            >>> import freshframe as ff
            >>> tracker = ff.CircleTracker()
            >>> for sample in ff.stream(ff.open("demo:circles?frames=3")):
            ...     circles = tracker.update(sample.frame, pts=sample.pts)

        GIL: released.
        """
        seconds = _check.number("pts", pts)
        with self._updating:
            return _native.update_circle_tracker(self._handle, frame, seconds)
