"""What a local fleet's controller costs with 200 and 1,000 cameras, and how soon they are back after a kill.

Demo cameras of 160x120 with a circle tracker on two agents; one reader in the program reads all results.
With --hold SECONDS it holds 200 cameras for so long instead, and measures the program's memory and the
controller's processor time in ten parts of that time.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from _measure import Result, Row, arguments, median, quantile

import freshframe as ff
from freshframe.fleet import FleetReader

CONTROLLER_GOAL = 2.0  # percent of a core
ADD_GOAL = 10.0  # seconds
BACK_GOAL = 3.0  # seconds
KILLED_CAMERAS = 20
KILLED_FPS = 25
HELD_CAMERAS = 200
PARTS = 10
ADDED_COUNTERS = ("outbox_full", "expired", "fenced", "lost_with_agent", "waiting")


def build(url: str) -> tuple[ff.Pipeline, dict[str, Any]]:
    """A camera."""
    pipeline = ff.Pipeline()
    return pipeline, {"circles": pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))}


def cameras(count: int, fps: int) -> dict[str, str]:
    """Their names and addresses."""
    return {f"cam{n}": f"demo:circles?size=160x120&fps={fps}&balls=2&seed={n}" for n in range(count)}


def cpu_of(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_up(fleet: ff.Fleet) -> None:
    """All agents."""
    while any(agent.state != "up" for agent in fleet.stats().agents.values()):
        time.sleep(0.01)


def scale(count: int, seconds: float) -> dict[str, Any]:
    """Figures of so many cameras at 1 frame per second."""
    with ff.Fleet("local", agents=2) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        began = time.monotonic()
        fleet.add_many(cameras(count, 1), build)
        seen: set[str] = set()
        while len(seen) < count:
            seen.add(reader.get(120).camera)
        added = time.monotonic() - began
        before = fleet.stats()
        pids = [agent.pid for agent in before.agents.values()]
        cpu = [cpu_of(pid) for pid in pids]
        ages = read_for(reader, seconds)
        after = fleet.stats()
        agents_cpu = sum(cpu_of(pid) - first for pid, first in zip(pids, cpu, strict=True))
        counts = after.readers[0]
        parts = counts.delivered + sum(getattr(counts, name) for name in ADDED_COUNTERS)
        return {
            "add_s": added,
            "controller_percent": 100 * (after.controller_cpu - before.controller_cpu) / seconds,
            "agents_percent": 100 * agents_cpu / seconds,
            "results_per_s": len(ages) / seconds,
            "age_p50_ms": 1000 * median(ages),
            "age_p99_ms": 1000 * quantile(sorted(ages), 0.99),
            "unbalanced": counts.reported - parts,
            "repeated": counts.repeated,
        }


def read_for(reader: FleetReader, seconds: float) -> list[float]:
    """The ages of what comes."""
    ages = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ages.append(reader.get(60).age)
    return ages


def memory_kib() -> int:
    """What this program has in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("this system does not tell a program's memory")


def hold(count: int, seconds: float) -> dict[str, Any]:
    """Memory and processor time of the program and its controller while so many cameras run."""
    with ff.Fleet("local", agents=2) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        fleet.add_many(cameras(count, 1), build)
        seen: set[str] = set()
        while len(seen) < count:
            seen.add(reader.get(120).camera)
        read_for(reader, 5)
        memory, controller, results = [memory_kib()], [], 0
        for _ in range(PARTS):
            before, began = fleet.stats().controller_cpu, time.monotonic()
            results += len(read_for(reader, seconds / PARTS))
            spent = time.monotonic() - began
            controller.append(100 * (fleet.stats().controller_cpu - before) / spent)
            memory.append(memory_kib())
        counts = fleet.stats().readers[0]
        parts = counts.delivered + sum(getattr(counts, name) for name in ADDED_COUNTERS)
    return {
        "seconds": seconds,
        "memory_kib": memory,
        "memory_grown_kib": memory[-1] - memory[0],
        "controller_percent": median(controller),
        "controller_percent_first": controller[0],
        "controller_percent_last": controller[-1],
        "results": results,
        "unbalanced": counts.reported - parts,
    }


def kills(rounds: int) -> dict[str, Any]:
    """Figures of so many kill -9 of an agent."""
    first: list[float] = []
    last: list[float] = []
    with ff.Fleet("local", agents=2) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        fleet.add_many(cameras(KILLED_CAMERAS, KILLED_FPS), build)
        for _ in range(rounds):
            read_for(reader, 2.5)
            wait_until_up(fleet)
            stats = fleet.stats()
            victim = max(stats.agents.values(), key=lambda agent: agent.cameras)
            waiting = {name: c.epoch for name, c in stats.cameras.items() if c.agent == victim.name}
            os.kill(victim.pid, signal.SIGKILL)
            killed = time.monotonic()
            times = []
            while waiting:
                sample = reader.get(60)
                if sample.epoch > waiting.get(sample.camera, sample.epoch):
                    del waiting[sample.camera]
                    times.append(time.monotonic() - killed)
            first.append(times[0])
            last.append(times[-1])
        counts = fleet.stats().readers[0]
    return {
        "first_back_p50_s": median(first),
        "last_back_p50_s": median(last),
        "last_back_max_s": max(last),
        "lost_with_agent": counts.lost_with_agent,
        "unreported_possible": counts.unreported_possible,
        "repeated": counts.repeated,
    }


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "fleet", seconds=12, rounds=10, hold=0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        if options.hold:
            settings = {"agents": 2, "cameras": HELD_CAMERAS, "hold": options.hold}
            result = Result("fleet_hold", "a local fleet of demo cameras, 160x120, for a while", settings)
            shown = hold(HELD_CAMERAS, options.hold)
            result.add(
                Row(
                    f"{HELD_CAMERAS} cameras, controller", shown, shown["controller_percent"], CONTROLLER_GOAL
                )
            )
            result.keep(options.out and options.out.with_name("fleet_hold.json"))
            return
        settings = {"agents": 2, "seconds": options.seconds, "rounds": options.rounds}
        result = Result("fleet", "a local fleet of demo cameras, 160x120", settings)
        for count in (200, 1000):
            shown = scale(count, options.seconds)
            result.add(
                Row(f"{count} cameras, controller", shown, shown["controller_percent"], CONTROLLER_GOAL)
            )
            result.add(Row(f"{count} cameras, all added", {}, shown["add_s"], ADD_GOAL))
        shown = kills(options.rounds)
        result.add(
            Row(f"kill -9, {KILLED_CAMERAS} cameras, last back", shown, shown["last_back_max_s"], BACK_GOAL)
        )
        result.keep(options.out)


if __name__ == "__main__":
    main()
