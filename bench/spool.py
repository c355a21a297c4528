"""Measures the cost and the reliability of a Spool: CPU time per result, kills, a full disk.

The cost is the CPU time of the process at 5,000 results per second, minus that of the same graph with a
function instead of the spool. The process is killed with SIGKILL at random moments, while the receiver fails
at every tenth call. The full disk is a 2 MB tmpfs, which requires root; otherwise the row is omitted.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from _measure import Result, Row, arguments, median, quantile, spread, take_turns

import freshframe as ff

RATE = 5_000  # results per second
GOAL_US = 20.0  # maximum CPU time per result
VALUE = {"label": "person", "box": [12.5, 40.0, 80.25, 200.0], "confidence": 0.87, "track": 17}

KILLED = """
import os, random, sys
import freshframe as ff
folder, out, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
received = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def send(events):
    if random.random() < 0.1:
        raise OSError("away")
    os.write(received, "".join(f"{e['n']} {e['value']}\\n" for e in events).encode())
class Numbers(ff.Source[int]):
    live = False
    def read(self):
        n = first
        while not self.stop_token.wait(0.01):
            for _ in range(20):
                yield n, n / 2000
                n += 1
pipeline = ff.Pipeline()
pipeline.add(ff.Spool(folder, send, max_wait=0.02), pipeline.add(Numbers()))
pipeline.start()
print("ready", flush=True)
pipeline.wait()
"""


class Paced(ff.Source[dict[str, Any]]):
    """Emits the same value at the rate of the benchmark."""

    live = False

    def __init__(self, seconds: float, *, stays: bool = False) -> None:
        """`stays`: whether to wait for the stop after the last result."""
        self._count = int(seconds * RATE)
        self._stays = stays

    def read(self) -> Iterator[tuple[dict[str, Any], float]]:
        """Emits fifty results every ten milliseconds."""
        began = time.monotonic()
        for n in range(self._count):
            if n % 50 == 0:
                self.stop_token.wait(max(0.0, began + n / RATE - time.monotonic()))
            yield VALUE, n / RATE
        while self._stays and not self.stop_token.wait(1):
            pass


def used() -> float:
    """Returns the seconds of CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run(node: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Returns the CPU time per result, and how late another thread wakes up."""
    late: list[float] = []
    ended = threading.Event()

    def beat() -> None:
        while not ended.is_set():
            due = time.monotonic() + 0.005
            time.sleep(0.005)
            late.append(time.monotonic() - due)

    pipeline = ff.Pipeline()
    pipeline.add(node(), pipeline.add(Paced(seconds)))
    heart = threading.Thread(target=beat)
    heart.start()
    before = used()
    pipeline.run()
    spent = used() - before
    ended.set()
    heart.join()
    return {"us": 1e6 * spent / (seconds * RATE), "late_p99_ms": 1e3 * quantile(late, 0.99)}


def costs(outcome: Result, folder: Path, rounds: int, seconds: float) -> None:
    """Adds a row for each kind of spool."""
    names = (folder / f"box{n}" for n in range(1_000_000))

    def spool(**options: Any) -> ff.Spool:
        return ff.Spool(next(names), lambda events: None, **options)

    kinds: dict[str, Callable[[], Any]] = {
        "nothing": lambda: lambda _: None,
        "nothing again": lambda: lambda _: None,
        "JsonLines": lambda: ff.JsonLines(folder / "lines.jsonl"),
        "Spool": spool,
        "Spool, as_text": partial(spool, as_text=True),
    }
    runs = take_turns({name: partial(run, node, seconds) for name, node in kinds.items()}, rounds)
    us = {name: [one["us"] for one in found] for name, found in runs.items()}
    for name in ("JsonLines", "Spool", "Spool, as_text"):
        cost = median(us[name]) - median(us["nothing"])
        outcome.add(
            Row(
                f"{name}, {RATE} results per second",
                {
                    "us_per_result": cost,
                    "late_p99_ms": median([one["late_p99_ms"] for one in runs[name]]),
                    "late_p99_without_ms": median([one["late_p99_ms"] for one in runs["nothing"]]),
                },
                cost,
                GOAL_US if name == "Spool, as_text" else None,
                spread=spread(us["nothing"], us["nothing again"]),
                scale=median(us["nothing"]),
            )
        )


def kills(outcome: Result, folder: Path, times: int) -> None:
    """Adds a row that checks the numbers that a receiver got despite kills."""
    box, out = folder / "killed", folder / "out"
    out.touch()
    chance = random.Random(1)
    first = 0
    for _ in range(times):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(box), str(out), str(first)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.05 + 0.5 * chance.random())
        child.send_signal(signal.SIGKILL)
        child.communicate()
        first += 1_000_000
    rest: list[dict[str, Any]] = []
    pipeline = ff.Pipeline()
    pipeline.add(ff.Spool(box, rest.extend), pipeline.add(Paced(0.01)))
    pipeline.run()
    received = [tuple(map(int, line.split())) for line in out.read_text().splitlines()]
    received += [(event["n"], event["value"]) for event in rest if isinstance(event["value"], int)]
    seen: dict[int, int] = {}
    doubles = changed = disorder = 0
    for n, value in received:
        if n in seen:
            doubles += 1
            changed += seen[n] != value
        else:
            disorder += n != len(seen) + 1
            seen[n] = value
    outcome.add(
        Row(
            f"{times} kills",
            {
                "received": len(seen),
                "doubles": doubles,
                "doubles_with_other_values": changed,
                "gaps": disorder,
            },
            float(disorder + changed),
            0.0,
        )
    )


def full_disk(outcome: Result, folder: Path, results: int) -> None:
    """Adds a row for a spool on a 2 MB disk, whose receiver is unreachable until all results are written."""
    place = folder / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        print("no tmpfs of 2 MB: it needs root", file=sys.stderr)
        return
    try:
        away = True
        arrived: list[int] = []

        def send(events: list[str]) -> None:
            if away:
                raise OSError("away")
            arrived.extend(json.loads(event)["n"] for event in events)

        pipeline = ff.Pipeline()
        source = Paced(results / RATE, stays=True)
        pipeline.add(ff.Spool(place / "box", send, as_text=True), pipeline.add(source), name="spool")
        with pipeline:
            while True:
                spool = pipeline.stats().nodes["spool"].spool
                assert spool is not None
                if spool.waiting + spool.expired + spool.sent >= results:
                    break
                time.sleep(0.05)
            away = False
            deadline = time.monotonic() + 30
            while len(arrived) + spool.expired < results and time.monotonic() < deadline:
                time.sleep(0.05)
                spool = pipeline.stats().nodes["spool"].spool or spool
        figures = {"results": results, "expired": spool.expired, "arrived": len(set(arrived))}
        missing = results - spool.expired - len(set(arrived))
        outcome.add(Row("a disk of 2 MB", figures, float(missing), 0.0))
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "spool", rounds=3, seconds=4, kills=100, results=20_000)
    outcome = Result("spool", "results on disk before they are sent", {"kills": options.kills})
    # In the working directory, because /tmp may not be on a real disk.
    with tempfile.TemporaryDirectory(dir=os.environ.get("FRESHFRAME_BENCH_DISK", ".")) as name:
        folder = Path(name)
        costs(outcome, folder, options.rounds, options.seconds)
        kills(outcome, folder, options.kills)
        full_disk(outcome, folder, options.results)
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
