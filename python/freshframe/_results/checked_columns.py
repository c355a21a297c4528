"""Converts and checks the columns of results that a program constructs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._check import is_utf8, show
from .._errors import OptionError, OptionTypeError
from .._interpreter.log import logger
from .numbers import as_numbers

if TYPE_CHECKING:
    from .circles import Circles
    from .detections import Detections

_OF_NAMES = '; the names of classes go into names=, as in class_id=[0], names=["person"]'
_OPTIONAL_COLUMNS: tuple[tuple[str, type, bool], ...] = (
    ("tracker_id", np.int64, False),
    ("velocity", np.float32, True),
    ("track_age", np.float32, False),
    ("track_confidence", np.float32, False),
)
_PIXELS = ("keypoints", "corners")  # columns that Annotate draws, which native code reads as float32
_PIXELS_NDIM = 3  # (n, points, 2 or 3); a column of another shape is the program's own
OWN_COLUMNS = frozenset(
    (
        "xyxy",
        "confidence",
        "class_id",
        "class_name",
        "names",
        "data",
        *(name for name, _, _ in _OPTIONAL_COLUMNS),
    )
)


_MOST_NAMES = 1 << 16  # limit for class_ids of other libraries: names has an entry for every id
_checked: tuple[str, ...] = ()  # the names that were checked last


def class_names(given: Any) -> tuple[str, ...]:
    """Returns the names as a checked tuple. The last checked tuple is returned as is."""
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
            raise OptionTypeError(f"Detections.names must be strings, got {show(name)} for class_id {place}")
        if not is_utf8(name):
            raise OptionError(f"Detections.names must be UTF-8, got {show(name)} for class_id {place}")
    _checked = names
    return names


def _places(given: Mapping[Any, Any]) -> tuple[Any, ...]:
    for number in given:
        if not isinstance(number, int | np.integer) or not 0 <= number < _MOST_NAMES:
            raise OptionError(
                f"Detections.names must map class ids from 0 to {_MOST_NAMES - 1} to str, got {show(number)}"
            )
    return tuple(given.get(number, "") for number in range(max(given, default=-1) + 1))


def find_name(names: tuple[str, ...], number: int) -> str:
    return (names[number] if 0 <= number < len(names) else "") or str(number)


def _array(of: Circles | Detections, name: str, given: Any, kind: type) -> npt.NDArray[Any]:
    return as_numbers(f"{type(of).__name__}.{name}", given, kind, _OF_NAMES if name == "class_id" else "")


def keep_rows(of: Circles | Detections, name: str, numbers: tuple[str, ...]) -> int:
    """Converts the required column to an array, and returns its number of rows."""
    rows = _array(of, name, getattr(of, name), np.float32)
    if rows.size == 0:
        rows = rows.reshape(0, len(numbers))
    if rows.ndim != 2 or rows.shape[1] != len(numbers):
        one, row = type(of).__name__, ", ".join(numbers)
        what = "box" if name == "xyxy" else "circle"
        raise OptionError(
            f"{one}.{name} must have a row of {row} per {what}, so the shape (n, {len(numbers)}), got the "
            f"shape {rows.shape}"
            + (f"; one {what} is written [[{row}]]" if rows.shape == (len(numbers),) else "")
        )
    object.__setattr__(of, name, rows)
    return len(rows)


def keep_column(of: Circles | Detections, name: str, kind: type, default: float, n: int) -> None:
    """Converts an optional column, filled with a default. A single number applies to all rows."""
    given = getattr(of, name)
    column = _array(of, name, default if given is None else given, kind)
    _keep(of, name, np.full(n, column, kind) if column.ndim == 0 else column, (n,))


def keep_optional(of: Circles | Detections, n: int) -> None:
    for name, kind, pairs in _OPTIONAL_COLUMNS:
        given = getattr(of, name)
        if given is not None:
            shape = (n, 2) if pairs else (n,)
            column = _array(of, name, given, kind)
            _keep(of, name, column if n else column.reshape(shape), shape)


def data_column(name: str, given: Any, n: int) -> npt.NDArray[Any]:
    try:
        column = np.asarray(given)
    except ValueError as error:  # ragged lists
        raise OptionTypeError(f"the column {name!r} of Detections.data must be an array: {error}") from None
    if column.ndim == 0 and column.dtype.kind == "O":
        raise OptionTypeError(f"the column {name!r} of Detections.data must be an array, got {show(given)}")
    if column.ndim == 0 or len(column) != n:
        raise OptionError(
            f"the column {name!r} of Detections.data must have one entry per box, {n}, "
            f"got the shape {column.shape}"
        )
    if name in _PIXELS and column.ndim == _PIXELS_NDIM and column.dtype.kind in "iuf":
        return as_numbers(f"the column {name!r} of Detections.data", column, np.float32)
    return column


# A mean of probabilities may exceed 1 by rounding.
_MOST_CONFIDENCE = 1.001


_has_warned = False  # a detector would repeat it for each frame


def _warn_of_shares(xyxy: npt.NDArray[np.float32]) -> None:
    """Logs a WARNING, once, if all boxes are within one pixel: they are shares of the width and height."""
    global _has_warned  # noqa: PLW0603
    # The first box nearly always proves that these are pixels, so the others need not be checked.
    if _has_warned or not len(xyxy) or xyxy[0, 2] > 1 or xyxy.max() > 1 or not (xyxy % 1).any():
        return
    _has_warned = True
    logger.warning(
        "Detections.xyxy is in pixels, but all boxes are between 0 and 1: multiply fractions of the image by "
        "(frame.width, frame.height)"
    )


def check_boxes(xyxy: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]) -> None:
    wrong = ~(xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)  # also true for NaN
    if wrong.any():
        row = int(wrong.argmax())
        box = ", ".join(f"{number:g}" for number in xyxy[row])
        if np.isnan(xyxy[row]).any():
            raise OptionError(
                f"Detections.xyxy must not contain NaN, got the box ({box}) in row {row}: leave out unknown "
                "boxes, boxes[~np.isnan(boxes).any(axis=1)]"
            )
        raise OptionError(
            f"Detections.xyxy must be left, top, right, bottom, got the box ({box}), whose right is less "
            "than its left or whose bottom is less than its top. Convert boxes of left, top, width, height "
            "with np.hstack([box[:, :2], box[:, :2] + box[:, 2:]]), and those of a centre, width and height "
            "with np.hstack([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2])"
        )
    _warn_of_shares(xyxy)
    beyond = (confidence > _MOST_CONFIDENCE) | (confidence < 1 - _MOST_CONFIDENCE)
    if beyond.any():
        first = confidence[int(beyond.argmax())]
        raise OptionError(f"Detections.confidence must be 0 to 1, got {first:g}: divide percentages by 100")


def _keep(of: Circles | Detections, name: str, column: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if column.shape != shape:
        raise OptionError(f"{type(of).__name__}.{name} must have the shape {shape}, got {column.shape}")
    object.__setattr__(of, name, column)
