"""Results of nodes: NumPy columns in frozen dataclasses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._errors import OptionError, OptionTypeError

Index = npt.NDArray[Any] | slice | list[int] | list[bool]
"""What selects rows: a mask, a slice, or indices."""

_TRACK_COLUMNS = ("velocity", "age", "track_confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Circles:
    """The circles of one frame. Compares by identity.

    Coordinates count from the *centre* of the top left pixel, which is (0, 0), as OpenCV's circles do. Those
    of Detections count from that pixel's outer corner and are half a pixel more for the same place.

    ``for x, y, r in circles`` gives plain floats; ``circles[circles.confidence > 0.9]`` selects.

    Attributes:
        xyr: (n, 3) float32, pixels: centre x, centre y, radius.
        confidence: (n,) float32 in [0, 1]: the detector's, in this frame.
        tracker_id: (n,) int64, stable over frames, from 1; None before a tracker, as are all that follow.
        velocity: (n, 2) float32, pixels per second: x to the right, y downwards.
        age: (n,) float32, seconds since the circle was first seen.
        track_confidence: (n,) float32 in [0, 1]: the mean of the circle's confidences so far, of which the
            latest count most; steadier than ``confidence``.
    """

    xyr: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    tracker_id: npt.NDArray[np.int64] | None = None
    velocity: npt.NDArray[np.float32] | None = None
    age: npt.NDArray[np.float32] | None = None
    track_confidence: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Number of circles."""
        return len(self.xyr)

    def __iter__(self) -> Iterator[tuple[float, float, float]]:
        """Centre x, centre y and radius of each circle, as Python's floats."""
        return iter([(x, y, r) for x, y, r in self.xyr.tolist()])

    def __getitem__(self, index: Index) -> Circles:
        """The circles that a mask, a slice or an array of indices selects, with all their columns.

        Raises:
            OptionTypeError: It is something else, such as a single number.
        """
        chosen = _chosen("Circles", index)
        return Circles(
            self.xyr[chosen],
            self.confidence[chosen],
            _rows(self.tracker_id, chosen),
            _rows(self.velocity, chosen),
            _rows(self.age, chosen),
            _rows(self.track_confidence, chosen),
        )

    def to_supervision(self) -> Any:
        """The boxes around the circles as supervision's Detections; class 0, the track's columns in ``data``.

        Raises:
            ImportError: supervision is not installed.
        """
        x, y, r = self.xyr.T
        xyxy = np.stack([x - r, y - r, x + r, y + r], axis=1) + np.float32(0.5)
        return Detections(
            xyxy,
            self.confidence,
            np.zeros(len(self), np.int32),
            self.tracker_id,
            {"xyr": self.xyr},
            self.velocity,
            self.age,
            self.track_confidence,
        ).to_supervision()


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The things found in one frame, as boxes. Column names are supervision's. Compares by identity.

    Coordinates count from the outer *corner* of the top left pixel, which is (0, 0), as boxes usually do.
    Those of Circles count from that pixel's centre and are half a pixel less for the same place.

    What is given is converted to arrays of the types below: lists do, too.

    Attributes:
        xyxy: (n, 4) float32, pixels: left, top, right, bottom; right and bottom are exclusive.
        confidence: (n,) float32 in [0, 1]: the detector's, in this frame.
        class_id: (n,) int32.
        tracker_id: (n,) int64, stable over frames, from 1; None before a tracker.
        data: Further columns by name, arrays whose first axis is n.
        velocity: (n, 2) float32, pixels per second; None before a tracker, as are the next two.
        age: (n,) float32, seconds since the thing was first seen.
        track_confidence: (n,) float32 in [0, 1]: the mean of its confidences so far, the latest count most.
        names: (n,) str, the classes' names; None when they are not known.

    Raises:
        OptionError: A column has another length or shape than the boxes need.
        OptionTypeError: A column is no array of numbers.
    """

    xyxy: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int32]
    tracker_id: npt.NDArray[np.int64] | None = None
    data: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    velocity: npt.NDArray[np.float32] | None = None
    age: npt.NDArray[np.float32] | None = None
    track_confidence: npt.NDArray[np.float32] | None = None
    names: npt.NDArray[np.str_] | None = None

    if TYPE_CHECKING:  # what may be given; the attributes are the arrays made of it

        def __init__(  # noqa: D107
            self,
            xyxy: npt.ArrayLike,
            confidence: npt.ArrayLike,
            class_id: npt.ArrayLike,
            tracker_id: npt.ArrayLike | None = None,
            data: Mapping[str, npt.NDArray[Any]] = ...,
            velocity: npt.ArrayLike | None = None,
            age: npt.ArrayLike | None = None,
            track_confidence: npt.ArrayLike | None = None,
            names: npt.ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Converts the columns and checks their lengths."""
        xyxy = _array("xyxy", self.xyxy, np.float32)
        if xyxy.size == 0:
            xyxy = xyxy.reshape(0, 4)
        n = len(xyxy) if xyxy.ndim else 0
        _keep(self, "xyxy", xyxy, (n, 4))
        for name, kind in (("confidence", np.float32), ("class_id", np.int32)):
            _keep(self, name, _array(name, getattr(self, name), kind), (n,))
        for name, optional, pairs in _OPTIONAL_COLUMNS:
            given = getattr(self, name)
            if given is not None:
                shape = (n, 2) if pairs else (n,)
                column = _array(name, given, optional)
                _keep(self, name, column if n else column.reshape(shape), shape)
        if not isinstance(self.data, Mapping):
            raise OptionTypeError(f"Detections.data must map names to arrays, got {self.data!r}")

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.xyxy)

    def __getitem__(self, index: Index) -> Detections:
        """The boxes that a mask, a slice or an array of indices selects, with all their columns.

        Raises:
            OptionTypeError: It is something else, such as a single number.
        """
        chosen = _chosen("Detections", index)
        return Detections(
            self.xyxy[chosen],
            self.confidence[chosen],
            self.class_id[chosen],
            _rows(self.tracker_id, chosen),
            {name: column[chosen] for name, column in self.data.items()},
            _rows(self.velocity, chosen),
            _rows(self.age, chosen),
            _rows(self.track_confidence, chosen),
            _rows(self.names, chosen),
        )

    def to_supervision(self) -> Any:
        """The same as supervision's Detections.

        ``velocity``, ``age`` and ``track_confidence`` travel in its ``data``, ``names`` as ``class_name``.

        Raises:
            ImportError: supervision is not installed.
        """
        import supervision  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  (optional)

        columns = {name: getattr(self, name) for name in _TRACK_COLUMNS} | {"class_name": self.names}
        return supervision.Detections(
            xyxy=self.xyxy,
            confidence=self.confidence,
            class_id=self.class_id.astype(int),
            tracker_id=None if self.tracker_id is None else self.tracker_id.astype(int),
            data={**self.data, **{name: column for name, column in columns.items() if column is not None}},
        )

    @classmethod
    def from_supervision(cls, detections: Any) -> Detections:
        """Of supervision's Detections; a missing confidence counts as 1, a missing class as 0."""
        n = len(detections.xyxy)
        given = detections
        data = {name: np.asarray(column) for name, column in given.data.items()}
        columns = {name: data.pop(name, None) for name in (*_TRACK_COLUMNS, "class_name")}
        return cls(
            np.asarray(given.xyxy, np.float32).reshape(n, 4),
            np.ones(n, np.float32) if given.confidence is None else np.asarray(given.confidence, np.float32),
            np.zeros(n, np.int32) if given.class_id is None else np.asarray(given.class_id, np.int32),
            None if given.tracker_id is None else np.asarray(given.tracker_id, np.int64),
            data,
            *columns.values(),
        )


_OPTIONAL_COLUMNS: tuple[tuple[str, type, bool], ...] = (
    ("tracker_id", np.int64, False),
    ("velocity", np.float32, True),
    ("age", np.float32, False),
    ("track_confidence", np.float32, False),
    ("names", np.str_, False),
)


def _array(name: str, given: Any, kind: type) -> npt.NDArray[Any]:
    try:
        return np.asarray(given, kind)
    except (TypeError, ValueError) as error:
        found = type(given).__name__
        raise OptionTypeError(
            f"Detections.{name} must be an array of {kind.__name__}, got one of type {found}: {error}"
        ) from None


def _keep(boxes: Detections, name: str, column: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if column.shape != shape:
        raise OptionError(f"Detections.{name} must have the shape {shape}, got {column.shape}")
    object.__setattr__(boxes, name, column)


def _chosen(what: str, index: Any) -> Any:
    if isinstance(index, slice):
        return index
    chosen = np.asarray(index)
    if chosen.ndim != 1 or chosen.dtype.kind not in "biuf" or (chosen.dtype.kind == "f" and chosen.size):
        raise OptionTypeError(f"{what} take a slice, a mask or a list of indices, got {index!r}")
    return chosen if chosen.size or chosen.dtype.kind == "b" else chosen.astype(np.intp)


def _rows(column: Any, chosen: Any) -> Any:
    return None if column is None else column[chosen]
