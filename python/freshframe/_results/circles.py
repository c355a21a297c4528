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


_MEANT = {
    **MEANT_OF_ALL,
    **{name: f"it is a column of xyr, circles.xyr[:, {at}]" for at, name in enumerate(("x", "y", "r"))},
    "radius": "it is a column of xyr, circles.xyr[:, 2]",
    "xyxy": "circles have no boxes: xyr has the centres and radii",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Circles:
    """The circles of one frame, as NumPy columns. Compares by identity.

    The origin (0, 0) is the *centre* of the top left pixel, as for OpenCV's circles. The origin of Detections
    is that pixel's outer corner, so their coordinates are half a pixel larger for the same point;
    to_detections() accounts for that.

    ``for x, y, r in circles`` iterates over circles, ``circles[0]`` is the first one as a ``types.Circle``,
    and ``circles[circles.confidence > 0.9]`` filters. The constructor converts its arguments to the array
    types below, so it also accepts lists.

    Attributes:
        xyr: (n, 3) float32, pixels: centre x, centre y, radius.
        confidence: (n,) float32 in [0, 1]: the detector's confidence in this frame. Default: 1.
        tracker_id: (n,) int64, stable across frames, from 1. It and the following are None unless there is a
            tracker upstream.
        velocity: (n, 2) float32, pixels per second: x to the right, y downwards.
        track_age: (n,) float32, seconds since the circle was first seen.
        track_confidence: (n,) float32 in [0, 1]: weighted mean of the circle's confidences, recent ones
            weighing more; less noisy than ``confidence``.

    Raises:
        OptionError: A column has the wrong length or shape.
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

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = attribute_hints(_MEANT)

    if TYPE_CHECKING:  # types of the constructor's arguments; the attributes are arrays

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
        """Concatenates the circles of several results.

        Raises:
            OptionError: The results do not have the same columns. Results without circles are always
                accepted.
            OptionTypeError: One of the results is not a Circles.
        """
        return merged(Circles, several)

    @property
    def center(self) -> npt.NDArray[np.float32]:
        """(n, 2) float32: x and y."""
        return self.xyr[:, :2]

    @property
    def area(self) -> npt.NDArray[np.float32]:
        """(n,) float32, square pixels."""
        return np.float32(np.pi) * self.xyr[:, 2] ** 2

    def inside(
        self, corners: Sequence[tuple[float, float]], *, anchor: Anchor = "center"
    ) -> npt.NDArray[np.bool_]:
        """Returns which circles are inside a polygon: ``circles[circles.inside(corners)]``.

        Args:
            corners: 3 to 1000 corners (x, y) in pixels, in order around the polygon. Where its edges cross,
                the even-odd rule applies.
            anchor: The point of a circle that must be inside: "center", or "bottom", its lowest point.

        Returns:
            (n,) bool. Circles with NaN are outside.

        Raises:
            OptionError: There are too few or too many corners, or anchor is unknown.
            OptionTypeError: An argument is of the wrong type.
        """
        x, y, r = self.xyr.astype(np.float64).T
        return inside(x, y, y + r, corners, anchor)

    def __len__(self) -> int:
        """Number of circles."""
        return len(self.xyr)

    def __iter__(self) -> Iterator[Circle]:
        """Iterates over the circles, each of which unpacks into ``x, y, r`` as Python floats."""
        with fork.explaining(), fork.loading():
            from .circle import iterate_circles  # noqa: PLC0415  (few programs loop over all)

        return iterate_circles(self)

    @overload
    def __getitem__(self, index: int) -> Circle: ...
    @overload
    def __getitem__(self, index: Index) -> Circles: ...
    def __getitem__(self, index: int | Index) -> Circle | Circles:
        """Returns one circle for an int, or the selected circles for a mask, slice or indices.

        Raises:
            IndexError: The index is out of range.
            OptionTypeError: The index has another type.
        """
        chosen: Circle | Circles = at(self, index)
        return chosen

    def __repr__(self) -> str:
        return short(self, [f"({x:.0f}, {y:.0f}) r {r:.0f}" for x, y, r in self.xyr[:SHOWN].tolist()])

    def to_detections(self) -> Detections:
        """Returns the bounding boxes of the circles, with class 0 and ``xyr`` in ``data``."""
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
        """Returns a dict of Python numbers per circle, with the keys of JsonLines and Csv."""
        dicts: list[dict[str, Any]] = exchange().make_dicts(self)
        return dicts

    def to_pandas(self) -> Any:
        """Returns a DataFrame with a row per circle and the columns of to_dicts().

        Raises:
            MissingPackageError: pandas is not installed.
        """
        return exchange().make_frame(self)

    def to_supervision(self) -> Any:
        """Converts to supervision's Detections, as bounding boxes; see to_detections().

        Raises:
            MissingPackageError: supervision is not installed.
        """
        return self.to_detections().to_supervision()


explain_arrays(Circles)
_calls.explain(__all__, globals())
