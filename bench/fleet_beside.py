"""Four cameras of 1280x720 at 30 frames per second as a fleet of two agents and in one process, in turns.

The sources, the trackers and the reading are the same. The processor time of the fleet is that of the
program, with its controller, and of both agents. It is divided by the results that were read meanwhile.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from functools import partial
from typing import Any

from _measure import Result, Row, arguments, median, spread, take_turns
from fleet import build, cpu_of, read_for, wait_until_up

import freshframe as ff

CPU_GOAL = 1.05  # of the processor time of one process for a result
AGE_GOAL = 5.0  # milliseconds that a result may be older at the reader
WARM_UP = 4.0  # seconds
CAMERAS = {f"cam{n}": f"demo:circles?size=1280x720&fps=30&balls=2&seed={n}" for n in range(4)}


def in_a_fleet(seconds: float) -> tuple[float, list[float]]:
    """Percent of a core that the program and its two agents need for four cameras, and the results' ages."""
    with ff.fleet.Fleet(agents=2) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        fleet.add_many(CAMERAS, build)
        read_for(reader, WARM_UP)
        agents = fleet.stats().agents.values()
        pids = [os.getpid(), *(agent.pid for agent in agents if agent.pid is not None)]
        before, began = sum(map(cpu_of, pids)), time.monotonic()
        ages = read_for(reader, seconds)
        return 100 * (sum(map(cpu_of, pids)) - before) / (time.monotonic() - began), ages


def in_one_process(seconds: float) -> tuple[float, list[float]]:
    """The same of this program alone."""
    ages: list[float] = []
    measured = threading.Event()

    def read(reader: ff.Reader[Any]) -> None:
        for sample in reader:
            if measured.is_set():
                ages.append(time.monotonic() - sample.captured)  # noqa: PERF401  (now, not later)

    with contextlib.ExitStack() as stack:
        threads = []
        for url in CAMERAS.values():
            pipeline, outputs = build(url)
            threads.append(threading.Thread(target=read, args=(pipeline.reader(outputs["circles"]),)))
            stack.enter_context(pipeline)
            threads[-1].start()
        time.sleep(WARM_UP)
        measured.set()
        before, began = cpu_of(os.getpid()), time.monotonic()
        time.sleep(seconds)
        percent = 100 * (cpu_of(os.getpid()) - before) / (time.monotonic() - began)
        measured.clear()
    for thread in threads:
        thread.join()
    return percent, ages


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "fleet_beside", seconds=12, rounds=3)
    settings = {"agents": 2, "rounds": options.rounds, "seconds": options.seconds}
    result = Result(
        "fleet_beside", "four cameras of 1280x720 at 30/s, as a fleet and in one process", settings
    )
    kinds = {"A": in_one_process, "fleet": in_a_fleet, "A again": in_one_process}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        runs = take_turns(
            {name: partial(kind, options.seconds) for name, kind in kinds.items()}, options.rounds
        )
    costs = {
        name: [1e4 * percent * options.seconds / len(ages) for percent, ages in each]  # microseconds
        for name, each in runs.items()
    }
    ages = {name: [1000 * median(ages) for _, ages in each] for name, each in runs.items()}
    shown = {
        f"results_per_s_{name.lower().replace(' ', '_')}": median(
            [len(ages) / options.seconds for _, ages in each]
        )
        for name, each in runs.items()
    }
    alone, fleet = median(costs["A"] + costs["A again"]), median(costs["fleet"])
    noise = spread(costs["A"], costs["A again"])
    shown |= {"one_process_us_per_result": alone, "fleet_us_per_result": fleet}
    result.add(
        Row("processor time of a result, fleet / one process", shown, fleet / alone, CPU_GOAL, spread=noise)
    )
    alone, fleet = median(ages["A"] + ages["A again"]), median(ages["fleet"])
    noise = spread(ages["A"], ages["A again"])
    shown = {"one_process_p50_ms": alone, "fleet_p50_ms": fleet}
    result.add(
        Row("age p50, fleet - one process, ms", shown, fleet - alone, AGE_GOAL, spread=noise, scale=alone)
    )
    result.keep(options.out)


if __name__ == "__main__":
    main()
