"""Ground: maps pixels to metres on the ground plane."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._results.numbers import as_numbers

_LEAST = 4  # any four points fit a plane exactly


class Ground:
    """A ground plane in the image, such as a road or floor, with coordinates in metres.

    It is a homography, estimated by least squares (Hartley and Zisserman, "Multiple View Geometry in Computer
    Vision", 2nd edition, 4.1). ``BoxTracker(ground=...)`` then reports positions and speeds on it. Undistort
    the frames first if the lens distorts visibly.

    The error cannot be estimated from four points: give six or more, far apart, such as the ends of lane
    markings. ``click_error`` contributes to the tracks' ``speed_error``.

    Args:
        points: (x, y) in pixels, four or more, not all on one line.
        places: (x, y) of the same points on the ground in metres, in the same order, from any origin within
            100 km. UTM coordinates are larger than that: subtract one of the points from all.
        click_error: Standard deviation of the coordinates of `points` in pixels, 0 to 1000.
        acceleration: Process noise: how much the velocity changes, in metres per second per square root of a
            second; above 0. Use 0.7 for cars, 0.3 for people. Smaller values give steadier speeds that react
            later. Braking and starting objects are expected to accelerate by 1.9 times as many m/s².

    Raises:
        OptionError: A number is out of range, the points determine no plane, or five or more points
            contradict each other by more than a twentieth of their extent.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> lane = [(412, 300), (880, 300), (1200, 700), (60, 700)]
        >>> road = ff.Ground(lane, [(0, 25), (7, 25), (7, 0), (0, 0)])
        >>> print(road)
        Ground of 4 points: not checked
        >>> road.places([(1200, 700)]).round(2).tolist()[0][0]
        7.0
    """

    def __init__(
        self,
        points: Sequence[tuple[float, float]],
        places: Sequence[tuple[float, float]],
        *,
        click_error: float = 1.5,
        acceleration: float = 0.7,
    ) -> None:
        pixels = _pairs("points", "pixels", points)
        self._count = len(pixels)
        self._handle = _native.make_ground(
            pixels,
            _pairs("places", "metres", places),
            _check.number("click_error", click_error),
            _check.number("acceleration", acceleration),
        )

    def places(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Converts image points to places on the ground.

        Args:
            points: (n, 2) pixels.

        Returns:
            (n, 2) float64, metres; NaN above the horizon and up to ten pixels below it.
        """
        pixels = as_numbers("points", points, np.float64)
        if pixels.size and pixels.shape[-1:] != (2,):
            raise OptionError(f"points must have the shape (n, 2), pixels, got {pixels.shape}")
        pixels = pixels.reshape(-1, 2)
        found = self._handle.places([(float(x), float(y)) for x, y in pixels])
        return np.array(found, np.float64).reshape(-1, 2)

    @property
    def residual(self) -> float:
        """Root mean square error of the points in metres; 0 for four points."""
        return 0.0 if self._count == _LEAST else self._handle.residual

    def __str__(self) -> str:
        """Returns the number of points and how well they fit."""
        if self._count == _LEAST:
            return "Ground of 4 points: not checked"
        return f"Ground of {self._count} points, which agree within {self.residual:.2g} m"

    def __repr__(self) -> str:
        return f"<{self}>"


def _pairs(name: str, unit: str, given: Any) -> list[tuple[float, float]]:
    points = _check.items(given, f"{name} must be a sequence of (x, y) in {unit}")
    return [_check.pair(f"a point of {name} (x, y)", point) for point in points]


def find_handle(ground: Any) -> _native.GroundHandle | None:
    """Returns the native handle of a Ground; None for None.

    Raises:
        OptionTypeError: The value is neither a Ground nor None.
    """
    if ground is None:
        return None
    if not isinstance(ground, Ground):
        raise OptionTypeError(f"ground must be an ff.Ground or None, got {_check.show(ground)}")
    return ground._handle
