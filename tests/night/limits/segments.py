"""A recorder with a limit. Some of its segments are deleted by hand."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import time
from pathlib import Path

import numpy as np
from support import Push

import freshframe as ff
from night.limits.rule import Find

_SEGMENTS, _PICTURES, _BYTES = 24, 5, 150_000  # segments with room; pictures of one; bytes of one, about
_LIMIT = _SEGMENTS * _BYTES
_OVER = 1.1  # times the limit: the recorder waits for a deletion, but not forever
_LESS = 4 * _BYTES  # bytes that the folder may have less than before
_PERIOD = 0.004  # seconds between two pictures


class _Folder:
    """The folder of a recorder with a limit, from which segments are deleted by hand."""

    def __init__(self, path: Path, ends: float) -> None:
        self._path, self._ends = path, ends
        self._chance = random.Random(6)
        self.source = Push(live=False)
        noise = np.random.default_rng(1).integers(0, 256, (8, 240, 256), np.uint8)
        self._pictures = zip(itertools.cycle(noise), itertools.count(0.0, 1 / _PICTURES), strict=False)

    def _files(self) -> list[Path]:
        """The newest one first."""
        return sorted(self._path.glob("*.mp4"), reverse=True)

    def _bytes(self) -> int:
        """Returns the bytes on the disk. The newest file grows, and so is looked at before deletions."""
        total = 0
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_blocks * 512
        return total

    def _newest(self) -> int:
        return max((int(path.stem) for path in self._files()), default=0)

    def follow(self, segments: int, find: Find) -> float:
        """Makes `segments` more. Returns the usual bytes meanwhile, and 0 if the time is over."""
        last, found = self._newest() + segments, list[int]()
        while self._newest() < last:
            if time.monotonic() > self._ends:
                return 0
            found.append(self._bytes())
            if found[-1] > _OVER * _LIMIT:
                find(f"segments take {found[-1]} bytes, where {_LIMIT} are the limit")
            picture, pts = next(self._pictures)
            self.source.push_stamped(ff.Frame.from_array(picture, "gray"), pts, time.monotonic())
            time.sleep(_PERIOD)
        return float(np.median(found))

    def delete_some(self) -> int:
        """Deletes half of them or more: the oldest ones, or any."""
        old = self._files()[2:]
        count = self._chance.randint(len(old) // 2, len(old))
        some = self._chance.sample(old, count) if self._chance.random() < 0.5 else old[len(old) - count :]
        for path in some:
            path.unlink(missing_ok=True)
        return count


def deleted_segments(seconds: float, find: Find) -> int:
    """Where segments are deleted by hand, new ones fill the room up to the limit, and do not pass it much."""
    ends, tried = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory(prefix="deleted-") as name:
        folder, pipeline = _Folder(Path(name), ends), ff.Pipeline("deleted")
        file = ff.VideoFile(f"{name}/%06d.mp4", segment_every=1, keep_bytes=_LIMIT, codec="mpeg4")
        pipeline.add(file, pipeline.add(folder.source, name="noise"), name="file")
        with pipeline:
            folder.follow(2 * _SEGMENTS, find)
            before = folder.follow(_SEGMENTS, find)
            while time.monotonic() < ends:
                deleted = folder.delete_some()
                folder.follow(2 * _SEGMENTS, find)
                now = folder.follow(_SEGMENTS, find)
                if 0 < now < before - _LESS:
                    find(f"{before:.0f} bytes of segments became {now:.0f} behind {deleted} deleted ones")
                tried += now > 0
    return tried
