"""Measures all peers in the same way: ages, losses, a heartbeat, memory, CPU time, and the stop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
import contextlib
import itertools
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil
from camera import read_number

Load = Literal["none", "sleep", "phases", "burn"]
_NOTE = struct.Struct("=qdq")  # frame number, time.monotonic(), drops since the previous frame or -1


@dataclass
class Running:
    """A running peer.

    Attributes:
        stop: Stops it. Its duration is measured.
    """

    stop: Callable[[], object]


def burn(steps: int) -> int:
    """Computes in pure Python."""
    value = 0
    for step in range(steps):
        value = (value * 3 + step) & 0xFFFF
    return value


def count_steps(seconds: float) -> int:
    """Returns how many steps of burn() take this many seconds on the idle machine."""
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        burn(200_000)
        best = min(best, time.thread_time() - began)
    return int(200_000 * seconds / best)


def spread_evenly(count: int) -> float:
    """Returns element `count` of the van der Corput sequence, any part of which covers 0 to 1 evenly."""
    place, share = 0.0, 0.5
    while count:
        place += share * (count & 1)
        count >>= 1
        share /= 2
    return place


def sleep_to_phase(seconds: float, interval: float, count: int) -> None:
    """Sleeps for `seconds` and up to an interval more, until phase `count` of the clock.

    If a consumer's period is a multiple of the camera's interval, its phase never changes. The age of the
    latest frame then depends on when the program started and by how much its sleeps are too long. These
    phases are the same for every program, and cover the camera's interval evenly.
    """
    end = time.monotonic() + seconds
    time.sleep(seconds + (spread_evenly(count) - end / interval) % 1 * interval)


Note = tuple[int, float, int]


class Branch:
    """A consumer that records each frame and its time, then works. Can be sent to other processes."""

    def __init__(self, path: Path, load: Load, seconds: float, interval: float) -> None:
        """`load`: the kind of work per frame; `seconds`: its duration; `interval`: of the camera's frames."""
        self.path = path
        self.interval = interval
        self._count = 0
        self.load = load
        self.seconds = seconds
        self.steps = count_steps(seconds) if load == "burn" else 0
        self._file: int | None = None
        self._owner = 0

    def __call__(self, picture: Any, dropped: int = -1) -> None:
        """Processes a frame.

        Args:
            picture: (H, W, 3) or (H, W) uint8, with its number drawn in it.
            dropped: Frames dropped since the previous one, if the peer counts them; otherwise -1.
        """
        self.note(read_number(picture), dropped)
        if self.load == "sleep":
            time.sleep(self.seconds)
        elif self.load == "phases":
            self._count += 1
            sleep_to_phase(self.seconds, self.interval, self._count)
        elif self.load == "burn":
            burn(self.steps)

    def note(self, number: int, dropped: int) -> None:
        """Records the frame's number, the time and the drops."""
        if self._file is None or self._owner != os.getpid():
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._owner = os.getpid()
        os.write(self._file, _NOTE.pack(number, time.monotonic(), dropped))

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state without the open file."""
        return {**self.__dict__, "_file": None}

    def notes(self) -> list[Note]:
        """Returns all notes so far."""
        data = self.path.read_bytes() if self.path.exists() else b""
        return list(_NOTE.iter_unpack(data[: len(data) // _NOTE.size * _NOTE.size]))


class Heartbeat:
    """A Python thread that repeatedly sleeps for 1 ms. A game loop would have the same longest gaps."""

    def __init__(self) -> None:
        """Starts the thread."""
        self._gaps = array.array("d")
        self._from = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last = time.perf_counter()
        while not self._ended.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            self._gaps.append(now - last)
            last = now

    def begin(self) -> None:
        """Starts the measurement. Earlier gaps are ignored."""
        self._from = len(self._gaps)

    def end(self) -> dict[str, float]:
        """Ends the thread. Returns p50, p99 and max of the gaps in milliseconds."""
        self._ended.set()
        self._thread.join()
        gaps = 1e3 * np.array(self._gaps[self._from :])
        return {
            "p50_ms": float(np.median(gaps)),
            "p99_ms": float(np.quantile(gaps, 0.99)),
            "max_ms": float(gaps.max()),
        }


def resources() -> tuple[float, float]:
    """Returns (resident MB, seconds of CPU time) of this process and its children."""
    memory = used = 0.0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            memory += process.memory_info().rss / 1e6
            used += times.user + times.system
    return memory, used


def ages(notes: list[Note], t0: float, fps: float, begin: float, end: float) -> dict[str, Any]:
    """Returns the ages and counts of a branch between `begin` and `end`.

    Returns:
        `frames`; `missed`: gaps in their numbers; `counted`: the drops that the peer reported, or None; ages
        in milliseconds; `slope`: growth of the age in seconds per second.
    """
    window = [
        (after, after[0] - before[0] - 1)
        for before, after in itertools.pairwise(notes)
        if begin <= after[1] < end
    ]
    values = [1e3 * (at - t0 - number / fps) for (number, at, _), _ in window]
    quantiles = np.quantile(values, [0.5, 0.99, 1.0]) if values else [None] * 3
    counts = [dropped for (_, _, dropped), _ in window]
    times = [at for (_, at, _), _ in window]
    return {
        "frames": len(window),
        "missed": sum(gap for _, gap in window),
        "counted": None if min(counts, default=-1) < 0 else sum(counts),
        "p50_ms": quantiles[0],
        "p99_ms": quantiles[1],
        "max_ms": quantiles[2],
        "slope": float(np.polyfit(times, values, 1)[0] / 1e3) if len(window) > 5 else None,
    }
