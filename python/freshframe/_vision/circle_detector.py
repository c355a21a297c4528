"""The native node that finds circles."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from .. import _check, _native
from .._errors import OptionError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._results.circles import Circles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .._native import Frame


def checked_radius(radius: tuple[float, float]) -> tuple[float, float]:
    """Returns the option `radius` of a detector or tracker of circles, checked."""
    low, high = _check.pair("radius (smallest, largest)", radius)
    if not 0 < low < high < math.inf:
        raise OptionError(
            f"radius must be (smallest, largest) in pixels, 0 < smallest < largest, got {_check.show(radius)}"
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
            checked_radius(radius),
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
