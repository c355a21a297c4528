"""The native node that finds and follows circles."""

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
    """Finds circles and gives them identities that last over time and through dropped frames. Native.

    Most frames are searched only in part: at the predicted place of each track, and where the picture has
    changed since the last search there. That costs a third or less of a full search and finds as many
    circles. A frame that changed nearly everywhere, as with a moving camera, is searched as a whole. Tracks
    are matched as by BoxTracker.

    Args:
        radius: (smallest, largest) in pixels.
        max_circles: 1 to 500; the most confident are kept.
        max_gap: Seconds for which a circle may be unseen and keep its id, at most 1e6; twice as long if no
            frame arrived in that time.
        full_every: Seconds between searches of the whole picture; 0 means every frame is searched as a whole.
        roi: As of CircleDetector. "The whole picture" above is then this part of it.

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
        """Continues the ids of a tracker that this one replaces, whose consumers keep objects by id."""
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
        """Checks the options. There are no tracks yet."""
        self._handle = _native.make_circle_tracker(
            checked_radius(radius),
            _check.integer("max_circles", max_circles),
            _check.number("max_gap", max_gap),
            _check.number("full_every", full_every),
            _check.region("roi", roi),
        )
        self._updating = threading.Lock()

    def update(self, frame: Frame | npt.NDArray[np.uint8], *, pts: float) -> Circles:
        """The circles of one picture that have an identity, for programs without a pipeline.

        Args:
            frame: A Frame, or a uint8 array of shape (H, W), or (H, W, 3) in BGR order, of any strides.
            pts: Seconds, ascending; a step back starts all tracks again.

        Returns:
            The circles, by ascending ``tracker_id``.

        Raises:
            StateError: This tracker was added to a pipeline.
            OptionError: The shape is not a picture's, or pts is infinite or nan.
            OptionTypeError: Neither a Frame nor a uint8 array, or pts is not a number.

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
