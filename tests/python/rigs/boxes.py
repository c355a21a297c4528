"""Folders of a Spool that a test fills and empties itself."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from freshframe._sinks.plain import to_text
from freshframe._spool.box import Box

NOW = 1_700_000_000.0


def records(first: int, count: int, size: int = 10) -> list[str]:
    return [to_text({"value": n, "text": "x" * size}) for n in range(first, first + count)]


def fill(box: Box, count: int, per_commit: int = 10, size: int = 10, now: float | None = None) -> None:
    for n in range(0, count, per_commit):
        texts = records(box.next, min(per_commit, count - n), size)
        box.commit(texts, time.time() if now is None else now)


def drain(box: Box, batch: int = 7) -> list[int]:
    numbers: list[int] = []
    while lines := box.take(batch, 0):
        numbers += [line.n for line in lines]
        assert all(json.loads(line.text)["n"] == line.n for line in lines)
        box.done(len(lines))
    return numbers


def small_box(path: Path, max_bytes: int = 64 << 10) -> Box:
    return Box(str(path), max_bytes)


def left_open(folder: Path) -> Box:
    """Writes a box that contains only its head, with one open event."""
    box = small_box(folder, 8 << 20)
    began = {"source": "cam", "value": {"key": "yard", "began_utc": 1.0, "ended_utc": None}}
    box.commit([to_text(began)], NOW)
    (segment,) = folder.glob("*.jsonl")
    os.utime(segment, (NOW, NOW))
    box.expire_before(NOW + 1)
    assert [path.name for path in folder.glob("*.jsonl")] == ["000000000000002.jsonl"]
    return box
