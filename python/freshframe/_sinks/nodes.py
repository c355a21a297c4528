"""Nodes that write results to text files: JSON lines and CSV."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np

from .. import _check
from .._errors import OptionError, StateError
from .._graph.contract import Contract, Marks
from .._graph.nodes import Node
from .._interpreter import calls as _calls
from .._results.columns import BOX_COLUMNS, CIRCLE_COLUMNS
from .._results.results import Circles, Detections
from .plain import keyed, named_fields, plain, to_text, valid_text
from .records import data_columns, records, rows_of, sample_record, wall_time
from .text_file import TextFile
from .whole_file import WholeFile

if TYPE_CHECKING:
    from .._native import Sample

__all__ = ["Csv", "JsonLines"]

_TABLES = {".parquet", ".feather", ".xlsx", ".xls", ".ods", ".sqlite", ".db", ".xml", ".yaml", ".npy", ".npz"}
_VIDEOS = {".mp4", ".mkv", ".webm", ".mov", ".avi"}
_STAMP_COLUMNS = ("seq", "pts", "captured")
_UTC_COLUMNS = ("utc", "utc_error", "utc_from")


class _TextSink(Node[Any, None]):
    """The base of both sinks: a text file that one thread writes."""

    _refused: ClassVar[Mapping[str, str]]  # endings of names that promise another content, and what to do
    _marks = Marks()

    def __init__(self, path: str | os.PathLike[str], *, complete: bool = False) -> None:
        self.path = _check.path("path", path)
        self._check_ending()
        self.records_to = self.path
        self._whole: WholeFile | None = None
        self._is_complete = _check.flag("complete", complete)
        self._file: TextFile | TextIO | None = None
        self._label: str | None = None  # the source's name, if the lines of several sources follow each other

    def _freshframe_contract(self) -> Contract:
        end = self._name_or_remove if self._is_complete else None
        return Contract(when_run_ends=end, note_marks=self._note_marks)

    def _note_marks(self, marks: Marks) -> None:
        self._marks = marks

    def _check_ending(self) -> None:
        ending = os.path.splitext(self.path)[1].lower()
        elsewhere = "convert the file afterwards" if ending in _TABLES else None
        advice = self._refused.get(ending, "VideoFile does" if ending in _VIDEOS else elsewhere)
        if advice is not None:
            raise OptionError(
                f"{type(self).__name__} writes no {ending} file: {advice}; got the path {self.path!r}"
            )

    def open(self) -> None:
        """Creates the file unless it exists. The first line replaces its content."""
        if self._is_complete:
            self._file = self._whole = WholeFile(self.path)
        else:
            self._file = TextFile(self.path)

    def close(self) -> None:
        """Writes the buffered lines and closes the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _name_or_remove(self, is_complete: bool) -> None:
        whole, self._whole = self._whole, None
        if whole is not None:
            if is_complete:
                whole.name()
            else:
                whole.remove()

    def _opened(self) -> TextFile | TextIO:
        if self._file is None:
            raise StateError(f"{type(self).__name__} for {self.path!r} is not open; add it to a pipeline")
        return self._file


class JsonLines(_TextSink):
    """Writes each sample as one line of JSON: `{"format": 1, "seq", "pts", "captured", "value"}`.

    Below a live source, and a file with a creation time, each line also has `utc`, `utc_error` (null: not
    known) and `utc_from` of its sample, after `captured`.

    With pictures in sequence as the source, each line also has `path`, the picture's file. If a source of the
    pipeline is a network stream that marks its damaged frames, it has `damaged`, true or false. If a node of
    the pipeline is a generator, it has `part` after `seq`, the number among the results with that seq. Below
    a merge, and if a node of the pipeline has `on_tick()` or `finish()`, it has `source` after `captured`,
    the name of the source or node whose stream the sample is of.

    For `Circles` the last key is `circles`, a list of `{"tracker_id", "x", "y", "r", "confidence", "vx",
    "vy", "track_age", "track_confidence"}`. Positions are in pixels, where the centre of the top left pixel
    is (0, 0), velocities in pixels per second, ages in seconds. Without a tracker, `tracker_id` and the keys
    after `confidence` are null. A frame without circles has an empty list.

    For `Detections` it is `detections`, a list of `{"tracker_id", "class_id", "class_name", "x1", "y1", "x2",
    "y2", "confidence", "vx", "vy", "track_age", "track_confidence"}`, where `class_name` may be null. The
    columns of `data` follow under their own names, with all their digits. A column with several numbers per
    box becomes a list.

    Any other value may consist of None, bool, int, float, str, numpy scalars and arrays, lists, tuples, dicts
    with str keys and dataclasses. JSON has no NaN and no infinity: they become null. A str that is not valid
    text, such as a file's name that is not UTF-8, has U+FFFD for each byte that is not. Keys that become
    equal by that get numbers: the second one ends with " (2)".

    Args:
        path: The file, usually with the ending .jsonl. A name that promises another content (.csv, .parquet,
            .mp4) is refused. The first sample replaces its content. Each line is in it after a second at
            most.
        complete: True: the file appears when `run()` returns a report that is complete, and has all lines
            then. Until then a hidden file in its folder has them, and a file of this name stays as it is.
            A sink that remove() takes away before leaves no file.

    Raises:
        OptionError: The path ends as a file of another kind.
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

    _refused = {".csv": "Csv does", ".tsv": "Csv writes tables, with commas"}  # noqa: RUF012

    def process(self, sample: Sample[Any]) -> None:
        """Writes one line."""
        file = self._opened()
        source = sample.source if self._label is None and self._marks.source else self._label
        record = sample_record(sample, source, with_damaged=self._marks.damaged, with_part=self._marks.part)
        file.write(to_text(record) + "\n")


class Csv(_TextSink):
    """Writes a table with a header line; every row begins with `seq`, `pts` and `captured` of its sample.

    If the first sample has a wall time, as below a live source, the columns `utc`, `utc_error` and `utc_from`
    follow. They are empty for samples without one.

    With pictures in sequence as the source, the next column is `path`, the picture's file. If a source of the
    pipeline is a network stream that marks its damaged frames, there is a column `damaged`, True or False. If
    a node of the pipeline is a generator, the column `part` follows, the number among the results with the
    same seq. Below a merge, and if a node of the pipeline has `on_tick()` or `finish()`, the last one of them
    is `source`, the name of the source or node whose stream the sample is of.

    `Circles` have one row per circle, with the columns `tracker_id`, `x`, `y`, `r`, `confidence`, `vx`, `vy`,
    `track_age`, `track_confidence`. A frame without circles has no row. Without a tracker its columns are
    empty.

    `Detections` have one row per box, with the columns `tracker_id`, `class_id`, `class_name` (if it is
    known), `x1`, `y1`, `x2`, `y2`, `confidence`, `vx`, `vy`, `track_age`, `track_confidence`, and the columns
    of `data`. The first sample with boxes determines the columns. A sample without boxes has no row,
    and may have other columns.

    Any other value makes one row. A dict, a dataclass or a named tuple has one column per field, a
    one-dimensional array the columns `value_0`, `value_1`, ..., a number or a string the column `value`. A
    list, a dict or an array inside a field is written as JSON. The first sample determines the columns. A str
    that is not valid text has U+FFFD for each byte that is not UTF-8.

    Args:
        path: The file, usually with the ending .csv. A name that promises another content (.jsonl, .tsv,
            .xlsx) is refused. The first row replaces its content. Each row is in it after a second at most.
        complete: As for `JsonLines`.

    Raises:
        OptionError: The path ends as a file of another kind.
        OSError: From open() when the file cannot be written, from process() or close() when the disk is full.
        TypeError: From process() for a value that does not fit into a table. It names the type.
        ValueError: From process() for a value whose columns differ from the columns of the first sample, or a
            column of `data` that has not one entry per box, or a column with the name of another one.

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
                for record, more in zip(records(value), rows_of(added, len(value)), strict=True)
            ]
        else:
            fields = _fields(value)
            columns = tuple(fields)
            rows = [[*stamp, *map(_cell, fields.values())]]
        self._write(columns, rows)  # last: a value that cannot be written leaves the old file as it is

    def _write(self, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
        """Writes the rows of one sample, with the header before the first of them: all of it or none."""
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
                f"this one has {', '.join(columns) or 'none'}; JsonLines takes values with different fields"
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
                    f"the file has a column {name!r} already, that of the sample: give the value's field "
                    f"another name"
                )


class _Rows:
    """Collects the rows of a csv.writer, each with a line feed at its end.

    Before Python 3.13 the writer quotes a text with a carriage return only if its lines end with one. Readers
    take one without quotes for the end of the row.
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
    """The columns that one value makes in a table."""
    fields = named_fields(value)
    if fields is not None:
        return keyed(fields)
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return {f"value_{index}": item for index, item in enumerate(value)}
    return {"value": value}


def _cell(value: Any) -> Any:
    """The cell of a table for one field; an empty cell for None."""
    if isinstance(value, float | np.floating):
        return float(value)  # also nan and inf, which CSV can hold
    content = plain(value)
    if isinstance(content, list | dict):
        return to_text(content)
    return content


_calls.explain(__all__, globals())
