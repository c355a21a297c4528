"""Common parts of Circles and Detections: indexing, repr, and modules loaded on first use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from .._check import show
from .._errors import OptionTypeError
from .._interpreter import fork

if TYPE_CHECKING:
    from .circles import Circles
    from .detections import Detections


Index = npt.NDArray[Any] | slice | list[int] | list[bool]
"""A selection of rows: a mask, a slice, or indices."""


Found = TypeVar("Found", "Circles", "Detections")


MEANT_OF_ALL = {  # attribute names of Ultralytics, supervision and OpenCV
    "id": "identities are tracker_id",
    "ids": "identities are tracker_id",
    "age": "the ages of tracks are track_age",
    "conf": "they are confidence",
    "scores": "they are confidence",
    "shape": "len() is their number",
}


def exchange() -> Any:
    """Returns the module `exchange`, which converts results for other libraries. Loads it on first use."""
    with fork.explaining(), fork.loading():
        from . import exchange as module  # noqa: PLC0415  (most programs keep their results)

    return module


def merged(kind: type[Found], several: Iterable[Found]) -> Found:
    """Merges results of one kind."""
    with fork.explaining(), fork.loading():
        from . import merging  # noqa: PLC0415  (most programs merge nothing)

    return merging.merged(kind, several)


def inside(x: Any, y: Any, bottom: Any, corners: Any, anchor: Any) -> npt.NDArray[np.bool_]:
    """Returns (n,) bool: whether each row's anchor is inside the corners."""
    with fork.explaining(), fork.loading():
        from .corners import are_inside, checked_anchor  # noqa: PLC0415  (few programs ask)

    return are_inside(x, bottom if checked_anchor(anchor) == "bottom" else y, corners)


SHOWN = 5  # elements in a repr


def short(of: Circles | Detections, first: list[str]) -> str:
    """Returns a repr with the first elements."""
    listed = f": {', '.join(first)}" if first else ""
    return f"<{type(of).__name__}: {len(of)}{listed}{', ...' if len(of) > SHOWN else ''}>"


def _place(of: Circles | Detections, index: Any) -> int | None:
    """Returns the row for an index that is a single number, otherwise None."""
    if not hasattr(index, "__index__") or isinstance(index, bool | np.bool_) or np.ndim(index):
        return None
    place = operator.index(index)
    if not -len(of) <= place < len(of):
        raise IndexError(f"index {place} is out of range for {type(of).__name__} of length {len(of)}")
    return place % len(of)


def at(of: Found, index: Any) -> Any:
    """Returns the element for a single number, or the selected rows for any other index."""
    place = _place(of, index)
    return _some(of, index) if place is None else next(iter(_some(of, slice(place, place + 1))))


def _some(of: Found, index: Any) -> Found:
    """Selects rows of all columns. They are not checked again."""
    chosen = _chosen(type(of).__name__, index)
    some: Found = object.__new__(type(of))
    for name in of.__dataclass_fields__:
        column = getattr(of, name)
        if isinstance(column, Mapping):
            column = {each: rows[chosen] for each, rows in column.items()}
        elif isinstance(column, np.ndarray):
            column = column[chosen]
        object.__setattr__(some, name, column)
    return some


def _chosen(what: str, index: Any) -> Any:
    if isinstance(index, slice):
        return index
    try:
        chosen = np.asarray(index)
    except Exception:  # ragged lists, or a class whose conversion raises
        chosen = np.empty((0, 0))
    if chosen.ndim != 1 or chosen.dtype.kind not in "biuf" or (chosen.dtype.kind == "f" and chosen.size):
        raise OptionTypeError(
            f"{what} take a number, a slice, a mask or a list of indices, got {show(index)}"
        )
    return chosen if chosen.size or chosen.dtype.kind == "b" else chosen.astype(np.intp)


def explain_arrays(kind: type) -> None:
    """Makes help() show which types a constructor accepts, since the attributes are arrays."""
    types = vars(kind)["__init__"].__annotations__
    for name, given in list(types.items()):
        if str(given).startswith("npt.NDArray"):
            types[name] = "npt.ArrayLike" if name in ("xyr", "xyxy") else "npt.ArrayLike | None"
