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
_FIRST_SECONDS = 10.0  # how long a live source may take to its first frame
_LOOK_SECONDS = 0.1  # how often the wait for it looks whether the source has failed


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What two seconds of reading showed."""

    frames: int
    seconds: float
    first: float  # seconds from the start to the first frame
    interval: float | None  # median seconds between two frames' pts
    jitter: float | None  # standard deviation of those intervals, seconds
    longest: float | None
    dropped: int
    drops: dict[str, int]  # by cause


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the command."""
    pipeline = ff.Pipeline("probe")
    source = ff.open(options.source, fps=options.fps)
    reader = pipeline.reader(pipeline.add(source, name="source"))
    with watched(pipeline):
        began = time.monotonic()
        with pipeline:
            first = _first(pipeline, reader, source)
            waited = time.monotonic() - began
            stamps = _stamps(reader, first)
            elapsed = time.monotonic() - began - waited
            info = source.info
            stats = pipeline.stats()
    measured = _measured(stats, stamps, waited, elapsed)
    record: dict[str, Any] = {
        "url": source.url,
        "live": source.live,
        "container": info.container,
        "codec": info.codec,
        "pixel_format": info.pixel_format or None,
        "interlaced": info.interlaced,
        "width": info.width,
        "height": info.height,
        "fps": info.fps,
        "frame_count": info.frame_count,
        "duration": info.duration,
        "frame": {
            "format": first.value.format,
            "width": first.value.width,
            "height": first.value.height,
            "color_range": first.value.color_range,
            "color_space": first.value.color_space,
        },
        "measured": dataclasses.asdict(measured),
        "connection": _connection(stats),
    }
    if options.json:
        print(json.dumps(record, allow_nan=False))
    else:
        print("\n".join(_table(record, measured)))
    return ExitCode.OK


def _first(pipeline: ff.Pipeline, reader: ff.Reader[ff.Frame], source: ff.VideoSource) -> ff.Sample[ff.Frame]:
    """The first frame. A live source that fails is not waited for, though it would be opened again."""
    deadline = time.monotonic() + _FIRST_SECONDS
    while time.monotonic() < deadline:
        if sample := _next(reader, _LOOK_SECONDS):
            return sample
        connection = pipeline.stats().nodes["source"].source
        if connection is not None and connection.last_error:
            raise ff.SourceError(connection.last_error)
        if reader.ended:
            raise ff.SourceError(f"'{source.url}' ended before its first frame")
    raise ff.SourceTimeout(f"'{source.url}' gave no frame within {_FIRST_SECONDS:g} s")


def _stamps(reader: ff.Reader[ff.Frame], first: ff.Sample[ff.Frame]) -> list[float]:
    """The pts of what comes within two seconds, the first frame's included."""
    stamps = [first.pts]
    deadline = time.monotonic() + _READ_SECONDS
    while (left := deadline - time.monotonic()) > 0 and (sample := _next(reader, left)):
        stamps.append(sample.pts)
    return stamps


def _next(reader: ff.Reader[ff.Frame], seconds: float) -> ff.Sample[ff.Frame] | None:
    try:
        return reader.get(timeout=seconds)
    except (ff.EndOfStream, ff.ReadTimeout):
        return None


def _measured(stats: ff.Stats, stamps: list[float], waited: float, elapsed: float) -> Measured:
    drops: dict[str, int] = {}
    for counted in [
        *(node.drops.items() for node in stats.nodes.values()),
        *(edge.drops.items() for edge in stats.edges),
    ]:
        for cause, count in counted:
            drops[cause] = drops.get(cause, 0) + count
    intervals = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    return Measured(
        frames=len(stamps),
        seconds=elapsed,
        first=waited,
        interval=statistics.median(intervals) if intervals else None,
        jitter=statistics.pstdev(intervals) if intervals else None,
        longest=max(intervals, default=None),
        dropped=sum(drops.values()),
        drops=drops,
    )


def _connection(stats: ff.Stats) -> dict[str, Any] | None:
    source = stats.nodes["source"].source
    return None if source is None else dataclasses.asdict(source)


def _table(record: dict[str, Any], measured: Measured) -> list[str]:
    video = ", ".join(
        part
        for part in (
            record["codec"],
            f"{record['width']}x{record['height']}",
            record["pixel_format"],
            "interlaced" if record["interlaced"] else None,
        )
        if part
    )
    frame = record["frame"]
    drops = ", ".join(f"{count} {cause}" for cause, count in sorted(measured.drops.items()))
    rows = {
        "source": record["url"],
        "kind": "live: frames come when they come"
        if record["live"]
        else "file: read as fast as it is wanted",
        "container": record["container"] or "none",
        "video": video,
        "frames": f"{frame['format']}, {frame['width']}x{frame['height']}, {frame['color_range']} range, "
        f"{frame['color_space']}",
        "rate": _number(record["fps"], "{:.3f} frames per second as declared"),
        "length": f"{_number(record['frame_count'], '{} frames')}, {_number(record['duration'], '{:.2f} s')}",
        "read": f"{measured.frames} frames in {measured.seconds:.2f} s, the first after "
        f"{measured.first:.2f} s, {measured.dropped} dropped" + (f" ({drops})" if drops else ""),
    }
    if measured.interval is not None and measured.jitter is not None and measured.longest is not None:
        rows["pts"] = (
            f"every {measured.interval * 1e3:.2f} ms (median), jitter {measured.jitter * 1e3:.2f} ms "
            f"(standard deviation), longest gap {measured.longest * 1e3:.2f} ms"
        )
    if record["live"]:
        del rows["length"]
        if connection := record["connection"]:
            rows["link"] = (
                f"{connection['reconnects']} reconnects, {connection['stalls']} stalls, "
                f"{connection['size_changes']} size changes, "
                f"decoder delay {connection['decoder_delay']} frames"
            )
    return [f"{name:<10} {text}" for name, text in rows.items()]


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
