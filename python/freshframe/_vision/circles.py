"""The native nodes that find and track circles."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from .. import _check, _native
from .._errors import OptionError
from .._graph.contract import Contract
from .._graph.nodes import NativeNode
from .._results.results import Circles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .._native import Frame


def _radius(radius: tuple[float, float]) -> tuple[float, float]:
    low, high = _check.pair("radius (smallest, largest)", radius)
    if not 0 < low < high < math.inf:
        raise OptionError(
            "radius must be (smallest, largest) in pixels, 0 < smallest < largest, "
            f"got {_check.shown(radius)}"
        )
    return (low, high)


class CircleDetector(NativeNode["Frame", Circles]):
    """Finds the circles of each frame, independently of other frames. Native, reads the luma plane.

    Edges are linked to chains and split into arcs (after C. Akinlar, C. Topal, "EDCircles", Pattern
    Recognition 2013). Arcs are joined to candidates, which are fitted to the edges around them. A small
    network that was trained on drawn scenes rates the candidates. All of this runs at full size and at half,
    where blurred edges are steep.

    Args:
        radius: (smallest, largest) in pixels. A reported radius may lie outside of it by the error of the
            measurement: half a pixel, or 3 % of the radius.
        max_circles: 1 to 500; the most confident are kept.
        min_confidence: 0 to 1: circles below it are not reported. The confidence is the probability that a
            circle is real.
        concentric: True: report all circles around one centre, as in targets and wheels. False means only the
            most confident of them.
        roi: (x0, y0, x1, y1) in pixels: only the columns from x0 up to, but not including, x1 and the rows
            from y0 up to y1 are searched. None means the whole picture. The circles have the coordinates of
            the whole picture. A picture that does not contain it fails.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> detector = ff.CircleDetector(radius=(10, 120))
        >>> for sample in ff.stream(ff.open("demo:circles?frames=2"), detector):
        ...     number = len(sample.value)
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(_native.Frame, Circles))

    def __init__(
        self,
        *,
        radius: tuple[float, float] = (6, 200),
        max_circles: int = 64,
        min_confidence: float = 0.5,
        concentric: bool = False,
        roi: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Checks the options."""
        self._handle = _native.make_circle_detector(
            _radius(radius),
            _check.integer("max_circles", max_circles),
            _check.number("min_confidence", min_confidence),
            _check.flag("concentric", concentric),
            _check.region("roi", roi),
        )
        self._detecting = threading.Lock()

    def detect(self, frame: Frame | npt.NDArray[np.uint8]) -> Circles:
        """Finds the circles of one picture, for programs without a pipeline.

        Args:
            frame: A Frame, or a uint8 array of shape (H, W), or (H, W, 3) in BGR order, of any strides.

        Returns:
            The circles, the most confident first. ``tracker_id`` is None.

        Raises:
            StateError: This detector was added to a pipeline.
            OptionError: The shape is not a picture's, or the picture does not contain ``roi``.
            OptionTypeError: Neither a Frame nor a uint8 array.
            FreshframeError: More than 2**28 pixels, or more than 2**20 on a side.

        Example:
            >>> import freshframe as ff
            >>> frame = next(iter(ff.stream(ff.open("demo:circles?frames=1")))).frame
            >>> len(ff.CircleDetector().detect(frame)) > 0
            True

        GIL: released.
        """
        with self._detecting:
            return _native.detect_circles(self._handle, frame)


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
        full_every: Seconds between searches of the whole picture; 0: every frame is searched as a whole.
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
        return Contract(types=(_native.Frame, Circles))

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
            _radius(radius),
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
