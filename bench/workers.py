"""Nodes in worker processes: round trips of a picture, what others notice, two cores, deaths, the start.

Round trips are of one 1280x720 grey picture whose worker reads one pixel. "process=True" is from the sending
of the request to the checked reply, as the node's own histogram has it (buckets 6 % wide). A bare ping-pong
of two Python processes over the same kind of socket, without any picture and with a poll() before each read,
is the reference; it is measured twice per round. multiprocessing's ways carry the picture. Pinned: all
threads of this process on one processor, the other process on a second one or on the same. "CPU" is processor
time per sample of the thread that drives the workers, beside that of the ping-pong's end. Each part has a
result of its own.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle  # noqa: F401  (what a worker imports, a pool's must import too)
from _measure import RESULTS, Result, Row, median, quantile, spread, take_turns
from _worker_beats import game_row, heart_row
from _worker_nodes import Push, compute, one_pixel
from _worker_trips import PICTURE, TRIPS, pinned_rows, trip_rows

import freshframe as ff


def throughput(workers: int) -> float:
    """Samples per second of a node that computes 30 ms."""
    pipeline = ff.Pipeline()
    source = Push()
    port = pipeline.add(compute, pipeline.add(source), process=ff.Process(workers=workers))
    reader = pipeline.reader(port)
    for _ in range(60):
        source.items.put(1)
    source.items.put(None)
    with pipeline:
        begin = time.perf_counter()
        count = sum(1 for _ in reader)
        return count / (time.perf_counter() - begin)


class Ticks(ff.Source[Any]):
    """A frame every 10 ms."""

    live = True

    def read(self) -> Iterator[tuple[Any, float]]:
        """Yields them."""
        frame = ff.Frame.from_array(PICTURE, "gray")
        number = 0
        while not self.stop_token.wait(0.01):
            yield frame, number / 100
            number += 1


def age_beside_kills(seconds: float, kills: bool) -> tuple[float, int]:
    """p99 in ms of the age of another branch's samples, and how many samples are not accounted for."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(Ticks())
    pipeline.add(one_pixel, camera, process=ff.Process(restarts=1000), name="node")
    reader = pipeline.reader(camera)
    ages = []
    with pipeline:
        end = time.monotonic() + seconds
        next_kill = time.monotonic() + 1
        while time.monotonic() < end:
            sample = reader.get()
            ages.append(1e3 * (time.monotonic() - sample.captured))
            if kills and time.monotonic() >= next_kill:
                next_kill += 1
                for worker in pipeline.stats().nodes["node"].workers:
                    if worker.pid:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(worker.pid, signal.SIGKILL)
    stats = pipeline.stats()
    node = stats.nodes["node"]
    [edge] = [edge for edge in stats.edges if edge.child == "node"]
    return quantile(ages, 0.99), edge.delivered - node.processed - node.dropped


def start_freshframe() -> float:
    """Seconds until four workers have answered first."""
    begin = time.perf_counter()
    pipeline = ff.Pipeline()
    source = Push()
    reader = pipeline.reader(pipeline.add(compute, pipeline.add(source), process=ff.Process(workers=4)))
    with pipeline:
        source.items.put(1)
        reader.get()
        return time.perf_counter() - begin


def start_pool() -> float:
    """The same of multiprocessing's pool, whose workers import this file."""
    begin = time.perf_counter()
    with mp.get_context("spawn").Pool(4) as pool:
        pool.map(compute, [1] * 4, chunksize=1)
        return time.perf_counter() - begin


def kill_rows(result: Result, rounds: int) -> None:
    """A worker that is killed every second, beside another branch."""
    runs = take_turns(
        {
            "calm": lambda: age_beside_kills(50, False),
            "kills": lambda: age_beside_kills(100, True),
            "again": lambda: age_beside_kills(50, False),
        },
        rounds,
    )
    age = {kind: median([run[0] for run in found]) for kind, found in runs.items()}
    lost = max(run[1] for found in runs.values() for run in found)
    figures = {f"{kind}_p99_ms": value for kind, value in age.items()}
    noise = spread([run[0] for run in runs["calm"]], [run[0] for run in runs["again"]])
    name = "age in another branch while a worker is killed every second: times without kills"
    result.add(Row(name, figures, age["kills"] / age["calm"], 1.2, spread=noise))
    result.add(Row("samples that are not accounted for after the kills", {"samples": lost}, lost, 0))


def core_rows(result: Result, rounds: int) -> None:
    """Two cores, and the start."""
    rates = take_turns({"one": lambda: throughput(1), "two": lambda: throughput(2)}, rounds)
    one, two = median(rates["one"]), median(rates["two"])
    figures = {"one_per_s": one, "two_per_s": two}
    result.add(Row("30 ms of Python on two cores: 2 workers against 1", figures, two / one, 1.8, True))
    starts = take_turns({"pool": start_pool, "freshframe": start_freshframe, "again": start_pool}, rounds)
    ours, pool = median(starts["freshframe"]), median(starts["pool"] + starts["again"])
    figures = {"s": ours, "pool_s": pool}
    noise = spread(starts["pool"], starts["again"])
    result.add(Row("start of 4 workers against Pool(4)", figures, ours / pool, 1.0, spread=noise))


PARTS: dict[str, tuple[Callable[[Result, int], None], int]] = {  # and rounds
    "trips": (trip_rows, 7),
    "pinned": (pinned_rows, 7),
    "heart": (heart_row, 7),
    "game": (game_row, 5),
    "kills": (kill_rows, 1),
    "cores": (core_rows, 5),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, help="default: by part, 1 to 7")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--built-from", default="", help="the commit of the package, where it is another one")
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    for name in options.part or PARTS:
        measure, usual = PARTS[name]
        rounds = options.rounds or usual
        result = Result(
            f"workers_{name}", f"nodes in worker processes: {name}", {"rounds": rounds, "trips": TRIPS}
        )
        measure(result, rounds)
        result.keep(None if options.dry else options.folder / f"workers_{name}.json")


if __name__ == "__main__":
    main()
