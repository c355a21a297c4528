"""`freshframe probe`: opens a source, reads it for two seconds and says what it delivers, how steadily."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
import time
from typing import Any

import freshframe as ff

from .messages import Messages
from .outcome import ExitCode, watched

_READ_SECONDS = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What two seconds of reading showed."""

    frames: int
    seconds: float
    interval: float | None  # median seconds between two frames' pts
    jitter: float | None  # standard deviation of those intervals, seconds
    longest: float | None
    dropped: int


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the command."""
    pipeline = ff.Pipeline("probe")
    source = ff.open(options.source, reconnect=False)
    reader = pipeline.reader(pipeline.add(source, name="source"))
    with watched(pipeline), pipeline:
        measured = _measure(reader)
        info = source.info
        dropped = sum(node.dropped for node in pipeline.stats().nodes.values())
    measured = dataclasses.replace(measured, dropped=measured.dropped + dropped)
    record = {
        "url": source.url,
        "live": source.live,
        "container": info.container,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "width": info.width,
        "height": info.height,
        "fps": info.fps,
        "frame_count": info.frame_count,
        "duration": info.duration,
        "measured": dataclasses.asdict(measured),
    }
    if options.json:
        print(json.dumps(record, allow_nan=False))
    else:
        print("\n".join(_table(record, measured)))
    return ExitCode.OK


def _measure(reader: ff.Reader[ff.Frame]) -> Measured:
    stamps: list[float] = []
    dropped = 0
    began = time.monotonic()
    while (left := began + _READ_SECONDS - time.monotonic()) > 0:
        try:
            sample = reader.get(timeout=left)
        except (ff.EndOfStream, ff.ReadTimeout):
            break
        stamps.append(sample.pts)
        dropped += sample.dropped
    intervals = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    return Measured(
        frames=len(stamps),
        seconds=time.monotonic() - began,
        interval=statistics.median(intervals) if intervals else None,
        jitter=statistics.pstdev(intervals) if intervals else None,
        longest=max(intervals, default=None),
        dropped=dropped,
    )


def _table(record: dict[str, Any], measured: Measured) -> list[str]:
    rows = {
        "source": record["url"],
        "kind": "live: frames come when they come"
        if record["live"]
        else "file: read as fast as it is wanted",
        "container": record["container"] or "none",
        "video": f"{record['codec']}, {record['width']}x{record['height']}, {record['pixel_format']}",
        "rate": _number(record["fps"], "{:.3f} frames per second as declared"),
        "length": f"{_number(record['frame_count'], '{} frames')}, {_number(record['duration'], '{:.2f} s')}",
        "read": f"{measured.frames} frames in {measured.seconds:.2f} s, {measured.dropped} dropped",
    }
    if measured.interval is not None and measured.jitter is not None and measured.longest is not None:
        rows["pts"] = (
            f"every {measured.interval * 1e3:.2f} ms (median), jitter {measured.jitter * 1e3:.2f} ms "
            f"(standard deviation), longest gap {measured.longest * 1e3:.2f} ms"
        )
    return [f"{name:<10} {text}" for name, text in rows.items()]


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
