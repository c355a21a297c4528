"""The node that writes each sample as a line of JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._interpreter import calls as _calls
from .plain import to_text
from .records import sample_record
from .text_sink import TextSink

if TYPE_CHECKING:
    from .._native import Sample

__all__ = ["JsonLines"]


class JsonLines(TextSink):
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
        complete: True: the file appears when the run has ended and its report is complete, and has all lines
            then. Until then a hidden file in its folder has them, and a file of this name stays as it is.
            A run that ends otherwise leaves no file, as does a sink that remove() takes away before.

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


_calls.explain(__all__, globals())
