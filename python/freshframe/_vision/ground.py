"""The plane below objects: from pixels to metres."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._results.numbers import as_numbers

_LEAST = 4  # points, which any plane passes through


class Ground:
    """A plane in the picture, such as a road or a floor, with its places in metres.

    It is a homography, estimated from points by least squares (Hartley and Zisserman, "Multiple View Geometry
    in Computer Vision", 2nd edition, 4.1). ``BoxTracker(ground=...)`` gives the places and the speeds of
    tracks on it. A lens with visible distortion needs pictures without it.

    Four points say nothing about their own errors: give six or more, far apart, such as the ends of lane
    markings. ``click_error`` is part of the tracks' ``speed_error``.

    Args:
        points: (x, y) in pixels, four or more, which must not all lie on a line.
        places: (x, y) of the same points on the ground in metres, in the same order, from any origin within
            100 km.
            Places on a map (UTM) are farther from theirs: subtract one of them from all.
        click_error: Pixels: the standard deviation of a coordinate of `points`, 0 to 1000.
        acceleration: How much the objects' velocity changes, in metres per second and root second; above 0.
            0.7 is right for cars, 0.3 for people. A smaller one is steadier and later. An object that
            brakes or starts is expected to do so by 1.9 times as many metres per second squared.

    Raises:
        OptionError: A number is out of range, the points give no plane, or five or more contradict each other
            by more than a twentieth of their extent.
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
        """Estimates the plane."""
        pixels = _pairs("points", "pixels", points)
        self._count = len(pixels)
        self._handle = _native.make_ground(
            pixels,
            _pairs("places", "metres", places),
            _check.number("click_error", click_error),
            _check.number("acceleration", acceleration),
        )

    def places(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The places of points of the picture.

        Args:
            points: (n, 2) pixels.

        Returns:
            (n, 2) float64, metres; NaN at the horizon, up to ten pixels below it, and above it.
        """
        pixels = as_numbers("points", points, np.float64)
        if pixels.size and pixels.shape[-1:] != (2,):
            raise OptionError(f"points must have the shape (n, 2), pixels, got {pixels.shape}")
        pixels = pixels.reshape(-1, 2)
        found = self._handle.places([(float(x), float(y)) for x, y in pixels])
        return np.array(found, np.float64).reshape(-1, 2)

    @property
    def residual(self) -> float:
        """Root mean square of the points' distances from their places, in metres; 0 for four points."""
        return 0.0 if self._count == _LEAST else self._handle.residual

    def __str__(self) -> str:
        """How many points there are, and how well they agree."""
        if self._count == _LEAST:
            return "Ground of 4 points: not checked"
        return f"Ground of {self._count} points, which agree within {self.residual:.2g} m"

    def __repr__(self) -> str:
        """The ground's text in angle brackets."""
        return f"<{self}>"


def _pairs(name: str, unit: str, given: Any) -> list[tuple[float, float]]:
    points = _check.items(given, f"{name} must be a sequence of (x, y) in {unit}")
    return [_check.pair(f"a point of {name} (x, y)", point) for point in points]


def find_handle(ground: Any) -> _native.GroundHandle | None:
    """The native plane of a Ground.

    Raises:
        OptionTypeError: It is something else.
    """
    if ground is None:
        return None
    if not isinstance(ground, Ground):
        raise OptionTypeError(f"ground must be an ff.Ground or None, got {_check.show(ground)}")
    return ground._handle
