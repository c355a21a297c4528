"""`freshframe probe`: opens a source, reads it for two seconds and reports its properties."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import json
from typing import Any

from freshframe import _native
from freshframe._media.open import open_once
from freshframe._shortcuts.probe import Measured, Probing

from .devices import control_record, control_text
from .messages import Messages
from .outcome import ExitCode, watched

_READ_SECONDS = 2.0
_CLIENTS = {"freshframe": "freshframe", "ffmpeg": "FFmpeg"}


def run(options: Any, messages: Messages) -> ExitCode:
    """Reads the source for two seconds and prints its properties and frame intervals."""
    probing = Probing(
        open_once(options.source, fps=options.fps, stream=options.stream, decoder=options.decoder)
    )
    with watched(probing.pipeline):
        found = probing.run(_READ_SECONDS)
    record = dataclasses.asdict(found)
    record["frame"] = {
        "format": record.pop("format"),
        "width": found.width,
        "height": found.height,
        "color_range": record.pop("color_range"),
        "color_space": record.pop("color_space"),
    }
    record["controls"] = _controls(probing.source._handle)
    if options.json:
        print(json.dumps(record, allow_nan=False))
    else:
        print("\n".join(_table(record, found.measured)))
    return ExitCode.OK


def _controls(handle: _native.NodeHandle) -> list[dict[str, Any]]:
    """Returns the controls of a camera; empty for any other source."""
    return [control_record(control) for control in _native.camera_controls(handle)]


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
    choice = "; ".join(f"{number}: {text}" for number, text in enumerate(record["renditions"]))
    drops = ", ".join(f"{count} {cause}" for cause, count in sorted(measured.drops.items()))
    rows = {
        "source": record["url"],
        "kind": "live: the source has its own speed"
        if record["live"]
        else "file: read as fast as the pipeline processes it",
        "container": record["container"] or "none",
        "video": video,
        "frames": f"{frame['format']}, {frame['width']}x{frame['height']}, {frame['color_range']} range, "
        f"{frame['color_space']}",
        "rate": _number(record["fps"], "{:.3f} frames per second (declared)"),
        "length": f"{_number(record['frame_count'], '{} frames')}, {_number(record['duration'], '{:.2f} s')}",
        "read": f"{measured.frames} frames in {measured.duration:.2f} s, the first after "
        f"{measured.first:.2f} s, {measured.dropped} dropped" + (f" ({drops})" if drops else ""),
    }
    if choice:
        rows["renditions"] = f"{choice} (choose one with open(rendition=...))"
    if record["streams"]:
        rows["streams"] = f"{'; '.join(record['streams'])} (choose one with --stream or open(stream=...))"
    rows |= _regularity(measured)
    rows |= _decoder(record["source"])
    if record["live"]:
        del rows["length"]
        rows |= _connection(record)
    lines = [f"{name:<10} {text}" for name, text in rows.items()]
    for number, control in enumerate(record["controls"]):
        lines.append(f"{'' if number else 'controls':<10} {control_text(control)}")
    return lines


def _regularity(measured: Measured) -> dict[str, str]:
    """Returns the row with the intervals between frames; empty if there are too few frames."""
    if measured.interval is None or measured.deviation is None or measured.longest is None:
        return {}
    return {
        "pts": f"every {measured.interval * 1e3:.2f} ms (median), standard deviation "
        f"{measured.deviation * 1e3:.2f} ms, longest gap {measured.longest * 1e3:.2f} ms"
    }


def _decoder(source: dict[str, Any] | None) -> dict[str, str]:
    """Returns the row that says whether the CPU or a GPU decodes; empty if that is unknown."""
    if source is None or source["decoder"] is None:
        return {}
    why = f": {source['decoder_reason']}" if source["decoder_reason"] else ""
    return {"decoder": f"{'CPU' if source['decoder'] == 'cpu' else source['decoder']}{why}"}


def _connection(record: dict[str, Any]) -> dict[str, str]:
    """Returns the rows about the connection of a live source; empty for other sources."""
    rows: dict[str, str] = {}
    if connection := record["source"]:
        rows["link"] = (
            f"{connection['reconnects']} reconnects, {connection['stalls']} stalls, "
            f"{connection['size_changes']} size changes, "
            f"decoder delay {connection['decoder_frames']} frames, {connection['damaged']} damaged frames"
        )
    if record["client"]:
        rows["rtsp"] = f"read by {_CLIENTS[record['client']]}"
        if record["ends_by"]:
            rows["rtsp"] += (
                f", frames end at the {record['ends_by']}, {connection['packets_lost']} of "
                f"{connection['packets'] + connection['packets_lost']} packets lost"
            )
    return rows


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
