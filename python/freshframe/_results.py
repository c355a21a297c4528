"""Results of nodes: NumPy columns in frozen dataclasses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._check import is_utf8, shown
from ._errors import OptionError, OptionTypeError
from ._interpreter import calls as _calls
from ._interpreter import fork, parts
from .masks import columns_for_supervision, columns_from_supervision

__all__ = ["Circles", "Detections"]

Index = npt.NDArray[Any] | slice | list[int] | list[bool]
"""A selection of rows: a mask, a slice, or indices."""

_OF_NAMES = '; the names of classes go into names=, as in class_id=[0], names=["person"]'
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
        track_confidence: (n,) float32 in [0, 1]: weighted mean of the circle's confidences, the latest with
            the largest weight; steadier than ``confidence``.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> circles = ff.Circles(np.float32([[100, 50, 20], [300, 80, 5]]), np.float32([0.9, 0.8]))
        >>> circles[circles.xyr[:, 2] > 10].xyr
        array([[100.,  50.,  20.]], dtype=float32)
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
            MissingPackageError: supervision is not installed.
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
    """The objects found in one frame, as boxes. Column names are supervision's. Compares by identity.

    Coordinates count from the outer *corner* of the top left pixel, which is (0, 0), as boxes usually do.
    Those of Circles count from that pixel's centre and are half a pixel less for the same place.

    The arguments are converted to arrays of the types below, so lists are accepted too.

    Attributes:
        xyxy: (n, 4) float32, pixels: left, top, right, bottom; right and bottom are exclusive.
        confidence: (n,) float32 in [0, 1]: the detector's, in this frame.
        class_id: (n,) int32.
        tracker_id: (n,) int64, stable over frames, from 1; None before a tracker.
        data: Further columns by name, arrays whose first axis is n. ``dataclasses.replace(found,
            data={**found.data, "speed": speed})`` are the same boxes with one column more.
        velocity: (n, 2) float32, pixels per second; None before a tracker, as are the next two.
        age: (n,) float32, seconds since the object was first seen.
        track_confidence: (n,) float32 in [0, 1]: weighted mean of its confidences, the latest with the
            largest weight.
        names: The names of the detector's classes, by class_id; an empty string where there is none. None
            when they are not known. The results of one detector share this tuple.

    Raises:
        OptionError: A column does not have the length or shape that the boxes need, a box has its right edge
            left of its left edge or its lower edge above its upper edge, or a confidence is not in [0, 1].
        OptionTypeError: A column is not an array of numbers, or names are not strings.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> boxes = np.float32([[10, 20, 50, 80], [200, 40, 240, 90]])
        >>> found = ff.Detections(boxes, np.float32([0.9, 0.3]), np.int32([0, 2]))
        >>> len(found[found.confidence > 0.5])
        1
    """

    xyxy: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    class_id: npt.NDArray[np.int32]
    tracker_id: npt.NDArray[np.int64] | None = None
    data: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    velocity: npt.NDArray[np.float32] | None = None
    age: npt.NDArray[np.float32] | None = None
    track_confidence: npt.NDArray[np.float32] | None = None
    names: tuple[str, ...] | None = None

    if TYPE_CHECKING:  # the types of the arguments; the attributes are the arrays made from them

        def __init__(
            self,
            xyxy: npt.ArrayLike,
            confidence: npt.ArrayLike,
            class_id: npt.ArrayLike,
            tracker_id: npt.ArrayLike | None = None,
            data: Mapping[str, npt.NDArray[Any]] = ...,
            velocity: npt.ArrayLike | None = None,
            age: npt.ArrayLike | None = None,
            track_confidence: npt.ArrayLike | None = None,
            names: Sequence[str] | Mapping[int, str] | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Converts the columns and checks their lengths."""
        xyxy = _array("xyxy", self.xyxy, np.float32)
        if xyxy.size == 0:
            xyxy = xyxy.reshape(0, 4)
        if xyxy.ndim != 2 or xyxy.shape[1] != _CORNERS:
            raise OptionError(
                "Detections.xyxy must have a row of x0, y0, x1, y1 per box, so the shape (n, 4), got the "
                f"shape {xyxy.shape}"
                + ("; one box is written [[x0, y0, x1, y1]]" if xyxy.shape == (_CORNERS,) else "")
            )
        n = len(xyxy)
        object.__setattr__(self, "xyxy", xyxy)
        for name, kind in (("confidence", np.float32), ("class_id", np.int32)):
            _keep(self, name, _array(name, getattr(self, name), kind), (n,))
        for name, optional, pairs in _OPTIONAL_COLUMNS:
            given = getattr(self, name)
            if given is not None:
                shape = (n, 2) if pairs else (n,)
                column = _array(name, given, optional)
                _keep(self, name, column if n else column.reshape(shape), shape)
        _check_boxes(xyxy, self.confidence)
        if not isinstance(self.data, Mapping):
            raise OptionTypeError(f"Detections.data must map names to arrays, got {shown(self.data)}")
        if self.data:
            columns = {name: _data_column(name, column, n) for name, column in self.data.items()}
            object.__setattr__(self, "data", columns)
        if self.names is not None:
            object.__setattr__(self, "names", _class_names(self.names))

    @property
    def class_name(self) -> npt.NDArray[np.str_] | None:
        """(n,) str: the name of each box's class, or its class_id as a string where it has none.

        None if there are no names.
        """
        if self.names is None:
            given = self.data.get("class_name")
            return None if given is None else np.asarray(given, np.str_)
        return np.array([_name_of(self.names, number) for number in self.class_id.tolist()], np.str_)

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.xyxy)

    def __getitem__(self, index: Index) -> Detections:
        """The boxes that a mask, a slice or an array of indices selects, with all their columns.

        Raises:
            OptionTypeError: It is something else, such as a single number.
        """
        if isinstance(index, bool) and self.class_name is None:
            raise OptionTypeError(
                f"Detections take a slice, a mask or a list of indices, got {shown(index)}. These have no "
                "class names (class_name is None): compare class_id with a number, or give them names"
            )
        chosen = _chosen("Detections", index)
        some = object.__new__(Detections)  # rows of valid columns need no check
        for name in ("xyxy", "confidence", "class_id", *(name for name, _, _ in _OPTIONAL_COLUMNS)):
            object.__setattr__(some, name, _rows(getattr(self, name), chosen))
        object.__setattr__(some, "data", {name: column[chosen] for name, column in self.data.items()})
        object.__setattr__(some, "names", self.names)
        return some

    def to_supervision(self) -> Any:
        """Returns the same boxes as supervision's Detections.

        ``velocity``, ``age``, ``track_confidence`` and ``class_name`` are in its ``data``. The columns
        ``mask`` and ``corners`` become its ``mask`` and ``xyxyxyxy``. Masks are its CompactMask, from its
        version 0.28 on, else dense. A column ``mask`` of empty texts only stays in ``data``: it has no size.

        Raises:
            MissingPackageError: supervision is not installed.
        """
        try:
            with fork.loading():
                import supervision  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  (optional)
        except ModuleNotFoundError as error:
            raise parts.missing("to_supervision()", "supervision") from error

        columns = {name: getattr(self, name) for name in _TRACK_COLUMNS} | {"class_name": self.class_name}
        data, masks = columns_for_supervision(dict(self.data), getattr(supervision, "CompactMask", None))
        return supervision.Detections(
            xyxy=self.xyxy,
            mask=masks,
            confidence=self.confidence,
            class_id=self.class_id.astype(int),
            tracker_id=None if self.tracker_id is None else self.tracker_id.astype(int),
            data={**data, **{name: column for name, column in columns.items() if column is not None}},
        )

    @classmethod
    def from_supervision(cls, detections: Any) -> Detections:
        """Converts supervision's Detections; a missing confidence counts as 1, a missing class as 0.

        ``names`` has those of ``data["class_name"]``. It lacks the classes that this picture does not show,
        and an empty last name says so.
        Where one class_id has two names, or is negative or above 65535, names are None and the column stays
        in ``data``. ``mask`` and ``xyxyxyxy`` become the columns ``mask`` and ``corners``.
        """
        n, given = len(detections.xyxy), detections
        data = {name: np.asarray(column) for name, column in given.data.items()}
        data = columns_from_supervision(data, getattr(given, "mask", None))
        columns = {name: data.pop(name, None) for name in _TRACK_COLUMNS}
        class_id = np.zeros(n, np.int32) if given.class_id is None else np.asarray(given.class_id, np.int32)
        names = _names_seen(class_id, data.get("class_name"))
        if names is not None:
            del data["class_name"]
        return cls(
            np.asarray(given.xyxy, np.float32).reshape(n, 4),
            np.ones(n, np.float32) if given.confidence is None else np.asarray(given.confidence, np.float32),
            class_id,
            None if given.tracker_id is None else np.asarray(given.tracker_id, np.int64),
            data,
            columns["velocity"],
            columns["age"],
            columns["track_confidence"],
            names,
        )


_OPTIONAL_COLUMNS: tuple[tuple[str, type, bool], ...] = (
    ("tracker_id", np.int64, False),
    ("velocity", np.float32, True),
    ("age", np.float32, False),
    ("track_confidence", np.float32, False),
)


_MOST_NAMES = 1 << 16  # for foreign class_ids: a tuple has an entry for each number below the largest
_checked: tuple[str, ...] = ()  # the last valid names


def _class_names(given: Any) -> tuple[str, ...]:
    """The names as a tuple. A valid tuple is returned itself, so that results share it."""
    global _checked  # noqa: PLW0603  (a tuple is checked once)
    if given is _checked and isinstance(given, tuple):
        return given
    names: tuple[Any, ...]
    if isinstance(given, Mapping):
        names = _places(given)
    elif isinstance(given, list | tuple):
        names = given if isinstance(given, tuple) else tuple(given)
    else:
        raise OptionTypeError(
            "Detections.names must be a tuple of str (the name of class_id k at place k), a dict of class_id "
            f"to str, or None, got {type(given).__name__}"
        )
    for place, name in enumerate(names):
        if not isinstance(name, str):
            raise OptionTypeError(f"Detections.names must be strings, got {shown(name)} for class_id {place}")
        if not is_utf8(name):
            raise OptionError(f"Detections.names must be UTF-8, got {shown(name)} for class_id {place}")
    _checked = names
    return names


def _places(given: Mapping[Any, Any]) -> tuple[Any, ...]:
    for number in given:
        if not isinstance(number, int | np.integer) or not 0 <= number < _MOST_NAMES:
            raise OptionError(
                f"Detections.names must map class ids from 0 to {_MOST_NAMES - 1} to str, got {shown(number)}"
            )
    return tuple(given.get(number, "") for number in range(max(given, default=-1) + 1))


def _name_of(names: tuple[str, ...], number: int) -> str:
    return (names[number] if 0 <= number < len(names) else "") or str(number)


def _names_seen(class_id: npt.NDArray[np.int32], given: Any) -> tuple[str, ...] | None:
    """The classes' names from a column of names; None: there are none, or they contradict each other."""
    if given is None or np.shape(given) != class_id.shape or np.asarray(given).dtype.kind not in "UO":
        return None
    seen: dict[int, str] = {}
    for number, name in zip(class_id.tolist(), np.asarray(given).tolist(), strict=True):
        if (
            not 0 <= number < _MOST_NAMES
            or not isinstance(name, str)
            or seen.setdefault(number, name) != name
        ):
            return None
    return tuple(seen.get(number, "") for number in range(max(seen, default=-1) + 2))


def _array(name: str, given: Any, kind: type) -> npt.NDArray[Any]:
    try:
        return np.asarray(given, kind)
    except (TypeError, ValueError) as error:
        found = type(given).__name__
        advice = _OF_NAMES if name == "class_id" and "invalid literal" in str(error) else ""
        raise OptionTypeError(
            f"Detections.{name} must be an array of {kind.__name__}, got one of type {found}: {error}{advice}"
        ) from None


def _data_column(name: str, given: Any, n: int) -> npt.NDArray[Any]:
    try:
        column = np.asarray(given)
    except ValueError as error:  # lists of several lengths
        raise OptionTypeError(f"the column {name!r} of Detections.data must be an array: {error}") from None
    if column.ndim == 0 or len(column) != n:
        raise OptionError(
            f"the column {name!r} of Detections.data must have one entry per box, {n}, "
            f"got the shape {column.shape}"
        )
    return column


_CORNERS = 4  # numbers of a box

# A sum of probabilities may be a little above 1.
_MOST_CONFIDENCE = 1.001


def _check_boxes(xyxy: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]) -> None:
    wrong = ~(xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)  # a comparison with NaN is false, too
    if wrong.any():
        row = int(wrong.argmax())
        box = ", ".join(f"{number:g}" for number in xyxy[row])
        if np.isnan(xyxy[row]).any():
            raise OptionError(
                f"Detections.xyxy must have numbers, got the box ({box}) in row {row}: leave out boxes that "
                "are not known, found = ~np.isnan(boxes).any(axis=1)"
            )
        raise OptionError(
            f"Detections.xyxy must be left, top, right, bottom, got the box ({box}), whose right is less "
            "than its left or whose bottom is less than its top. Convert boxes of left, top, width, height "
            "with np.hstack([box[:, :2], box[:, :2] + box[:, 2:]]), and those of a centre, width and height "
            "with np.hstack([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2])"
        )
    beyond = (confidence > _MOST_CONFIDENCE) | (confidence < 1 - _MOST_CONFIDENCE)
    if beyond.any():
        first = confidence[int(beyond.argmax())]
        raise OptionError(f"Detections.confidence must be 0 to 1, got {first:g}: divide percentages by 100")


def _keep(boxes: Detections, name: str, column: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if column.shape != shape:
        raise OptionError(f"Detections.{name} must have the shape {shape}, got {column.shape}")
    object.__setattr__(boxes, name, column)


def _chosen(what: str, index: Any) -> Any:
    if isinstance(index, slice):
        return index
    chosen = np.asarray(index)
    if chosen.ndim != 1 or chosen.dtype.kind not in "biuf" or (chosen.dtype.kind == "f" and chosen.size):
        raise OptionTypeError(f"{what} take a slice, a mask or a list of indices, got {shown(index)}")
    return chosen if chosen.size or chosen.dtype.kind == "b" else chosen.astype(np.intp)


def _rows(column: Any, chosen: Any) -> Any:
    return None if column is None else column[chosen]


_calls.explain(__all__, globals())
