"""Circles and boxes as records, with the keys of JSON lines and the columns of tables."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._errors import OptionError, OptionTypeError
from .._results.circles import Circles
from .._results.columns import BOX_COLUMNS, check_name, find_column, find_columns
from .._results.detections import Detections
from .plain import checked_key, finite, finite_parts, plain, valid_text

if TYPE_CHECKING:
    from .._native import Sample

FORMAT = 1  # version of a record; increased when a key changes its meaning
# Positions are accurate to about 0.01 pixels; more digits would only double the file size.
_DECIMALS = 3


def sample_record(
    sample: Sample[Any], source: str | None, *, with_damaged: bool, with_part: bool
) -> dict[str, Any]:
    """Returns a sample in JSON types, as JsonLines writes it.

    Args:
        sample: The sample.
        source: The name of its source; None to omit it.
        with_damaged: Whether to include the key `damaged`.
        with_part: Whether to include the key `part`.

    Raises:
        OptionError: Its value cannot be written.
        TypeError: Its value contains a type that cannot be written.
    """
    return {
        "format": FORMAT,
        "seq": sample.seq,
        **({"part": sample.part} if with_part else {}),
        "pts": finite(sample.pts),
        "captured": finite(round(sample.captured, 6)),
        **({} if source is None else {"source": valid_text(source)}),
        **wall_time(sample),
        **({} if sample.path is None else {"path": valid_text(sample.path)}),
        **({"damaged": sample.damaged} if with_damaged else {}),
        **value_record(sample.value),
    }


def value_record(value: Any) -> dict[str, Any]:
    """Returns a value in JSON types, under a single key that names its kind.

    Raises:
        OptionError: The value cannot be written.
        TypeError: The value contains a type that cannot be written.
    """
    if isinstance(value, Circles):
        return {"circles": records(value)}
    if isinstance(value, Detections):
        return {"detections": full_box_records(value)}
    return {"value": plain(value)}


def wall_time(sample: Sample[Any]) -> dict[str, Any]:
    """Returns the keys of a sample's wall-clock time; {} if it has none."""
    if sample.utc is None:
        return {}
    error = finite(round(sample.utc_error, 6))
    return {"utc": round(sample.utc, 6), "utc_error": error, "utc_from": sample.utc_from}


def records(found: Circles | Detections) -> list[dict[str, Any]]:
    """Returns a record per circle or box, without the columns of `data`."""
    count = len(found)
    table = find_columns(found)
    columns = [_rounded(find_column(found, column), count) for column in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


def full_box_records(boxes: Detections) -> list[dict[str, Any]]:
    """Returns records() including the columns of `data`."""
    added = data_columns(boxes, tuple(BOX_COLUMNS))
    return [
        record | dict(zip(added, (finite_parts(value) for value in more), strict=True))
        for record, more in zip(records(boxes), iterate_rows(added, len(boxes)), strict=True)
    ]


def data_columns(boxes: Detections, taken: tuple[str, ...]) -> dict[str, list[Any]]:
    """Returns the columns of `data` as Python values; numbers may be nan or infinite.

    Raises:
        OptionError: A column does not have one entry per box, or has the name of another column.
        OptionTypeError: A column's name or entries cannot be written to a file.
    """
    columns: dict[str, list[Any]] = {}
    for key, given in boxes.data.items():
        name = checked_key(key)
        if name == "class_name" and boxes.names is None:
            continue  # is a built-in column of boxes already
        check_name(name, (*taken, *columns))
        column = np.asarray(given)
        if column.ndim == 0 or len(column) != len(boxes):
            raise OptionError(
                f"the column {name!r} of Detections.data must have one entry per box, {len(boxes)}, "
                f"got the shape {column.shape}"
            )
        try:
            columns[name] = _entries(column)
        except TypeError as error:
            raise OptionTypeError(
                f"the column {name!r} of Detections.data cannot be written: {error}"
            ) from None
    return columns


def _entries(column: npt.NDArray[Any]) -> list[Any]:
    kind = column.dtype.kind
    if kind == "f":
        # For float32, use the shortest decimal that reads back the same: 3.2, not 3.200000047683716 as from
        # float().
        short = column.itemsize < np.dtype(np.float64).itemsize
        exact = (column.astype(np.str_) if short else column).astype(np.float64)
        return list(exact.tolist())
    return [plain(entry) for entry in (column.tolist() if kind in "biuUO" else column)]


def iterate_rows(columns: dict[str, list[Any]], count: int) -> Iterator[tuple[Any, ...]]:
    return zip(*columns.values(), strict=True) if columns else iter([()] * count)


def _rounded(column: npt.NDArray[Any] | None, count: int) -> list[Any]:
    """Returns a column in JSON types, or None for each row if it is missing."""
    if column is None:
        return [None] * count
    if column.dtype.kind == "U":
        return [valid_text(text) for text in column.tolist()]
    if column.dtype.kind != "f":
        return list(column.tolist())
    return [round(number, _DECIMALS) if math.isfinite(number) else None for number in column.tolist()]
