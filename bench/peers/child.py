"""Runs one peer once, in a process of its own, and prints what was measured as JSON."""

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

import measure

STOP_LIMIT = 10.0  # seconds
CAMERA = Path(__file__).with_name("camera.py")


def stop_time(running: measure.Running) -> float | None:
    """Seconds; None: longer than the limit."""
    thread = threading.Thread(target=running.stop, daemon=True)
    began = time.monotonic()
    thread.start()
    thread.join(STOP_LIMIT)
    return None if thread.is_alive() else time.monotonic() - began


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("file", type=Path)
    parser.add_argument("--mode", default="")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--load", choices=("none", "sleep", "burn"), default="sleep")
    parser.add_argument("--work", type=float, default=0.1, help="seconds per frame of the slow branch")
    parser.add_argument("--warm-up", type=float, default=2.5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--silent", action="store_true", help="the camera falls silent before the stop")
    options = parser.parse_args()
    size = tuple(map(int, options.file.stem.split("x")))
    began = time.perf_counter()
    module = importlib.import_module(options.peer)
    imported = time.perf_counter() - began
    silent = ["--silent-after", str(options.warm_up + options.seconds)] if options.silent else []
    camera = subprocess.Popen(
        [sys.executable, str(CAMERA), "send", str(options.file), str(options.fps), *silent],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert camera.stdout is not None
    url = f"tcp://127.0.0.1:{int(camera.stdout.readline())}"
    with tempfile.TemporaryDirectory() as folder:
        fast = measure.Branch(Path(folder, "fast"), "none", 0)
        slow = measure.Branch(Path(folder, "slow"), options.load, options.work)
        heartbeat = measure.Heartbeat()
        running = module.start(url, size, fast, None if options.load == "none" else slow, options.mode)
        t0 = float(camera.stdout.readline())
        time.sleep(options.warm_up)
        heartbeat.begin()
        begin, (memory, used) = time.monotonic(), measure.resources()
        time.sleep(options.seconds)
        end, (memory_end, used_end) = time.monotonic(), measure.resources()
        beat = heartbeat.end()
        if options.silent:
            time.sleep(1.0)
        result = {
            "peer": options.peer,
            "mode": options.mode,
            "import_s": imported,
            "stop_s": stop_time(running),
            "heartbeat": beat,
            "fast": measure.ages(fast.notes(), t0, options.fps, begin, end),
            "slow": measure.ages(slow.notes(), t0, options.fps, begin, end),
            "memory_mb": memory_end,
            "growth_mb_per_s": (memory_end - memory) / (end - begin),
            "cores": (used_end - used) / (end - begin),
            "first_frame_s": fast.notes()[0][1] - t0 if fast.notes() else None,
        }
    camera.kill()
    camera.wait()
    print("RESULT " + json.dumps(result), flush=True)
    os._exit(0)  # a peer that cannot stop must not hold the run


if __name__ == "__main__":
    main()
