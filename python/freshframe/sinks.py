"""Nodes that write results to text files: JSON lines and CSV."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import numpy.typing as npt

from . import _check
from ._errors import OptionError, OptionTypeError, StateError
from ._graph.nodes import Node
from ._text_file import TextFile
from .results import Circles, Detections

if TYPE_CHECKING:
    from ._native import Sample

__all__ = ["Csv", "JsonLines"]

_TAIL_COLUMNS = ("confidence", "vx", "vy", "age", "track_confidence")
_CIRCLE_COLUMNS: tuple[str, ...] = ("id", "x", "y", "r", *_TAIL_COLUMNS)
_BOX_COLUMNS = ("id", "class_id", "x1", "y1", "x2", "y2", *_TAIL_COLUMNS, "class")
_FORMAT = 2  # of a line; changes when a key changes its meaning
_STAMP_COLUMNS = ("seq", "pts", "captured")
_TAKEN_IN_TABLES = (*_STAMP_COLUMNS, "path", *_BOX_COLUMNS)
# Positions are accurate to about a hundredth of a pixel. More digits of float32 would only double the files.
_DECIMALS = 3
_SURROGATE = re.compile("[\ud800-\udfff]")


class _TextSink(Node[Any, None]):
    """The base of both sinks: a text file that one thread writes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _check.path("path", path)
        self.records_to = self.path
        self._file: TextFile | TextIO | None = None
        self._label: str | None = None  # the source's name, if the lines of several sources follow each other

    def open(self) -> None:
        """Creates the file unless it exists. The first line replaces its content."""
        self._file = TextFile(self.path)

    def close(self) -> None:
        """Writes the buffered lines and closes the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _opened(self) -> TextFile | TextIO:
        if self._file is None:
            raise StateError(f"{type(self).__name__} for {self.path!r} is not open; add it to a pipeline")
        return self._file


class JsonLines(_TextSink):
    """Writes each sample as one line of JSON: `{"format": 2, "seq", "pts", "captured", "value"}`.

    With pictures in sequence as the source, each line also has `path`, the picture's file.

    For `Circles` the last key is `circles`, a list of `{"id", "x", "y", "r", "confidence", "vx", "vy", "age",
    "track_confidence"}`. Positions are in pixels, where the centre of the top left pixel is (0, 0),
    velocities in pixels per second, ages in seconds. Without a tracker, `id` and the keys after `confidence`
    are null. A frame without circles has an empty list.

    For `Detections` it is `detections`, a list of `{"id", "class_id", "x1", "y1", "x2", "y2", "confidence",
    "vx", "vy", "age", "track_confidence", "class"}`, where `class` is the name of the class or null. The
    columns of `data` follow under their own names, with all their digits. A column with several numbers per
    box becomes a list.

    Any other value may consist of None, bool, int, float, str, numpy scalars and arrays, lists, tuples, dicts
    with str keys and dataclasses. JSON has no NaN and no infinity: they become null. A str that is not valid
    text, such as a file's name that is not UTF-8, has U+FFFD for each byte that is not.

    Args:
        path: The file. The first sample replaces its content. Each line is in it after a second at most.

    Raises:
        OSError: From open() when the file cannot be written, from process() or close() when the disk is full.
        TypeError: From process() for a value that cannot be written as JSON. It names the type.
        ValueError: From process() for a column of `data` that has not one entry per box, or the name of
            another key.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=5&pace=0")))
        >>> sink = pipeline.add(ff.JsonLines("circles.jsonl"), circles)
        >>> pipeline.run().complete
        True
    """

    def process(self, sample: Sample[Any]) -> None:
        """Writes one line."""
        file = self._opened()
        value = sample.value
        if isinstance(value, Circles):
            key, content = "circles", _circle_records(value)
        elif isinstance(value, Detections):
            key, content = "detections", _full_box_records(value)
        else:
            key, content = "value", plain(value)
        record = {
            "format": _FORMAT,
            "seq": sample.seq,
            "pts": _finite(sample.pts),
            "captured": _finite(round(sample.captured, 6)),
            **({} if self._label is None else {"source": _text(self._label)}),
            **({} if sample.path is None else {"path": _text(sample.path)}),
            key: content,
        }
        text = json.dumps(record, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        file.write(text + "\n")


class Csv(_TextSink):
    """Writes a table with a header line; every row begins with `seq`, `pts` and `captured` of its sample.

    With pictures in sequence as the source, the next column is `path`, the picture's file.

    `Circles` have one row per circle, with the columns `id`, `x`, `y`, `r`, `confidence`, `vx`, `vy`, `age`,
    `track_confidence`. A frame without circles has no row. Without a tracker its columns are empty.

    `Detections` have one row per box, with the columns `id`, `class_id`, `x1`, `y1`, `x2`, `y2`,
    `confidence`, `vx`, `vy`, `age`, `track_confidence`, `class` (the name of the class, if it is known), and
    the columns of `data`. The first sample with boxes determines the columns. One without boxes has no row,
    and may have other columns.

    Any other value makes one row. A dict, a dataclass or a named tuple has one column per field, a
    one-dimensional array the columns `value_0`, `value_1`, ..., a number or a string the column `value`. A
    list, a dict or an array inside a field is written as JSON. The first sample determines the columns. A str
    that is not valid text has U+FFFD for each byte that is not UTF-8.

    Args:
        path: The file. The first row replaces its content. Each row is in it after a second at most.

    Raises:
        OSError: From open() when the file cannot be written, from process() or close() when the disk is full.
        TypeError: From process() for a value that does not fit into a table. It names the type.
        ValueError: From process() for a value whose columns differ from those of the first sample, or a
            column of `data` that has not one entry per box, or the name of another column.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=5&pace=0")))
        >>> sink = pipeline.add(ff.Csv("circles.csv"), circles)
        >>> pipeline.run().complete
        True
    """

    def open(self) -> None:
        """Creates the file."""
        super().open()
        self._writer = csv.writer(self._opened(), lineterminator="\n")
        self._columns: tuple[str, ...] | None = None
        self._columns_without_rows: tuple[str, ...] | None = None
        self._with_path = False

    def close(self) -> None:
        """Writes the header if there was no row, then the buffered rows, and closes the file."""
        if self._file is not None and self._columns_without_rows is not None:
            self._expect(self._columns_without_rows)
        super().close()

    def process(self, sample: Sample[Any]) -> None:
        """Writes the rows of one sample."""
        self._opened()
        stamp: tuple[Any, ...] = (sample.seq, sample.pts, round(sample.captured, 6))
        if self._columns is None:
            self._with_path = sample.path is not None
        if self._with_path:
            stamp += ("" if sample.path is None else _text(sample.path),)
        value = sample.value
        if isinstance(value, Circles):
            columns = _CIRCLE_COLUMNS
            rows = [[*stamp, *record.values()] for record in _circle_records(value)]
        elif isinstance(value, Detections):
            added = _data_columns(value, _TAKEN_IN_TABLES)
            columns = _BOX_COLUMNS + tuple(added)
            if not len(value):
                if self._columns is None:
                    self._columns_without_rows = columns
                return
            rows = [
                [*stamp, *record.values(), *map(_cell, more)]
                for record, more in zip(_box_records(value), _rows(added, len(value)), strict=True)
            ]
        else:
            fields = _fields(value)
            columns = tuple(fields)
            rows = [[*stamp, *map(_cell, fields.values())]]
        self._expect(columns)  # after the values: one that cannot be written leaves the old file as it is
        self._writer.writerows(rows)

    def _expect(self, columns: tuple[str, ...]) -> None:
        if self._columns is None:
            self._columns = columns
            self._columns_without_rows = None
            self._writer.writerow(_STAMP_COLUMNS + ("path",) * self._with_path + columns)
        elif columns != self._columns:
            raise OptionError(
                f"every sample must have the columns of the first one, {', '.join(self._columns)}; "
                f"this one has {', '.join(columns) or 'none'}; JsonLines takes values with different fields"
            )


def _text(text: str) -> str:
    """Valid text: a lone surrogate, Python's sign for a byte that is not UTF-8, becomes U+FFFD."""
    return (
        text if text.isascii() or _check.is_utf8(text) else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    )


def _circle_records(circles: Circles) -> list[dict[str, Any]]:
    count = len(circles.xyr)
    places = ([_rounded(x), _rounded(y), _rounded(r)] for x, y, r in circles.xyr.tolist())
    columns = (
        _listed(circles.tracker_id, count),
        places,
        [_rounded(confidence) for confidence in circles.confidence.tolist()],
        _listed(circles.velocity, count, [None, None]),
        _listed(circles.age, count),
        _listed(circles.track_confidence, count),
    )
    return [
        dict(zip(_CIRCLE_COLUMNS, (id_, *place, confidence, *velocity, age, track), strict=True))
        for id_, place, confidence, velocity, age, track in zip(*columns, strict=True)
    ]


def _box_records(boxes: Detections) -> list[dict[str, Any]]:
    count = len(boxes.xyxy)
    names = boxes.class_name
    columns = (
        _listed(boxes.tracker_id, count),
        boxes.class_id.tolist(),
        _listed(boxes.xyxy, count),
        _listed(boxes.confidence, count),
        _listed(boxes.velocity, count, [None, None]),
        _listed(boxes.age, count),
        _listed(boxes.track_confidence, count),
        [None] * count if names is None else [_text(name) for name in names.tolist()],
    )
    return [
        dict(zip(_BOX_COLUMNS, (id_, kind, *place, confidence, *velocity, age, track, name), strict=True))
        for id_, kind, place, confidence, velocity, age, track, name in zip(*columns, strict=True)
    ]


def _full_box_records(boxes: Detections) -> list[dict[str, Any]]:
    """_box_records() with the columns of `data`."""
    added = _data_columns(boxes, _BOX_COLUMNS)
    return [
        record | dict(zip(added, (_finite_parts(value) for value in more), strict=True))
        for record, more in zip(_box_records(boxes), _rows(added, len(boxes)), strict=True)
    ]


def _data_columns(boxes: Detections, taken: tuple[str, ...]) -> dict[str, list[Any]]:
    """The entries of each column of `data`, as Python's own values; a number may still be nan or infinite.

    Raises:
        OptionError: A column has not one entry per box, or the name of another column.
        OptionTypeError: A column's name or its entries have no form in a file.
    """
    columns: dict[str, list[Any]] = {}
    for key, given in boxes.data.items():
        name = _key(key)
        if name == "class_name" and boxes.names is None:
            continue  # it is the column `class` already
        if name in taken or name in columns:
            raise OptionError(
                f"the file has a column {name!r} already: give that of Detections.data another name"
            )
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
        # float32 has the shortest number that reads as the same: 3.2, where float() gives 3.200000047683716.
        short = column.itemsize < np.dtype(np.float64).itemsize
        exact = (column.astype(np.str_) if short else column).astype(np.float64)
        return list(exact.tolist())
    return [plain(entry) for entry in (column.tolist() if kind in "biuUO" else column)]


def _rows(columns: dict[str, list[Any]], count: int) -> Iterator[tuple[Any, ...]]:
    return zip(*columns.values(), strict=True) if columns else iter([()] * count)


def _listed(column: npt.NDArray[Any] | None, count: int, absent: Any = None) -> list[Any]:
    """A column with rounded numbers; without the column, `absent` for each row."""
    if column is None:
        return [absent] * count
    return [[_rounded(v) for v in row] if isinstance(row, list) else _rounded(row) for row in column.tolist()]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _rounded(number: float) -> float | None:
    if isinstance(number, int):
        return number
    return _finite(round(number, _DECIMALS)) if math.isfinite(number) else None


def plain(value: Any) -> Any:
    """The value in the types of JSON: None, bool, int, finite float, str, list and dict with str keys.

    Raises:
        TypeError: A part of the value cannot be converted to them.
    """
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, np.generic | np.ndarray):
        if value.dtype.kind not in "biufU":
            raise OptionTypeError(
                f"an array of {value.dtype} cannot be written as JSON: convert it to numbers or strings"
            )
        # Only float64 becomes Python's own float; tolist() of longdouble would stay numpy's.
        return _finite_parts((value.astype(np.float64) if value.dtype.kind == "f" else value).tolist())
    fields = _named_fields(value)
    if fields is not None:
        return {_key(name): plain(field) for name, field in fields}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise _refusal(value)


def _finite_parts(value: Any) -> Any:
    """plain() for what tolist() of an array of numbers or strings returns."""
    if isinstance(value, list):
        return [_finite_parts(item) for item in value]
    if isinstance(value, str):
        return _text(value)
    return _finite(value) if isinstance(value, float) else value


def _named_fields(value: Any) -> Iterator[tuple[Any, Any]] | None:
    """Names and values of a dict, a dataclass or a named tuple; None for anything else."""
    if isinstance(value, Mapping):
        return iter(value.items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (
            (field.name, getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.metadata.get("recorded", True)
        )
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value, strict=True)
    return None


def _key(name: Any) -> str:
    if isinstance(name, str):
        return _text(name)
    raise OptionTypeError(f"a key must be a str, got {type(name).__qualname__} {name!r}")


def _refusal(value: Any) -> TypeError:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    advice = "VideoFile writes frames" if name.endswith(".Frame") else "convert it in a node before the sink"
    return TypeError(
        f"cannot write a value of type {name}: expected Circles, Detections, numbers, strings, None, numpy "
        f"arrays, lists, dicts or dataclasses; {advice}"
    )


def _fields(value: Any) -> dict[str, Any]:
    """The columns that one value makes in a table."""
    fields = _named_fields(value)
    if fields is not None:
        return {_key(name): field for name, field in fields}
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {f"value_{index}": item for index, item in enumerate(value)}
    return {"value": value}


def _cell(value: Any) -> Any:
    """The cell of a table for one field; None is an empty cell."""
    if isinstance(value, float | np.floating):
        return float(value)  # also nan and inf, which CSV can hold
    content = plain(value)
    if isinstance(content, list | dict):
        return json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return content
