"""Names that the API had before its first release are nowhere: one word per thing."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
PLACES = ["*.md", "python", "docs", "examples", "tests", "bench", "tools", "web", "gil"]
# Of other things, too: these are looked for after the package's name, or before a bracket.
OF_THE_PACKAGE = [
    "Answer",
    "Change",
    "Changes",
    "Crops",
    "Crossing",
    "Dashboard",
    "EndOfStream",
    "Fleet",
    "FramesHeld",
    "Keep",
    "LineCounts",
    "MockCamera",
    "Packet",
    "ReadTimeout",
    "Refused",
    "Segment",
    "SourceTimeout",
    "Stale",
    "Stalled",
    "Stamp",
    "StateChange",
    "StopTimeout",
    "StopToken",
    "Stream",
    "VideoInfo",
    "VideoSource",
    "View",
    "Visit",
    "ZoneCounts",
    "Zones",
    "ZonesCounts",
    "detect_circles",
    "inside",
    "prometheus_collector",
    "read_picture",
    "results",
    "run_node",
    "show",
    "sinks",
    "stop_all",
    "why",
    "write_picture",
]
WORDS = [
    "boxes_in_picture",
    "decode_masks",
    "demo_shapes",
    "demo_truth",
    "frame_format",
    "held_by_python_bytes",
    "key_variable",
    "now_async",
    "on_time",
    "outage_seconds",
    "overlap_seconds",
    "picture_url",
    "progress_interval",
    "python_silent",
    "read_picture",
    "still_pictures",
    "wake_every",
    "write_picture",
    "ZonesCounts",
    "StateChange",
    "FleetPage",
    "SourceClock",
]
PRIVATE = re.compile(r"_native\.\w+")
OLD = re.compile(rf"\b(?:ff|freshframe)\.(?:{'|'.join(OF_THE_PACKAGE)})\b|\b(?:{'|'.join(WORDS)})\b")


def old_names(text: str) -> list[str]:
    """The lines of a text that have an old name."""
    return [line.strip() for line in text.splitlines() if OLD.search(PRIVATE.sub("", line))]


def test_no_page_and_no_program_has_an_old_name() -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *PLACES], cwd=ROOT, capture_output=True, check=True)
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if (
            not name
            or path.suffix in (".webp", ".png", ".onnx", ".wasm", ".cpp", ".hpp", ".pyi")
            or path == Path(__file__)
            or path.is_symlink()
        ):
            continue
        try:
            found += [f"{name}: {line}" for line in old_names(path.read_text(encoding="utf-8"))]
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    assert found == []


def test_an_old_name_is_found() -> None:
    old = ["pipeline.add(ff.Changes(keys), zones)", "node.wake_every = 1"]
    new = ["ff.stats.Why", "ff.types.Packet", "the zones of these changes"]
    assert old_names("\n".join(old + new)) == old
