"""CircleDetector: the native node that finds circles in single frames."""

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
    """Checks and returns the option `radius` of a circle detector or tracker."""
    low, high = _check.pair("radius (smallest, largest)", radius)
    if not 0 < low < high < math.inf:
        raise OptionError(
            f"radius must be (smallest, largest) in pixels, 0 < smallest < largest, got {_check.show(radius)}"
        )
    return (low, high)


class CircleDetector(NativeNode["Frame", Circles]):
    """Finds circles in each frame, independently of other frames. Native. Uses luma only.

    Edges are linked to chains and split into arcs (after C. Akinlar, C. Topal, "EDCircles", Pattern
    Recognition 2013). Arcs are combined into candidate circles, which are fitted to nearby edges and scored
    by a small network trained on synthetic scenes. All of this runs at full and at half resolution, where
    blurred edges are sharper.

    Args:
        radius: (smallest, largest) in pixels. A result may be outside by the measurement error: half a pixel,
            or 3 % of the radius.
        max_circles: 1 to 500; the most confident are kept.
        min_confidence: Circles below it are not reported, 0 to 1. The confidence is the probability that a
            circle is real.
        concentric: True: report all circles with the same centre, as on targets and wheels. False: only the
            most confident one.
        roi: (x0, y0, x1, y1) in pixels: only the columns from x0 up to, but not including, x1 and the rows
            from y0 up to y1 are searched. None: the whole frame. Results are in coordinates of the whole
            frame. A frame that does not contain the region is an error.

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
        self._handle = _native.make_circle_detector(
            checked_radius(radius),
            _check.integer("max_circles", max_circles),
            _check.number("min_confidence", min_confidence),
            _check.flag("concentric", concentric),
            _check.region("roi", roi),
        )
        self._detecting = threading.Lock()

    def detect(self, frame: Frame | npt.NDArray[np.uint8]) -> Circles:
        """Finds the circles in one frame, without a pipeline.

        Args:
            frame: A Frame, or a uint8 array of shape (H, W), or (H, W, 3) in BGR order, of any strides.

        Returns:
            The circles, most confident first. ``tracker_id`` is None.

        Raises:
            StateError: This detector was added to a pipeline.
            OptionError: The shape is not that of an image, or the image does not contain ``roi``.
            OptionTypeError: ``frame`` is neither a Frame nor a uint8 array.
            FreshframeError: The image has more than 2**28 pixels, or more than 2**20 on a side.

        Example:
            >>> import freshframe as ff
            >>> frame = next(iter(ff.stream(ff.open("demo:circles?frames=1")))).frame
            >>> len(ff.CircleDetector().detect(frame)) > 0
            True

        GIL: released.
        """
        with self._detecting:
            return _native.detect_circles(self._handle, frame)
