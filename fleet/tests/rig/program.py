"""The program under test of `./dev test-fleet --check`: a fleet that reads the stamps of test cameras.

It takes options as JSON on the command line, answers commands on its standard input with lines of JSON and
writes a line for each result. It is a separate process, so that it can be stopped and killed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe.fleet import FleetReader, FleetStats
from freshframe_fleet._read.counters import Counters

from .counted_camera import build_counted
from .pipeline import build

_END_TIME = 20.0  # time limit in seconds for the last results


def camera_name(camera: int) -> str:
    """Returns the name of a test camera in the fleet."""
    return f"camera-{camera}"


def camera_number(name: str) -> int:
    """Returns the number for a name from camera_name()."""
    return int(name.rpartition("-")[2])


def _keep(reader: FleetReader, path: Path) -> None:
    with path.open("w", encoding="utf-8", buffering=1) as file:
        for sample in reader:
            camera = camera_number(sample.camera)
            stamp, frame = sample.value
            at = round(time.monotonic(), 4)
            line = [camera, sample.epoch, sample.ordinal, frame, stamp, at, sample.dropped]
            file.write(json.dumps(line) + "\n")


def _keep_ledger(reader: Any, path: Path) -> None:
    """Writes the reader's record of each run at its end, one line for each."""
    books = reader._results.counters
    end = books.end

    def noted(run: tuple[int, int], *, lost: bool, **others: bool) -> None:
        line = [camera_number(reader._name_of(run[0])), run[1], books.reported(run), lost]
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        end(run, lost=lost, **others)

    path.touch()
    books.end = noted


def _add_all(fleet: ff.fleet.Fleet, urls: Sequence[str], counted: Sequence[str], exclusive: set[int]) -> None:
    """Adds the cameras.

    A reader ends if no camera has its output. Cameras with stamps may have started before one that counts is
    added, so a camera that no agent can take keeps the outputs of its kind open.
    """
    if counted:
        fleet.add("nowhere", counted[0], build_counted, needs={"site": "nowhere"})
    for camera, url in enumerate(urls):
        fleet.add(camera_name(camera), url, build, exclusive=camera in exclusive)
    for camera, url in enumerate(counted, len(urls)):
        fleet.add(camera_name(camera), url, build_counted)
    if counted:
        fleet.remove("nowhere")


def _answer(fleet: ff.fleet.Fleet, command: list[Any], books: Sequence[Counters]) -> object:
    if command[0] == "move":
        fleet.move(camera_name(command[1]), to=command[2])
    elif command[0] == "drain":
        fleet.drain(command[1])
    elif command[0] == "undrain":
        fleet.resume(command[1])
    elif command[0] == "end":
        return _empty(fleet, books)
    return fleet.stats().to_dict()


def _empty(fleet: ff.fleet.Fleet, books: Sequence[Counters]) -> dict[str, Any]:
    """Waits for the end of the cameras that end, removes each camera and waits for the remaining results.

    It also waits for the last record of each run in ``books``, the counters of its readers. Without it, a run
    would end with its agent when the fleet is closed, which these stats would not show.

    Returns the stats, and what each camera had dropped before it was removed.
    """

    def have_ended(stats: FleetStats) -> bool:
        ending = [camera for camera in stats.cameras.values() if camera.url.startswith("counted")]
        return all(camera.state == "ended" for camera in ending)

    def are_gone(stats: FleetStats) -> bool:
        waits = any(reader.waiting for reader in stats.readers) or any(each.runs() for each in books)
        return not stats.cameras and not waits

    before = _wait(fleet, have_ended)
    for name in before.cameras:
        with contextlib.suppress(ff.StateError):  # it has gone by itself
            fleet.remove(name)
    dropped = {name: camera.dropped for name, camera in before.cameras.items()}
    return _wait(fleet, are_gone).to_dict() | {"dropped": dropped}


def _wait(fleet: ff.fleet.Fleet, condition: Any) -> FleetStats:
    until = time.monotonic() + _END_TIME
    while not condition(stats := fleet.stats()) and time.monotonic() < until:
        time.sleep(0.05)
    return stats


def main() -> None:
    """The main program of the process; see the top of this file."""
    options = json.loads(sys.argv[1])
    exclusive, urls, counted = set(options["exclusive"]), options["urls"], options["counted"]
    folder = Path(options["folder"])
    with ff.fleet.Fleet(agents=options["agents"]) as fleet:
        readers = {
            output: fleet.reader(output) for output in (("stamps", "counted") if counted else ("stamps",))
        }
        keepers = [
            threading.Thread(target=_keep, args=(reader, folder / f"{output}.jsonl"))
            for output, reader in readers.items()
        ]
        books = [reader._results.counters for reader in readers.values()]
        if counted:
            _keep_ledger(readers["counted"], folder / "ledger.jsonl")
        for keeper in keepers:
            keeper.start()
        _add_all(fleet, urls, counted, exclusive)
        for line in sys.stdin:
            print(json.dumps(_answer(fleet, json.loads(line), books)), flush=True)
            if json.loads(line)[0] == "end":
                break
    for keeper in keepers:
        keeper.join()


if __name__ == "__main__":
    main()
