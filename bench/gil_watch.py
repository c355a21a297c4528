"""Does the GIL watch name the culprit, does it disturb a sleep, and what does it cost a busy Python loop?

Naming is counted per interpreter, alone and beside busy processes at normal priority, one for each processor:
--also PYTHON=PATH takes a further interpreter, with what to put on its PYTHONPATH. py-spy and gilknocker are
measured beside the watch when they are installed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "tests" / "python"))

from _beside import beside  # noqa: E402
from rigs import gil_holds  # noqa: E402

from freshframe import gil  # noqa: E402

LOOP = 5_000_000  # turns of the busy loop, about 0.2 s


def count_named(calls: int, processes: int) -> list[dict[str, Any]]:
    """Keeps the GIL in every way `calls` times. Counts calls that are reported, and named right or wrong."""
    rows = []
    for name, way in gil_holds.WAYS.items():
        way.run()
        with beside(processes), gil.watch() as watch:
            took = gil_holds.repeat(way, calls)
        stalls = [stall for stall in watch.stalls if stall.thread == "keeper"]
        right = [stall for stall in stalls if gil_holds.named_right(way, stall)]
        rows.append(
            {
                "way": name,
                "calls": calls,
                "busy_processes": processes,
                "reported": len(stalls),
                "right": len(right),
                "wrong": sum(named_wrong(way, stall) for stall in stalls),
                "shortest_ms": min(took) * 1e3,
                "reported_ms": statistics.median(stall.duration for stall in stalls) * 1e3
                if stalls
                else None,
                "took_ms": statistics.median(took) * 1e3,
            }
        )
    return rows


def named_wrong(way: gil_holds.Way, stall: gil.GilStall) -> bool:
    """Whether a stall names another native function or another Python function than the way's."""
    function = stall.python.rsplit(":", 1)[1] if stall.python else way.function
    return stall.native not in (None, way.expected) or function != way.function


def busy() -> float:
    """Seconds of a loop in bytecode."""
    before = time.perf_counter()
    count = 0
    for number in range(LOOP):
        count += number & 1
    return time.perf_counter() - before


@contextlib.contextmanager
def watched(threshold: float) -> Iterator[None]:
    """The watch is on."""
    with gil.watch(threshold):
        yield


@contextlib.contextmanager
def spied() -> Iterator[None]:
    """py-spy record --gil samples this process."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["py-spy", "record", "--gil", "--pid", str(os.getpid()), "--duration", "60"]
        command += ["--format", "raw", "--output", f"{folder}/out"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.0)
        try:
            if process.poll() is not None:
                raise SystemExit("py-spy ended at once; may it look at this process?")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


@contextlib.contextmanager
def knocked() -> Iterator[None]:
    """Gilknocker, with its own defaults, measures how contended the GIL is."""
    import gilknocker  # type: ignore[import-not-found]  # noqa: PLC0415

    knocker = gilknocker.KnockKnock()
    knocker.start()
    try:
        yield
    finally:
        knocker.stop()


def timed(how: contextlib.AbstractContextManager[None]) -> float:
    """The busy loop within `how`, after the same rest for all."""
    with how:
        time.sleep(0.05)
        return busy()


def idle_share() -> float:
    """Share of a core that the watch takes while nothing happens."""
    with gil.watch():
        before = time.process_time(), time.perf_counter()
        time.sleep(2)
        return (time.process_time() - before[0]) / (time.perf_counter() - before[1])


def overhead_of(rows: Mapping[str, Sequence[float]], name: str) -> list[float]:
    """Per round: by how much the loop was slower than without anything in the same round."""
    pairs = zip(rows[name], rows["off"], rows["off again"], strict=True)
    return [on / ((off + again) / 2) - 1 for on, off, again in pairs]


def main() -> None:
    """Command line."""
    from _measure import Result, Row, arguments, median, quantile, spread, take_turns  # noqa: PLC0415

    also = [word.split("=", 2)[1:] for word in sys.argv[1:] if word.startswith("--also=")]
    sys.argv[1:] = [word for word in sys.argv[1:] if not word.startswith("--also=")]
    options = arguments(__doc__, "gil_watch", calls=200, rounds=30)
    result = Result(
        "gil_watch",
        "who held the GIL",
        settings={"calls": options.calls, "rounds": options.rounds, "hold_ms": gil_holds.HOLD_MS},
        versions={name: installed(name) for name in ("py-spy", "gilknocker") if installed(name)},
    )
    for python, path in [[sys.executable, os.pathsep.join(sys.path[1:])], *also]:
        for row in named_by(python, path, options.calls, 0):
            figures = {key: value for key, value in row.items() if key not in ("way", "python")}
            share = row["right"] / row["calls"]
            result.add(Row(f"{row['python']}: {row['way']}", figures, share, 0.95, at_least=True))
        for row in named_by(python, path, options.calls, os.cpu_count() or 1):
            figures = {key: value for key, value in row.items() if key not in ("way", "python")}
            share = row["wrong"] / max(row["reported"], 1)
            name = f"{row['python']}: {row['way']}, wrong beside busy processes"
            result.add(Row(name, figures, share, 0.0))
    kinds = {
        "off": lambda: timed(contextlib.nullcontext()),
        "watch": lambda: timed(watched(0.01)),
        "watch 2 ms": lambda: timed(watched(0.002)),
        "off again": lambda: timed(contextlib.nullcontext()),
        "watch 50 ms": lambda: timed(watched(0.05)),
    }
    if importlib.util.find_spec("gilknocker"):
        kinds["gilknocker"] = lambda: timed(knocked())
    if shutil.which("py-spy"):
        kinds["py-spy record --gil"] = lambda: timed(spied())
    times = take_turns(kinds, options.rounds)
    noise = spread(times["off"], times["off again"])
    for name in kinds:
        if name.startswith("off"):
            continue
        shares = overhead_of(times, name)
        figures = {f"p{q}_percent": quantile(shares, q / 100) * 100 for q in (25, 50, 75)}
        goal = 0.02 if name == "watch" else None
        result.add(Row(f"busy loop beside {name}", figures, median(shares), goal, spread=noise, scale=1.0))
    result.add(Row("idle", {"percent_of_a_core": idle_share() * 100}))
    result.keep(options.out)


def installed(name: str) -> str:
    """The version of a package; empty when it is not there."""
    from importlib import metadata  # noqa: PLC0415

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def named_by(python: str, path: str, calls: int, processes: int) -> list[dict[str, Any]]:
    """count_named() in an interpreter of its own."""
    ended = subprocess.run(
        [python, str(HERE), "--count", str(calls), str(processes)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    rows: list[dict[str, Any]] = json.loads(ended.stdout)
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--count"]:
        version = sys.version.split()[0]
        counted = count_named(int(sys.argv[2]), int(sys.argv[3]))
        print(json.dumps([{"python": version, **row} for row in counted]))
    else:
        main()
