"""API names from before the first release do not occur anywhere."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLACES = [
    *("*.md", "python", "docs", "examples", "tests", "bench", "tools", "web", "gil", "fleet"),
    *("src", "include"),
]
# Names that are also used for other things: only found after the package's name, or before a parenthesis.
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
    "decoder_delay",
    "demo_truth",
    "frame_format",
    "held_by_python_bytes",
    "key_every",
    "key_variable",
    "look_rate",
    "mean_now",
    "now_async",
    "on_time",
    "outage_seconds",
    "overlap_seconds",
    "picture_url",
    "progress_interval",
    "python_silent",
    "read_picture",
    "settings_refused",
    "stalled_now",
    "still_pictures",
    "waiting_key_frame",
    "wake_every",
    "write_picture",
    "ZonesCounts",
    "StateChange",
    "FleetPage",
    "SourceClock",
]
# Words that C++ uses internally.
INSIDE = {"frame_format", "on_time", "write_picture"}
PRIVATE = re.compile(r"_native\.\w+")


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:ff|freshframe)\.(?:{'|'.join(OF_THE_PACKAGE)})\b|\b(?:{'|'.join(words)})\b")


OLD = _pattern(WORDS)
OLD_IN_CPP = _pattern(word for word in WORDS if word not in INSIDE)


def old_names(text: str, old: re.Pattern[str] = OLD) -> list[str]:
    """Returns the lines of a string that contain an old name."""
    return [line.strip() for line in text.splitlines() if old.search(PRIVATE.sub("", line))]


@pytest.mark.slow
def test_no_page_and_no_program_has_an_old_name() -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *PLACES], cwd=ROOT, capture_output=True, check=True)
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if (
            not name
            or path.suffix in (".webp", ".png", ".onnx", ".wasm")
            or path == Path(__file__)
            or path.is_symlink()
        ):
            continue
        old = OLD_IN_CPP if path.suffix in (".cpp", ".hpp") else OLD
        try:
            found += [f"{name}: {line}" for line in old_names(path.read_text(encoding="utf-8"), old)]
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    assert found == []


def test_an_old_name_is_found() -> None:
    old = ["pipeline.add(ff.Changes(keys), zones)", "node.wake_every = 1"]
    new = ["ff.stats.Why", "ff.types.Packet", "the zones of these changes"]
    assert old_names("\n".join(old + new)) == old
