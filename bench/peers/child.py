"""Runs one peer once, in a separate process, and prints the measurement as JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import measure
import webcam

STOP_LIMIT = 5.0  # seconds
CAMERA = Path(__file__).with_name("camera.py")


class Network:
    """A camera in a separate process."""

    def __init__(self, options: argparse.Namespace) -> None:
        silent = ["--silent-after", str(options.warm_up + options.seconds)] if options.silent else []
        self._process = subprocess.Popen(
            [sys.executable, str(CAMERA), "send", str(options.file), str(options.fps), *silent],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.url = f"tcp://127.0.0.1:{int(self._lines.readline())}"

    def t0(self) -> float:
        """Returns when the first frame was due. Blocks until a client has connected."""
        return float(self._lines.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


class Local:
    """The simulated webcam, which is in the peer's process."""

    def __init__(self, options: argparse.Namespace, size: tuple[int, int]) -> None:
        self._t0 = time.monotonic()
        self.url = webcam.make_url(*size, options.fps, self._t0)

    def t0(self) -> float:
        """Returns when the first frame was due."""
        return self._t0

    def close(self) -> None:
        """Does nothing, because there is no process."""


def stop_time(running: measure.Running) -> float | None:
    """Returns how many seconds the stop takes; None if longer than the limit."""
    thread = threading.Thread(target=running.stop, daemon=True)
    began = time.monotonic()
    thread.start()
    thread.join(STOP_LIMIT)
    return None if thread.is_alive() else time.monotonic() - began


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("file", type=Path)
    parser.add_argument("--mode", default="")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--load", choices=("none", "sleep", "phases", "burn"), default="sleep")
    parser.add_argument("--work", type=float, default=0.1, help="seconds per frame of the slow branch")
    parser.add_argument("--warm-up", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--silent", action="store_true", help="the camera falls silent before the stop")
    parser.add_argument("--webcam", action="store_true", help="a camera in this process instead")
    return parser.parse_args()


def main() -> None:
    """Runs the peer and prints the result."""
    options = parse()
    width, height = map(int, options.file.stem.split("x"))
    began = time.perf_counter()
    module = importlib.import_module(options.peer)
    imported = time.perf_counter() - began
    camera = Local(options, (width, height)) if options.webcam else Network(options)
    with tempfile.TemporaryDirectory() as folder:
        fast = measure.Branch(Path(folder, "fast"), "none", 0, 1 / options.fps)
        slow = measure.Branch(Path(folder, "slow"), options.load, options.work, 1 / options.fps)
        heartbeat = measure.Heartbeat()
        opened = time.monotonic()
        second = None if options.load == "none" else slow
        running = module.start(camera.url, (width, height), fast, second, options.mode)
        t0 = camera.t0()
        time.sleep(options.warm_up)
        heartbeat.begin()
        begin, (memory, used) = time.monotonic(), measure.resources()
        time.sleep(options.seconds)
        end, (memory_end, used_end) = time.monotonic(), measure.resources()
        beat = heartbeat.end()
        if options.silent:
            time.sleep(1.0)
        result: dict[str, Any] = {"stop_s": stop_time(running)}
        first = fast.notes()[:1]
        result |= {
            "import_s": imported,
            "first_frame_s": imported + first[0][1] - opened if first else None,
        }
        if not options.silent:
            result |= {
                "heartbeat": beat,
                "fast": measure.ages(fast.notes(), t0, options.fps, begin, end),
                "slow": measure.ages(slow.notes(), t0, options.fps, begin, end),
                "memory_mb": memory_end,
                "growth_mb_per_s": (memory_end - memory) / (end - begin),
                "cores": (used_end - used) / (end - begin),
            }
    camera.close()
    print("RESULT " + json.dumps(result), flush=True)
    os._exit(0)  # a peer that cannot stop must not block the run


if __name__ == "__main__":
    main()
