"""The circles of one frame: NumPy columns in a frozen dataclass."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from .._check import attribute_hints
from .._interpreter import calls as _calls
from .._interpreter import fork
from .checked_columns import (
    keep_column,
    keep_optional,
    keep_rows,
)
from .detections import Detections
from .rows import MEANT_OF_ALL, SHOWN, Index, at, exchange, explain_arrays, inside, merged, short

if TYPE_CHECKING:
    from .circle import Circle
    from .corners import Anchor

__all__ = ["Circles"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Circles:
    """The circles of one frame. Compares by identity.

    Coordinates count from the *centre* of the top left pixel, which is (0, 0), as OpenCV's circles do.
    Coordinates of Detections count from that pixel's outer corner and are half a pixel more for the same
    place. to_detections() takes care of it.

    ``for x, y, r in circles`` gives each circle, ``circles[0]`` the first of them as a ``types.Circle``, and
    ``circles[circles.confidence > 0.9]`` selects. The arguments are converted to arrays of the types below,
    so lists are accepted too.

    Attributes:
        xyr: (n, 3) float32, pixels: centre x, centre y, radius.
        confidence: (n,) float32 in [0, 1]: the detector's, in this frame. Not given: 1.
        tracker_id: (n,) int64, stable over frames, from 1; None before a tracker, as are all that follow.
        velocity: (n, 2) float32, pixels per second: x to the right, y downwards.
        track_age: (n,) float32, seconds since the circle was first seen.
        track_confidence: (n,) float32 in [0, 1]: weighted mean of the circle's confidences, the latest with
            the largest weight; steadier than ``confidence``.

    Raises:
        OptionError: A column does not have the length or shape that the circles need.
        OptionTypeError: A column is not an array of numbers.

    Example:
        >>> import freshframe as ff
        >>> circles = ff.Circles([[100, 50, 20], [300, 80, 5]], [0.9, 0.8])
        >>> circles[circles.xyr[:, 2] > 10].xyr
        array([[100.,  50.,  20.]], dtype=float32)
    """

    xyr: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32] = None  # type: ignore[assignment]  # set below
    tracker_id: npt.NDArray[np.int64] | None = field(default=None, kw_only=True)
    velocity: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    track_age: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    track_confidence: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)

    if not TYPE_CHECKING:  # type checkers could not find a misspelt attribute
        __getattr__ = attribute_hints(MEANT_OF_ALL)

    if TYPE_CHECKING:  # the types of the arguments; the attributes are the arrays made from them

        def __init__(
            self,
            xyr: npt.ArrayLike,
            confidence: npt.ArrayLike | None = None,
            *,
            tracker_id: npt.ArrayLike | None = None,
            velocity: npt.ArrayLike | None = None,
            track_age: npt.ArrayLike | None = None,
            track_confidence: npt.ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Converts the columns and checks their lengths."""
        n = keep_rows(self, "xyr", ("x", "y", "r"))
        keep_column(self, "confidence", np.float32, 1, n)
        keep_optional(self, n)

    @classmethod
    def empty(cls) -> Circles:
        """No circles."""
        return cls(np.zeros((0, 3), np.float32))

    @classmethod
    def merge(cls, several: Iterable[Circles]) -> Circles:
        """The circles of several results, one after the other.

        Raises:
            OptionError: They do not have the same columns. Results without circles fit all others.
            OptionTypeError: One of them is something else.
        """
        return merged(Circles, several)

    @property
    def center(self) -> npt.NDArray[np.float32]:
        """(n, 2): x and y."""
        return self.xyr[:, :2]

    @property
    def area(self) -> npt.NDArray[np.float32]:
        """(n,) square pixels."""
        return np.float32(np.pi) * self.xyr[:, 2] ** 2

    def inside(
        self, corners: Sequence[tuple[float, float]], *, anchor: Anchor = "center"
    ) -> npt.NDArray[np.bool_]:
        """Which circles are in a zone, without a tracker: ``circles[circles.inside(corners)]``.

        Args:
            corners: (x, y) in pixels, 3 to 1000, in order around the zone. Where its edges cross, points that
                the zone goes around twice are outside.
            anchor: The point that must be inside: the "center", or the lowest point, "bottom".

        Returns:
            (n,) bool. A circle with NaN is outside.

        Raises:
            OptionError: There are too few or too many corners, or anchor is neither.
            OptionTypeError: An argument is of the wrong type.
        """
        x, y, r = self.xyr.astype(np.float64).T
        return inside(x, y, y + r, corners, anchor)

    def __len__(self) -> int:
        """Number of circles."""
        return len(self.xyr)

    def __iter__(self) -> Iterator[Circle]:
        """Each circle, which unpacks into ``x, y, r``, as Python's floats."""
        with fork.explaining(), fork.loading():
            from .circle import iterate_circles  # noqa: PLC0415  (few programs loop over all)

        return iterate_circles(self)

    @overload
    def __getitem__(self, index: int) -> Circle: ...
    @overload
    def __getitem__(self, index: Index) -> Circles: ...
    def __getitem__(self, index: int | Index) -> Circle | Circles:
        """One circle for a number; for a mask, a slice or indices these circles, with all their columns.

        Raises:
            IndexError: There is no circle of this number.
            OptionTypeError: It is something else.
        """
        chosen: Circle | Circles = at(self, index)
        return chosen

    def __repr__(self) -> str:
        """The number of circles, and the first of them."""
        return short(self, [f"({x:.0f}, {y:.0f}) r {r:.0f}" for x, y, r in self.xyr[:SHOWN].tolist()])

    def to_detections(self) -> Detections:
        """The boxes around the circles, half a pixel further: class 0, ``xyr`` in ``data``."""
        x, y, r = self.xyr.T
        return Detections(
            np.stack([x - r, y - r, x + r, y + r], axis=1) + np.float32(0.5),
            self.confidence,
            tracker_id=self.tracker_id,
            velocity=self.velocity,
            track_age=self.track_age,
            track_confidence=self.track_confidence,
            data={"xyr": self.xyr},
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict for each circle, with the keys of JsonLines and Csv and Python's own numbers."""
        dicts: list[dict[str, Any]] = exchange().make_dicts(self)
        return dicts

    def to_pandas(self) -> Any:
        """A DataFrame with a row for each circle and the columns of to_dicts().

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return exchange().make_frame(self)

    def to_supervision(self) -> Any:
        """Supervision's Detections of to_detections().

        Raises:
            MissingPackageError: supervision is not installed.
        """
        return self.to_detections().to_supervision()


explain_arrays(Circles)
_calls.explain(__all__, globals())
