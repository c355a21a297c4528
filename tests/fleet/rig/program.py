"""The program under test of `./dev test-fleet --check`: a fleet that reads the stamps of test cameras.

It takes options as JSON on the command line, answers commands on its standard input with lines of JSON and
writes a line for each result. It is a process of its own, so that it can be stopped and killed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import freshframe as ff

from .pipeline import build

_END_TIME = 20.0  # seconds for the last results


def camera_name(camera: int) -> str:
    """Of a test camera in the fleet."""
    return f"camera-{camera}"


def _keep(reader: Any, path: Path) -> None:
    with path.open("w", encoding="utf-8", buffering=1) as file:
        for sample in reader:
            camera = int(sample.camera.rpartition("-")[2])
            stamp, frame = sample.value
            at = round(time.monotonic(), 4)
            line = [camera, sample.epoch, sample.ordinal, frame, stamp, at, sample.dropped]
            file.write(json.dumps(line) + "\n")


def _answer(fleet: ff.Fleet, command: list[Any]) -> object:
    if command[0] == "move":
        fleet.move(camera_name(command[1]), to=command[2])
    elif command[0] == "drain":
        fleet.drain(command[1])
    elif command[0] == "undrain":
        fleet.resume(command[1])
    elif command[0] == "end":
        _empty(fleet)
    return fleet.stats().as_json()


def _empty(fleet: ff.Fleet) -> None:
    """Removes each camera and waits for the remaining results."""
    for name in fleet.stats().cameras:
        fleet.remove(name)
    until = time.monotonic() + _END_TIME
    while time.monotonic() < until:
        stats = fleet.stats()
        if not stats.cameras and not any(reader.waiting for reader in stats.readers):
            return
        time.sleep(0.05)


def main() -> None:
    """The process: see the head of this file."""
    options = json.loads(sys.argv[1])
    exclusive = set(options["exclusive"])
    with ff.Fleet("local", agents=options["agents"]) as fleet:
        reader = fleet.reader("stamps")
        keeper = threading.Thread(target=_keep, args=(reader, Path(options["results"])))
        keeper.start()
        for camera, url in enumerate(options["urls"]):
            fleet.add(camera_name(camera), build, url, exclusive=camera in exclusive)
        for line in sys.stdin:
            print(json.dumps(_answer(fleet, json.loads(line))), flush=True)
            if json.loads(line)[0] == "end":
                break
    keeper.join()


if __name__ == "__main__":
    main()
