"""The boxes of one frame: NumPy columns in a frozen dataclass."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from .._check import attribute_hints, show
from .._errors import OptionError, OptionTypeError
from .._interpreter import calls as _calls
from .._interpreter import fork
from .checked_columns import (
    OWN_COLUMNS,
    check_boxes,
    class_names,
    data_column,
    find_name,
    keep_column,
    keep_optional,
    keep_rows,
)
from .rows import MEANT_OF_ALL, SHOWN, Index, at, exchange, explain_arrays, inside, merged, short

if TYPE_CHECKING:
    from .box import Box
    from .corners import Anchor

__all__ = ["Detections"]


_MEANT = {
    **MEANT_OF_ALL,
    "cls": "classes are class_id, and class_name",
    "labels": "the names of the classes are class_name",
    "boxes": "each is a row of xyxy, and a loop gives one Box after the other",
    "masks": "masks are data['mask'], which freshframe.masks.decode() reads",
    "xywh": "`for box in boxes` gives center, width and height",
    "plot": "freshframe.Annotate().draw(frame, boxes) draws them",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detections:
    """The objects detected in one frame, as NumPy columns named like supervision's. Compares by identity.

    The origin (0, 0) is the outer *corner* of the top left pixel, as is usual for boxes. The origin of
    Circles is that pixel's centre, so their coordinates are half a pixel smaller for the same point.

    ``for x1, y1, x2, y2 in boxes`` iterates over boxes, ``boxes[0]`` is the first one as a ``types.Box``, and
    ``boxes[boxes.confidence > 0.5]`` filters. The constructor converts its arguments to the array types
    below, so it also accepts lists, or one number for all boxes.

    Attributes:
        xyxy: (n, 4) float32, pixels: left, top, right, bottom; right and bottom are exclusive.
        confidence: (n,) float32 in [0, 1]: the detector's confidence in this frame. Default: 1.
        class_id: (n,) int32. Default: 0.
        tracker_id: (n,) int64, stable across frames, from 1. It and the next three are None unless there is a
            tracker upstream.
        velocity: (n, 2) float32, pixels per second.
        track_age: (n,) float32, seconds since the object was first seen.
        track_confidence: (n,) float32 in [0, 1]: weighted mean of its confidences, recent ones weighing more.
        names: Class names by class_id; an empty string for a class without a name. None if unknown. All
            results of a detector share this tuple.
        data: Additional columns by name: arrays whose first axis has length n. with_data() adds one. Numbers
            in ``keypoints`` and ``corners``, (n, k, 2) or (n, k, 3), are converted to float32.

    Raises:
        OptionError: A column has the wrong length or shape, a box has x2 < x1 or y2 < y1, or a confidence is
            not in [0, 1].
        OptionTypeError: A column is not an array of numbers, or names are not strings.

    Example:
        >>> import freshframe as ff
        >>> found = ff.Detections([[10, 20, 50, 80], [200, 40, 240, 90]], [0.9, 0.3], names=["person"])
        >>> found[found.confidence > 0.5]
        <Detections: 1: person 0.90>
    """

    xyxy: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32] = None  # type: ignore[assignment]  # set below, like the next one
    class_id: npt.NDArray[np.int32] = None  # type: ignore[assignment]
    tracker_id: npt.NDArray[np.int64] | None = field(default=None, kw_only=True)
    velocity: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    track_age: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    track_confidence: npt.NDArray[np.float32] | None = field(default=None, kw_only=True)
    names: tuple[str, ...] | None = field(default=None, kw_only=True)
    data: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict, kw_only=True)

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes
        __getattr__ = attribute_hints(_MEANT)

    if TYPE_CHECKING:  # types of the constructor's arguments; the attributes are arrays

        def __init__(
            self,
            xyxy: npt.ArrayLike,
            confidence: npt.ArrayLike | None = None,
            class_id: npt.ArrayLike | None = None,
            *,
            tracker_id: npt.ArrayLike | None = None,
            velocity: npt.ArrayLike | None = None,
            track_age: npt.ArrayLike | None = None,
            track_confidence: npt.ArrayLike | None = None,
            names: Sequence[str] | Mapping[int, str] | None = None,
            data: Mapping[str, npt.ArrayLike] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Converts the columns and checks their lengths."""
        n = keep_rows(self, "xyxy", ("x1", "y1", "x2", "y2"))
        keep_column(self, "confidence", np.float32, 1, n)
        keep_column(self, "class_id", np.int32, 0, n)
        keep_optional(self, n)
        check_boxes(self.xyxy, self.confidence)
        if not isinstance(self.data, Mapping):
            raise OptionTypeError(f"Detections.data must map names to arrays, got {show(self.data)}")
        if self.data:
            columns = {name: data_column(name, column, n) for name, column in self.data.items()}
            object.__setattr__(self, "data", columns)
        if self.names is not None:
            object.__setattr__(self, "names", class_names(self.names))

    @classmethod
    def empty(cls) -> Detections:
        """No boxes."""
        return cls(np.zeros((0, 4), np.float32))

    @classmethod
    def merge(cls, several: Iterable[Detections]) -> Detections:
        """Concatenates the boxes of several results.

        If the results have different ``names``, these are combined, and ``class_id`` is adapted so that every
        box keeps its ``class_name``.

        Raises:
            OptionError: The results do not have the same columns, or only some have names. Results without
                boxes are always accepted.
            OptionTypeError: One of the results is not a Detections.
        """
        return merged(Detections, several)

    @classmethod
    def from_supervision(cls, detections: Any) -> Detections:
        """Converts supervision's Detections; a missing confidence counts as 1, a missing class as 0.

        ``names`` is built from ``data["class_name"]``, so classes that are not in this frame are missing; an
        empty last name indicates that. If a class_id has two names, is negative or above 65535, ``names`` is
        None and the column stays in ``data``. ``mask`` and ``xyxyxyxy`` become the columns ``mask`` and
        ``corners``.

        Raises:
            OptionTypeError: ``detections`` is not supervision's Detections.
        """
        return cls(**exchange().from_supervision(detections))

    @classmethod
    def from_ultralytics(cls, result: Any) -> Detections:
        """Converts one result of an Ultralytics model, such as ``model(frame.bgr)[0]``.

        Class names and, from ``model.track()``, ids are kept. Oriented boxes, masks and key points become the
        columns ``corners``, ``mask`` and ``keypoints`` of ``data``.

        Raises:
            OptionError: ``result`` is the result of a classifier.
            OptionTypeError: ``result`` is not a single result, but for example the list of them.
        """
        return cls(**exchange().from_ultralytics(result))

    @property
    def class_name(self) -> npt.NDArray[np.str_] | None:
        """(n,) str: the class name of each box, or its class_id as a string if the class has no name.

        None if there are no names.
        """
        if self.names is None:
            given = self.data.get("class_name")
            return None if given is None else np.asarray(given, np.str_)
        return np.array([find_name(self.names, number) for number in self.class_id.tolist()], np.str_)

    @property
    def center(self) -> npt.NDArray[np.float32]:
        """(n, 2) float32: x and y."""
        return (self.xyxy[:, :2] + self.xyxy[:, 2:]) / np.float32(2)

    @property
    def area(self) -> npt.NDArray[np.float32]:
        """(n,) float32, square pixels."""
        sides = self.xyxy[:, 2:] - self.xyxy[:, :2]
        return sides[:, 0] * sides[:, 1]

    def inside(
        self, corners: Sequence[tuple[float, float]], *, anchor: Anchor = "center"
    ) -> npt.NDArray[np.bool_]:
        """Returns which boxes are inside a polygon: ``boxes[boxes.inside(corners)]``.

        Args:
            corners: 3 to 1000 corners (x, y) in pixels, in order around the polygon. Where its edges cross,
                the even-odd rule applies.
            anchor: The point of a box that must be inside: "center", or "bottom", the middle of its lower
                edge.

        Returns:
            (n,) bool.

        Raises:
            OptionError: There are too few or too many corners, or anchor is unknown.
            OptionTypeError: An argument is of the wrong type.

        Example:
            >>> import freshframe as ff
            >>> boxes = ff.Detections([[10, 10, 30, 30], [90, 10, 120, 30]])
            >>> boxes.inside([(0, 0), (50, 0), (50, 50), (0, 50)])
            array([ True, False])
        """
        left, top, right, bottom = self.xyxy.astype(np.float64).T
        return inside((left + right) / 2, (top + bottom) / 2, bottom, corners, anchor)

    def with_data(self, **columns: npt.ArrayLike) -> Detections:
        """Returns the same boxes with columns of ``data`` added, or replaced if the name exists.

        Raises:
            OptionError: A column does not have one entry per box, or has the name of a built-in column.
            OptionTypeError: A column is not an array.

        Example:
            >>> import freshframe as ff
            >>> ff.Detections([[10, 20, 50, 80]]).with_data(plate=["B AB 12"])[0].data["plate"]
            'B AB 12'
        """
        for name in columns:
            if name in OWN_COLUMNS:
                raise OptionError(f"Detections already have a column {name!r}: choose another name")
        data = {**self.data, **columns}
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "data"}
        return Detections(**given, data=data)

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.xyxy)

    def __iter__(self) -> Iterator[Box]:
        """Iterates over the boxes, each of which unpacks into ``x1, y1, x2, y2`` as Python floats."""
        with fork.explaining(), fork.loading():
            from .box import iterate_boxes  # noqa: PLC0415  (few programs loop over all)

        return iterate_boxes(self)

    @overload
    def __getitem__(self, index: int) -> Box: ...
    @overload
    def __getitem__(self, index: Index) -> Detections: ...
    def __getitem__(self, index: int | Index) -> Box | Detections:
        """Returns one box for an int, or the selected boxes for a mask, slice or indices.

        Raises:
            IndexError: The index is out of range.
            OptionTypeError: The index has another type.
        """
        if isinstance(index, bool) and self.class_name is None:
            raise OptionTypeError(
                f"Detections take a number, a slice, a mask or a list of indices, got {show(index)}. These "
                "have no class names (class_name is None): compare class_id with a number, or give them names"
            )
        chosen: Box | Detections = at(self, index)
        return chosen

    def __repr__(self) -> str:
        some = self[:SHOWN]
        kinds = some.class_id.tolist() if some.class_name is None else some.class_name.tolist()
        each = zip(kinds, some.confidence.tolist(), strict=True)
        return short(self, [f"{kind} {confidence:.2f}" for kind, confidence in each])

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns a dict of Python numbers per box, with the keys of JsonLines and Csv.

        Raises:
            OptionError: A column of ``data`` has the name of another column.
        """
        dicts: list[dict[str, Any]] = exchange().make_dicts(self)
        return dicts

    def to_pandas(self) -> Any:
        """Returns a DataFrame with a row per box and the columns of to_dicts().

        Raises:
            MissingPackageError: pandas is not installed.
            OptionError: A column of ``data`` has the name of another column.
        """
        return exchange().make_frame(self)

    def to_supervision(self) -> Any:
        """Converts to supervision's Detections.

        ``velocity``, ``track_age``, ``track_confidence`` and ``class_name`` are in its ``data``. The columns
        ``mask`` and ``corners`` become its ``mask`` and ``xyxyxyxy``. Masks are a CompactMask with
        supervision 0.28 or newer, otherwise dense. A column ``mask`` that only has empty strings stays in
        ``data``, because its size is unknown.

        Raises:
            MissingPackageError: supervision is not installed.
        """
        return exchange().make_supervision(self)


explain_arrays(Detections)
_calls.explain(__all__, globals())
