"""Many cameras: a fleet beside what one writes by hand with multiprocessing, and on Ray, in turns.

100 cameras at 5 frames per second, 300 at 2 and 1,000 at 1, demo cameras of 160x120 with a circle tracker, on
two processes. Per size: processor time of the program and its processes for a result, the results' ages,
memory, and the seconds until each camera has given one. The fleet is measured twice per round, as A and as A
again. With --cameras only the size of so many.
With --ray also a fleet on a Ray cluster of two nodes on this machine, and actors by hand on the same cluster.
That needs Ray in this Python: ./dev test-fleet makes an environment with it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from _fleet_by_hand import ByHand
from _measure import Result, Row, arguments, median, quantile, spread, take_turns
from _ray_by_hand import RayByHand
from fleet import build, cameras, cpu_of, parent_of, ray_cluster, wait_until_up

from freshframe.fleet import Fleet

SIZES = ((100, 5), (300, 2), (1000, 1))  # cameras, frames per second
PROCESSES = 2
SETTLE = 2.0  # seconds
LONGEST_START = 120.0  # seconds
GOAL = 1.0  # of the processor time of what one writes by hand
Figures = dict[str, float]


class Running(Protocol):
    """Cameras at work."""

    @property
    def pids(self) -> list[int]:
        """Of the processes beside the program."""

    def results(self) -> Iterator[tuple[str, float]]:
        """Camera and age in seconds, for ever."""

    def close(self) -> None:
        """Ends them."""


class InAFleet:
    """A fleet, with the guards of its agents."""

    def __init__(self, urls: Mapping[str, str], where: str = "local") -> None:
        """Starts it."""
        self._fleet = Fleet(agents=PROCESSES) if where == "local" else Fleet.on_ray(where, on_head=True)
        while len(self._fleet.stats().agents) < PROCESSES:
            time.sleep(0.01)
        wait_until_up(self._fleet)
        agents = [agent.pid for agent in self._fleet.stats().agents.values() if agent.pid is not None]
        self.pids = agents if where == "local" else [*agents, *map(parent_of, agents)]
        self._reader = self._fleet.reader("circles")
        self.began = time.monotonic()
        self._fleet.add_many(urls, build)

    def results(self) -> Iterator[tuple[str, float]]:
        """As Running has it."""
        while True:
            sample = self._reader.get(LONGEST_START)
            yield sample.camera, sample.age

    def close(self) -> None:
        """As Running has it."""
        self._fleet.close()


def memory_mib(pid: int) -> float:
    """Of a process, with its share of what it has in common with others."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not report a process's memory")


def measured(begin: Callable[[Mapping[str, str]], Running], count: int, fps: int, seconds: float) -> Figures:
    """Figures of so many cameras."""
    began = time.monotonic()
    running = begin(cameras(count, fps))
    try:
        results = running.results()
        seen: set[str] = set()
        while len(seen) < count and time.monotonic() < began + LONGEST_START:
            seen.add(next(results)[0])
        all_gave = time.monotonic() - getattr(running, "began", began)
        ages_for(results, SETTLE)
        pids = [os.getpid(), *running.pids]
        before, since = sum(map(cpu_of, pids)), time.monotonic()
        ages = sorted(ages_for(results, seconds))
        spent, took = sum(map(cpu_of, pids)) - before, time.monotonic() - since
        return {
            "cpu_us_per_result": 1e6 * spent / len(ages),
            "age_p50_ms": 1000 * median(ages),
            "age_p99_ms": 1000 * quantile(ages, 0.99),
            "memory_mib": sum(map(memory_mib, running.pids)),
            "all_gave_s": all_gave,
            "results_per_s": len(ages) / took,
            "cores": spent / took,
        }
    finally:
        running.close()


def ages_for(results: Iterator[tuple[str, float]], seconds: float) -> list[float]:
    """Of the results that come."""
    ages = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ages.append(next(results)[1])
    return ages


@contextlib.contextmanager
def kinds_of(with_ray: bool) -> Iterator[dict[str, Callable[[Mapping[str, str]], Any]]]:
    """What is compared; the first two are the same."""
    kinds: dict[str, Callable[[Mapping[str, str]], Any]] = {
        "fleet": InAFleet,
        "multiprocessing by hand": partial(ByHand, processes=PROCESSES),
        "fleet again": InAFleet,
    }
    if not with_ray:
        yield kinds
        return
    from freshframe.fleet._machines.ray_connection import RayConnection  # noqa: PLC0415

    # Ray's workers import this folder's modules, too.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).resolve().parent), *filter(None, sys.path)]
    )
    with ray_cluster() as nodes:
        RayConnection(nodes.address, None)  # for all of them: this program's own
        yield kinds | {"fleet on Ray": partial(InAFleet, where=nodes.address), "Ray by hand": RayByHand}


def add_rows(result: Result, size: str, runs: Mapping[str, list[Figures]]) -> None:
    """One for each kind, of which the first has the comparison."""
    shown = {
        kind: {name: median([each[name] for each in figures]) for name in figures[0]}
        for kind, figures in runs.items()
        if kind != "fleet again"
    }
    cpu = {kind: [each["cpu_us_per_result"] for each in figures] for kind, figures in runs.items()}
    noise = spread(cpu["fleet"], cpu["fleet again"])
    fleet = median(cpu["fleet"] + cpu["fleet again"])
    for kind, figures in shown.items():
        if kind == "fleet":
            result.add(Row(f"{size}, fleet", figures))
            continue
        ours = median(cpu["fleet on Ray"]) if kind == "Ray by hand" else fleet
        name = {"Ray by hand": "fleet on Ray / Ray by hand", "fleet on Ray": "fleet / fleet on Ray"}.get(
            kind, f"fleet / {kind}"
        )
        goal = None if kind == "fleet on Ray" else GOAL
        ratio = ours / median(cpu[kind])
        result.add(Row(f"{size}, {kind}", figures))
        result.add(Row(f"{size}, processor time for a result, {name}", {}, ratio, goal, spread=noise))


def main() -> None:
    """Command line."""
    flags = {"ray": "also on a Ray cluster of two nodes on this machine; result: fleet_scale_ray.json"}
    options = arguments(__doc__, "fleet_scale", flags=flags, seconds=8, rounds=2, cameras=0)
    settings = {"processes": PROCESSES, "rounds": options.rounds, "seconds": options.seconds}
    result = Result("fleet_scale", "many cameras of 160x120 with a circle tracker", settings)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        with kinds_of(options.ray) as kinds:
            for count, fps in [size for size in SIZES if options.cameras in (0, size[0])]:
                runs = take_turns(
                    {
                        name: partial(measured, begin, count, fps, options.seconds)
                        for name, begin in kinds.items()
                    },
                    options.rounds,
                )
                add_rows(result, f"{count} cameras at {fps}/s", runs)
    out = options.out
    result.keep(out and out.with_name("fleet_scale_ray.json") if options.ray else out)


if __name__ == "__main__":
    main()
