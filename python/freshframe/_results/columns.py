"""The columns of circles and boxes, as used for dict and JSON keys, tables, and label fields."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .._errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .circles import Circles
    from .detections import Detections


class Column(NamedTuple):
    """Where a column's numbers are stored."""

    attribute: str
    place: int | None = None  # index within each row, for attributes with several numbers per row


_TRACK = {
    "confidence": Column("confidence"),
    "vx": Column("velocity", 0),
    "vy": Column("velocity", 1),
    "track_age": Column("track_age"),
    "track_confidence": Column("track_confidence"),
}
# In output order. src/vision/draw/text/text_template.cpp looks up label fields by the same names.
CIRCLE_COLUMNS = {
    "tracker_id": Column("tracker_id"),
    "x": Column("xyr", 0),
    "y": Column("xyr", 1),
    "r": Column("xyr", 2),
    **_TRACK,
}
BOX_COLUMNS = {
    "tracker_id": Column("tracker_id"),
    "class_id": Column("class_id"),
    "class_name": Column("class_name"),
    "x1": Column("xyxy", 0),
    "y1": Column("xyxy", 1),
    "x2": Column("xyxy", 2),
    "y2": Column("xyxy", 3),
    **_TRACK,
}


def check_name(name: str, taken: Collection[str]) -> None:
    """Rejects a column of ``Detections.data`` whose name is already in use.

    Raises:
        OptionError: The name is already in use.
    """
    if name in taken:
        raise OptionError(f"a column named {name!r} already exists: rename the column of Detections.data")


def find_columns(found: Any) -> Mapping[str, Column]:
    """Returns the columns of Circles or Detections."""
    return CIRCLE_COLUMNS if hasattr(found, "xyr") else BOX_COLUMNS


def find_column(found: Any, column: Column) -> npt.NDArray[Any] | None:
    """Returns a column of Circles or Detections as an array of shape (n,), or None if it is missing."""
    values: npt.NDArray[Any] | None = getattr(found, column.attribute)
    return values if values is None or column.place is None else values[:, column.place]


def listed_rows(rows: npt.NDArray[np.float32]) -> list[list[float]]:
    """Returns a list per column of a two-dimensional array."""
    columns: list[list[float]] = rows.T.tolist()
    return columns


def listed_tracks(found: Circles | Detections) -> list[list[Any]]:
    """Returns the ids, velocities, ages and confidences of tracks as lists."""
    n = len(found)
    velocity = [None] * n if found.velocity is None else list(map(tuple, found.velocity.tolist()))
    rest = (listed(found.track_age, n), listed(found.track_confidence, n))
    return [listed(found.tracker_id, n), velocity, *rest]


def listed(column: npt.NDArray[Any] | None, n: int) -> list[Any]:
    """Returns the entries of a column as a list, or n times None without a column."""
    return [None] * n if column is None else list(column.tolist())
