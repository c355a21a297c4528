"""JsonLines: the node that writes each sample as a line of JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._interpreter import calls as _calls
from .plain import UnwritableError, to_text
from .records import sample_record
from .text_sink import TextSink

if TYPE_CHECKING:
    from .._native import Sample

__all__ = ["JsonLines"]


class JsonLines(TextSink):
    """Writes each sample as one line of JSON: `{"format": 1, "seq", "pts", "captured", "value"}`.

    With live sources, and files with a creation time, `utc`, `utc_error` (null if unknown) and `utc_from` of
    the sample follow `captured`.

    For an image sequence, each line also has `path`, the image's file. If a source of the pipeline is a
    network stream that marks its damaged frames, it has `damaged`, true or false. If a node of the pipeline
    is a generator, it has `part` after `seq`, the number of the result among those with that seq. With
    several sources, and if a node has `on_tick()` or `finish()`, it has `source` after `captured`, the name
    of the source or node whose stream the sample belongs to.

    For `Circles` the last key is `circles`, a list of `{"tracker_id", "x", "y", "r", "confidence", "vx",
    "vy", "track_age", "track_confidence"}`. Positions are in pixels, with (0, 0) at the centre of the top
    left pixel, velocities in pixels per second, ages in seconds. Without a tracker, `tracker_id` and the keys
    after `confidence` are null. A frame without circles has an empty list.

    For `Detections` it is `detections`, a list of `{"tracker_id", "class_id", "class_name", "x1", "y1", "x2",
    "y2", "confidence", "vx", "vy", "track_age", "track_confidence"}`, where `class_name` may be null. The
    columns of `data` follow under their own names, unrounded. A column with several numbers per box becomes a
    list.

    Any other value may consist of None, bool, int, float, str, numpy scalars and arrays, lists, tuples, dicts
    with str keys and dataclasses. NaN and infinity become null. In a str with lone surrogates, such as a file
    name that is not UTF-8, each becomes U+FFFD. If keys become equal by that, the second one ends with "
    (2)", and so on.

    Args:
        path: The file, usually *.jsonl. Suffixes of other formats (.csv, .parquet, .mp4) are rejected. An
            existing file is replaced with the first sample. Lines are flushed after at most a second.
        complete: True: the file only appears after a complete run (see Report.complete), with all lines.
            Until then they are in a hidden file in the same folder, and an existing file is unchanged. An
            incomplete run, or remove() of the node, leaves no new file.

    Raises:
        OptionError: The path has the suffix of another format.
        OSError: From open() when the file cannot be written, from process() or close() when the disk is full.
        TypeError: From process() for a value of a type that cannot be written as JSON.
        ValueError: From process() for a column of `data` that does not have one entry per box, or has the
            name of another key.

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
        marks = self._marks
        try:
            record = sample_record(sample, source, with_damaged=marks.damaged, with_part=marks.part)
        except UnwritableError as error:
            raise error.with_traceback(None) from None  # a traceback of the conversion would not help
        file.write(to_text(record) + "\n")


_calls.explain(__all__, globals())
