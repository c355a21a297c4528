"""Test cameras that count their own frames in a file, which survives the death of their agent.

A run is one start of a camera. Its file in the folder of the counts is `CAMERA.EPOCH`: the number of frames
that were made, and whether the run ended normally. The fleet itself neither writes nor reads it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import mmap
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import freshframe as ff

_COUNTS = struct.Struct("<QQ")  # number of frames, and 1 if the run ended normally
_END = "end"  # a file of this name ends all cameras


@dataclass(frozen=True)
class CountedRun:
    """The counts of a run."""

    camera: int
    epoch: int
    frames: int
    ended: bool  # normally: its agent was not killed before


class CountedCameras:
    """Manages their folder for the rig."""

    def __init__(self, folder: Path, fps: float) -> None:
        """The folder must exist, and be empty."""
        self._folder = folder
        self._fps = fps

    def url(self, camera: int) -> str:
        """Returns the URL for build_counted()."""
        return "counted?" + urlencode({"camera": camera, "fps": self._fps, "folder": self._folder.absolute()})

    def fail(self, camera: int) -> None:
        """Makes its source raise at the next frame."""
        (self._folder / f"fail-{camera}").touch()

    def end(self) -> None:
        """Makes all of them end at the next frame."""
        (self._folder / _END).touch()

    def runs(self) -> list[CountedRun]:
        """Returns their counts so far."""
        found = []
        for path in self._folder.glob("*.*"):
            camera, epoch = map(int, path.name.split("."))
            frames, ended = _COUNTS.unpack(path.read_bytes())
            found.append(CountedRun(camera, epoch, frames, bool(ended)))
        return sorted(found, key=lambda run: (run.camera, run.epoch))


class _Counted(ff.Source[tuple[int, int]]):
    """Emits (camera, number of the frame in this run, from 1)."""

    live = True

    def __init__(self, camera: int, epoch: int, fps: float, folder: Path) -> None:
        self._camera = camera
        self._fps = fps
        self._path = folder / f"{camera}.{epoch}"
        self._fail = folder / f"fail-{camera}"
        self._end = folder / _END

    def read(self) -> Iterator[tuple[tuple[int, int], float]]:
        """Counts each frame before emitting it, so that everything a reader receives was counted."""
        with self._path.open("x+b") as file:
            file.truncate(_COUNTS.size)
            counts = mmap.mmap(file.fileno(), _COUNTS.size)
        number = 0
        try:
            while not self.stop_token.wait(1 / self._fps) and not self._end.exists():
                if self._fail.exists():
                    self._fail.unlink(missing_ok=True)
                    raise OSError(f"the test camera {self._camera} fails")
                number += 1
                _COUNTS.pack_into(counts, 0, number, 0)
                yield (self._camera, number), number / self._fps
        finally:
            _COUNTS.pack_into(counts, 0, number, 1)


def _epoch() -> int:
    """Returns the epoch of the run whose build is called, which only the agent knows, some frames up the
    stack.
    """
    frame: Any = sys._getframe(1)
    while frame is not None:
        epoch = getattr(frame.f_locals.get("run"), "epoch", None)
        if epoch is not None:
            return int(epoch)
        frame = frame.f_back
    raise RuntimeError("a counted camera is built by no agent")


def build_counted(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Builds a pipeline that emits a result for each frame."""
    given = {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
    source = _Counted(int(given["camera"]), _epoch(), float(given["fps"]), Path(given["folder"]))
    pipeline = ff.Pipeline()
    return pipeline, {"counted": pipeline.add(source)}
