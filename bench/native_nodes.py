"""Native nodes of users: one step in six languages, beside a busy Python thread and beside a busy process.

The step is the brightness centroid of a 640x480 luma. Its source gives the same memory again and again, so
that nothing but the node and the load computes. A lossless run measures how long a frame takes, from the
first result to the last, a paced run the ages of the results.
The same load in another process is the reference: what the thread costs beyond that is the GIL's share. The
load computes on one CPU and the pipeline on another one: where they share, the kernel's choice of CPUs for
three busy threads differs from run to run by more than anything measured here. "NumPy" is a Python node; all
others are native. What a call costs is measured in a C++ program, beside the engine's own node.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from _centroid import CPP, C, built, in_numpy, nodes_in
from _measure import Result, Row, arguments, median, program, spread, take_turns

import freshframe as ff

FRAMES = 6000
FRAMES_IN_PYTHON = 300  # a Python node beside a busy thread takes 5 ms each
PACED = 250  # frames of a live source
PERIOD = 0.004  # seconds between them
CPUS = sorted(os.sched_getaffinity(0))  # the pipeline computes on the first, the load on the last
CALLS = 200_000  # of one run of native_calls_bench
BUSY = "while True: sum(range(200))"
AGAIN = "C function, busy_process, again"


class Load:
    """A load on a CPU of its own, and what it has computed there in this process."""

    in_this_process = 0.0  # seconds


@contextlib.contextmanager
def busy_thread() -> Iterator[Load]:
    """A Python thread of this process computes."""
    ended = False
    load = Load()

    def work() -> None:
        os.sched_setaffinity(0, {CPUS[-1]})
        while not ended:
            sum(range(200))
        load.in_this_process = time.thread_time()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield load
    finally:
        ended = True
        thread.join()


@contextlib.contextmanager
def busy_process() -> Iterator[Load]:
    """The same in another process."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        os.sched_setaffinity(process.pid, {CPUS[-1]})
        try:
            yield Load()
        finally:
            process.kill()


def calls(c: Path, cpp: Path, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds of one call of a node that does nothing, by kind."""
    command = [program("native_calls_bench"), str(c), str(cpp), str(rounds), str(CALLS)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    kinds: dict[str, list[float]] = {}
    for line in ended.stdout.splitlines():
        one = json.loads(line)
        kinds.setdefault(one["kind"], []).append(one["ns"])
    return kinds


def run(make: Callable[[], Any], plugin: Path, load: Callable[[], Any]) -> dict[str, float]:
    """What a frame costs in a lossless run, and how old the results of a paced one are."""
    node = make()
    frames = FRAMES_IN_PYTHON if node is in_numpy else FRAMES
    pipeline = ff.Pipeline(stall_timeout=None)
    still = pipeline.add(ff.native.node(plugin, "still", frames=frames))
    pipeline.add(ff.native.node(plugin, "end"), pipeline.add(node, still, name="node"))
    with load() as beside:
        cpu = time.process_time()
        pipeline.run()
    cpu = time.process_time() - cpu - beside.in_this_process
    seconds_of_run = ctypes.CDLL(str(plugin)).seconds_of_run
    seconds_of_run.restype = ctypes.c_double
    of_calls = pipeline.stats().nodes["node"]

    paced = ff.Pipeline(stall_timeout=None)
    camera = paced.add(ff.native.node(plugin, "camera", frames=PACED, period=PERIOD))
    paced.add(ff.native.node(plugin, "end"), paced.add(make(), camera), name="end")
    with load():
        paced.run()
    (arrived,) = [edge for edge in paced.stats().edges if edge.child == "end"]
    return {
        "us_per_frame": seconds_of_run() / (frames - 1) * 1e6,
        "cpu_us_per_frame": cpu / frames * 1e6,
        "call_p50_us": of_calls.p50 * 1e6,
        "call_p99_us": of_calls.p99 * 1e6,
        "age_p50_us": arrived.age_p50 * 1e6,
        "age_p99_us": arrived.age_p99 * 1e6,
    }


def ratios(name: str, figures: dict[Any, dict[str, float]]) -> Iterator[Row]:
    """Beside a thread against beside a process: what a frame takes, and how old a result is."""
    thread, process = figures[name, busy_thread], figures[name, busy_process]
    first, second = figures["C function", busy_process], figures[AGAIN]
    for key, what in {"us_per_frame": "time per frame", "age_p50_us": "age of a result, p50"}.items():
        kept = [each for each in process if each.startswith("age") == key.startswith("age")]
        yield Row(
            f"{name}: {what} beside a busy Python thread against a busy process",
            {each: process[each] for each in kept}
            | {each.removesuffix("_us") + "_beside_thread_us": thread[each] for each in kept},
            thread[key] / process[key],
            None if name == "NumPy" else 1.1,
            spread=spread([first[key]], [second[key]]),
        )


def rows_of_frames(nodes: dict[str, Callable[[], Any]], cpp: Path, rounds: int) -> list[Row]:
    """Each node beside a busy Python thread and beside a busy process."""
    kinds: dict[Any, Callable[[], dict[str, float]]] = {
        (name, load): partial(run, make, cpp, load)
        for name, make in nodes.items()
        for load in (busy_process, busy_thread)
    }
    kinds[AGAIN] = kinds["C function", busy_process]
    runs = take_turns({str(kind): work for kind, work in kinds.items()}, rounds)
    figures = {
        kind: {key: median([each[key] for each in runs[str(kind)]]) for key in runs[str(kind)][0]}
        for kind in kinds
    }
    return [row for name in nodes for row in ratios(name, figures)]


def rows_of_calls(c: Path, cpp: Path, rounds: int) -> list[Row]:
    """One call of a node that does nothing, beside the engine's own."""
    measured = calls(c, cpp, rounds)
    own = median(measured["own"])
    rows = []
    for name, kind in {"C function": "function", "C++ class": "class"}.items():
        one = median(measured[kind])
        figures = {"ns": one, "own_node_ns": own, "own_again_ns": median(measured["own again"])}
        what = f"{name} that does nothing: one call against the engine's own node"
        rows.append(Row(what, figures, (one - own) / 1000, 0.5))
    return rows


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "native_nodes", rounds=3)
    os.sched_setaffinity(0, {CPUS[0]})  # of this thread, which all others inherit
    settings = {"rounds": options.rounds, "frames": FRAMES, "paced_frames": PACED, "period_ms": PERIOD * 1000}
    result = Result("native_nodes", "native nodes of users", settings | {"pinned": len(CPUS) > 1})
    with tempfile.TemporaryDirectory() as folder:
        c = built(folder, C, "cc", "-x", "c", "-std=c11")
        cpp = built(folder, CPP, "c++", "-x", "c++", "-std=c++17", "-w")
        rows = rows_of_frames(nodes_in(folder, c, cpp), cpp, options.rounds)
        for row in rows + rows_of_calls(c, cpp, 7 * options.rounds):
            result.add(row)
    result.keep(options.out)


if __name__ == "__main__":
    main()
