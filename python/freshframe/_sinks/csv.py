"""Csv: the node that writes results to a CSV file."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import OptionError
from .._interpreter import calls as _calls
from .._results.circles import Circles
from .._results.columns import BOX_COLUMNS, CIRCLE_COLUMNS
from .._results.detections import Detections
from .plain import keyed, named_fields, plain, to_text, valid_text
from .records import data_columns, iterate_rows, records, wall_time
from .text_file import TextFile
from .text_sink import TextSink

if TYPE_CHECKING:
    from .._native import Sample

__all__ = ["Csv"]


_STAMP_COLUMNS = ("seq", "pts", "captured")


_UTC_COLUMNS = ("utc", "utc_error", "utc_from")


class Csv(TextSink):
    """Writes a CSV table with a header; every row starts with `seq`, `pts` and `captured` of its sample.

    If the first sample has a wall-clock time, as with live sources, the columns `utc`, `utc_error` and
    `utc_from` follow. They are empty for samples without one.

    For an image sequence, the next column is `path`, the image's file. If a source of the pipeline is a
    network stream that marks its damaged frames, there is a column `damaged`, True or False. If a node of the
    pipeline is a generator, the column `part` follows, the number of the result among those with the same
    seq. With several sources, and if a node has `on_tick()` or `finish()`, the last of these columns is
    `source`, the name of the source or node whose stream the sample belongs to.

    `Circles` have one row per circle, with the columns `tracker_id`, `x`, `y`, `r`, `confidence`, `vx`, `vy`,
    `track_age`, `track_confidence`. A frame without circles has no row. Without a tracker, the tracking
    columns are empty.

    `Detections` have one row per box, with the columns `tracker_id`, `class_id`, `class_name` (if known),
    `x1`, `y1`, `x2`, `y2`, `confidence`, `vx`, `vy`, `track_age`, `track_confidence`, and the columns of
    `data`. The first sample with boxes determines the columns. A sample without boxes has no row, and may
    have other columns.

    Any other value makes one row. A dict, a dataclass or a named tuple has one column per field, a
    one-dimensional array the columns `value_0`, `value_1`, ..., a number or a string the column `value`. A
    list, a dict or an array inside a field is written as JSON. The first sample determines the columns. In a
    str with lone surrogates (bytes that are not UTF-8), each becomes U+FFFD.

    Args:
        path: The file, usually *.csv. Suffixes of other formats (.jsonl, .tsv, .xlsx) are rejected. An
            existing file is replaced with the first row. Rows are flushed after at most a second.
        complete: As for `JsonLines`.

    Raises:
        OptionError: The path has the suffix of another format.
        OSError: From open() when the file cannot be written, from process() or close() when the disk is full.
        TypeError: From process() for a value of a type that does not fit into a table.
        ValueError: From process() if the columns differ from those of the first sample, or if a column of
            `data` does not have one entry per box or has the name of another column.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=5&pace=0")))
        >>> sink = pipeline.add(ff.Csv("circles.csv"), circles)
        >>> pipeline.run().complete
        True
    """

    _refused = {  # noqa: RUF012
        ".json": "JsonLines does, one value per line",
        ".jsonl": "JsonLines does",
        ".ndjson": "JsonLines does",
        ".tsv": "its columns are separated by commas, so end the name with .csv",
    }

    def open(self) -> None:
        """Creates the file."""
        super().open()
        self._rows = _Rows()
        self._writer = csv.writer(self._rows, lineterminator="\r\n")
        self._columns: tuple[str, ...] | None = None
        self._columns_without_rows: tuple[str, ...] | None = None
        self._with_path = self._with_utc = False

    def close(self) -> None:
        """Writes the header if there was no row, then the buffered rows, and closes the file."""
        try:
            if self._file is not None and self._columns_without_rows is not None:
                self._write(self._columns_without_rows, [])
        finally:
            super().close()

    def process(self, sample: Sample[Any]) -> None:
        """Writes the rows of one sample."""
        self._opened()
        stamp: tuple[Any, ...] = (sample.seq, sample.pts, round(sample.captured, 6))
        if self._columns is None:
            self._with_path = sample.path is not None
            self._with_utc = sample.utc is not None
        if self._with_utc:
            stamp += tuple(wall_time(sample).values()) or ("", "", "")
        if self._with_path:
            stamp += ("" if sample.path is None else valid_text(sample.path),)
        if self._marks.damaged:
            stamp += (sample.damaged,)
        if self._marks.part:
            stamp += (sample.part,)
        if self._marks.source:
            stamp += (valid_text(sample.source),)
        value = sample.value
        if isinstance(value, Circles):
            columns = tuple(CIRCLE_COLUMNS)
            rows = [[*stamp, *record.values()] for record in records(value)]
        elif isinstance(value, Detections):
            added = data_columns(value, (*self._stamp_columns(), "path", *BOX_COLUMNS))
            columns = (*BOX_COLUMNS, *added)
            if not len(value):
                if self._columns is None:
                    self._columns_without_rows = columns
                return
            rows = [
                [*stamp, *record.values(), *map(_cell, more)]
                for record, more in zip(records(value), iterate_rows(added, len(value)), strict=True)
            ]
        else:
            fields = _fields(value)
            columns = tuple(fields)
            rows = [[*stamp, *_cells(fields, value)]]
        self._write(columns, rows)  # last: a value that cannot be written leaves an existing file alone

    def _write(self, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
        """Writes the rows of one sample, preceded by the header if they are the first: all or nothing."""
        known = self._columns
        try:
            self._expect(columns)
            self._writer.writerows(rows)
            if text := self._rows.text():
                file = self._opened()
                file.write(text)
                if known is None and isinstance(file, TextFile):
                    file.head = self._rows.first()
        except BaseException:
            self._columns = known
            raise
        finally:
            self._rows.clear()

    def _expect(self, columns: tuple[str, ...]) -> None:
        if self._columns is None:
            self._refuse_twice(columns)
            self._columns = columns
            self._columns_without_rows = None
            self._writer.writerow(self._stamp_columns() + columns)
        elif columns != self._columns:
            raise OptionError(
                f"every sample must have the columns of the first one, {', '.join(self._columns)}; "
                f"this one has {', '.join(columns) or 'no columns'}; use JsonLines for values with different "
                "fields"
            )

    def _stamp_columns(self) -> tuple[str, ...]:
        return (
            _STAMP_COLUMNS
            + _UTC_COLUMNS * self._with_utc
            + ("path",) * self._with_path
            + ("damaged",) * self._marks.damaged
            + ("part",) * self._marks.part
            + ("source",) * self._marks.source
        )

    def _refuse_twice(self, columns: tuple[str, ...]) -> None:
        for name in self._stamp_columns():
            if name in columns:
                raise OptionError(
                    f"the file already has a column {name!r} from the sample: rename the field of the value"
                )


class _Rows:
    """Collects the rows of a csv.writer, each terminated by a line feed.

    Before Python 3.13, the writer only quotes strings with a carriage return if its line terminator contains
    one. Unquoted, readers would take it for the end of the row.
    """

    def __init__(self) -> None:
        self._rows: list[str] = []

    def write(self, row: str) -> None:
        self._rows.append(row.removesuffix("\r\n") + "\n")

    def text(self) -> str:
        return "".join(self._rows)

    def first(self) -> str:
        return self._rows[0]

    def clear(self) -> None:
        self._rows.clear()


def _fields(value: Any) -> dict[str, Any]:
    """Returns the columns of one value."""
    fields = named_fields(value)
    if fields is not None:
        return keyed(fields)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {f"value_{index}": item for index, item in enumerate(value)}
    return {"value": value}


def _cells(fields: dict[str, Any], value: Any) -> list[Any]:
    """Returns a table cell for each column of a value."""
    try:
        return [_cell(field) for field in fields.values()]
    except TypeError as error:
        failure = error
    plain(value)  # raises an error that says where in the value, too
    raise failure


def _cell(value: Any) -> Any:
    """Converts a field to a table cell; None becomes an empty cell."""
    if isinstance(value, float | np.floating):
        return float(value)  # including nan and inf, which CSV can represent
    content = plain(value)
    if isinstance(content, list | dict):
        return to_text(content)
    return content


_calls.explain(__all__, globals())
