"""Nodes that end or stop their own worker process on frames of given levels, in a module that a worker
imports.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import freshframe as ff


def lose_worker(how: str) -> None:
    """Does not return."""
    if how == "exit":
        os._exit(7)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[how])


class LosesWorker(ff.Node[ff.Frame, int]):
    """Kills its worker on a frame full of one of the levels."""

    def __init__(self, how: str, levels: tuple[int, ...]) -> None:
        self.how = how
        self.levels = levels

    def process(self, sample: ff.Sample[ff.Frame]) -> int:
        level = int(sample.value.luma[0, 0])
        if level in self.levels:
            lose_worker(self.how)
        return level

    def process_batch(self, samples: list[ff.Sample[ff.Frame]]) -> list[int]:
        return [self.process(sample) for sample in samples]


class LosesSecondWorker(ff.Node[ff.Frame, int]):
    """Works on the first frame until a file exists, and kills the worker that gets the second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def process(self, sample: ff.Sample[ff.Frame]) -> int:
        if sample.seq == 1:
            lose_worker("kill")
        while not (self.folder / "done").exists():
            time.sleep(0.01)
        return sample.seq


def lose_worker_on(value: object) -> None:
    """Kills the worker on each value."""
    lose_worker("kill")
