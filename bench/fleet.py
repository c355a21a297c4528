"""What a local fleet's controller costs with 200 and 1,000 cameras, and how soon they are back after a kill.

Demo cameras of 160x120 with a circle tracker on two agents; one reader in the program reads all results.
With --hold SECONDS it holds 200 cameras for so long instead, and measures the memory of the program and of
its agents and the controller's processor time in ten parts of that time. With --ray: only the kills, of a
local fleet and of one on a Ray cluster of two nodes on this machine, one after the other: an agent, its
guard, its node (raylet, guard and agent together, killed or stopped), and the controller of a detached fleet.
That needs Ray in this Python: ./dev test-fleet makes an environment with it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _measure import Result, Row, arguments, median, quantile

import freshframe as ff
from freshframe.fleet import AgentStats, Fleet, FleetReader, FleetStats

CONTROLLER_GOAL = 2.0  # percent of a core
ADD_GOAL = 10.0  # seconds
BACK_GOAL = 3.0  # seconds
MACHINE_GOAL = 5.0  # seconds
KILLED_CAMERAS = 20
KILLED_FPS = 25
HELD_CAMERAS = 200
PARTS = 10
LOOKS = 5
FAR = {"node": signal.SIGKILL, "silence": signal.SIGSTOP}  # what happens to the far node
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


def parent_of(pid: int) -> int:
    """Of an agent: its guard."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wait_until_up(fleet: Fleet) -> None:
    """All agents."""
    while any(agent.state != "up" for agent in fleet.stats().agents.values()):
        time.sleep(0.01)


def scale(count: int, seconds: float) -> dict[str, Any]:
    """Figures of so many cameras at 1 frame per second."""
    with Fleet(agents=2) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        began = time.monotonic()
        fleet.add_many(cameras(count, 1), build)
        seen: set[str] = set()
        while len(seen) < count:
            seen.add(reader.get(120).camera)
        added = time.monotonic() - began
        before = fleet.stats()
        pids = [agent.pid for agent in before.agents.values() if agent.pid is not None]
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
            **look_at(fleet, reader),
        }


def look_at(fleet: Fleet, reader: FleetReader) -> dict[str, Any]:
    """Figures of the fleet's page while a browser reads it."""
    times, size = [], 0
    with fleet.serve() as page:
        address = f"{page.url}api/fleet"
        before, began = fleet.stats().controller_cpu, time.monotonic()
        for _ in range(LOOKS):
            asked = time.monotonic()
            with urllib.request.urlopen(address, timeout=60) as answer:
                size = len(answer.read())
            times.append(time.monotonic() - asked)
            read_for(reader, 1)
        cpu = 100 * (fleet.stats().controller_cpu - before) / (time.monotonic() - began)
    return {
        "page_state_kib": size / 1024,
        "page_answer_ms": 1000 * median(times),
        "controller_percent_with_page": cpu,
    }


def read_for(reader: FleetReader, seconds: float) -> list[float]:
    """The ages of the results."""
    ages = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ages.append(reader.get(60).age)
    return ages


def memory_kib(pid: int | str = "self") -> int:
    """The memory of a process, or of this program."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("this system does not report a program's memory")


def hold(count: int, seconds: float) -> dict[str, Any]:
    """Memory and processor time of the program and its controller while so many cameras run."""
    with Fleet(agents=2) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        fleet.add_many(cameras(count, 1), build)
        seen: set[str] = set()
        while len(seen) < count:
            seen.add(reader.get(120).camera)
        read_for(reader, 5)
        pids = [agent.pid for agent in fleet.stats().agents.values() if agent.pid is not None]
        memory, controller, results = [memory_kib()], [], 0
        agents = [sum(map(memory_kib, pids))]
        for _ in range(PARTS):
            before, began = fleet.stats().controller_cpu, time.monotonic()
            while time.monotonic() < began + seconds / PARTS:
                reader.get(60)  # and nothing is kept of it: memory is measured
                results += 1
            spent = time.monotonic() - began
            controller.append(100 * (fleet.stats().controller_cpu - before) / spent)
            memory.append(memory_kib())
            agents.append(sum(map(memory_kib, pids)))
        counts = fleet.stats().readers[0]
        parts = counts.delivered + sum(getattr(counts, name) for name in ADDED_COUNTERS)
    return {
        "seconds": seconds,
        "memory_kib": memory,
        "memory_grown_kib": memory[-1] - memory[0],
        "memory_grown_second_half_kib": memory[-1] - memory[PARTS // 2],
        "agents_memory_kib": agents,
        "controller_percent": median(controller),
        "controller_percents": [round(each, 3) for each in controller],
        "results": results,
        "unbalanced": counts.reported - parts,
    }


class Nodes:
    """A Ray cluster of a head and a far node on this machine."""

    def __init__(self, cluster: Any, node: dict[str, Any]) -> None:
        """Adds the far node."""
        self._cluster = cluster
        self._node = node
        self._far: Any = None
        self.address: str = cluster.address
        self.add_far()

    def add_far(self) -> None:
        """The node that is killed, again."""
        self._far = self._cluster.add_node(**self._node, labels={"site": "far"})

    def signal_far(self, agent: int, number: signal.Signals) -> None:
        """To its raylet, and to the guard and the agent of a fleet."""
        (raylet,) = self._far.all_processes["raylet"]
        pids = [raylet.process.pid, parent_of(agent), agent]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # none of them sees the end of another one
        for pid in pids if number != signal.SIGSTOP else []:
            os.kill(pid, number)

    def forget_far(self) -> None:
        """Removes the rest of the node."""
        self._cluster.remove_node(self._far, allow_graceful=False)


@contextlib.contextmanager
def ray_cluster() -> Iterator[Nodes]:
    """One on this machine."""
    # Both are read when Ray is imported.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray  # noqa: PLC0415
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        yield Nodes(cluster, node)
    finally:
        ray.shutdown()  # this program's connection
        cluster.shutdown()


def kills(rounds: int, nodes: Nodes | None = None, whom: str = "agent") -> dict[str, Any]:
    """Figures of so many kill -9 of an agent, of its guard, or of its node, which may also fall silent."""
    first: list[float] = []
    last: list[float] = []
    with Fleet(agents=2) if nodes is None else Fleet.on_ray(nodes.address, on_head=True) as fleet:
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        fleet.add_many(cameras(KILLED_CAMERAS, KILLED_FPS), build)
        for _ in range(rounds):
            read_for(reader, 2.5)
            wait_until_up(fleet)
            stats = fleet.stats()
            victim = victim_of(stats, whom)
            if not victim.cameras:  # it has come back, and cameras do not move without need
                for name in list(stats.cameras)[: KILLED_CAMERAS // 2]:
                    fleet.move(name, victim.name)
                while fleet.stats().agents[victim.name].cameras < KILLED_CAMERAS // 2:
                    reader.get(60)
                read_for(reader, 2.5)
                stats = fleet.stats()
            waiting = {name: c.epoch for name, c in stats.cameras.items() if c.agent == victim.name}
            assert victim.pid is not None
            killed = time.monotonic()
            if whom in FAR and nodes is not None:
                nodes.signal_far(victim.pid, FAR[whom])
            else:
                os.kill(victim.pid if whom == "agent" else parent_of(victim.pid), signal.SIGKILL)
            times = []
            while waiting:
                sample = reader.get(60)
                if sample.epoch > waiting.get(sample.camera, sample.epoch):
                    del waiting[sample.camera]
                    times.append(time.monotonic() - killed)
            first.append(times[0])
            last.append(times[-1])
            if whom in FAR and nodes is not None:
                if whom == "silence":
                    nodes.signal_far(victim.pid, signal.SIGKILL)
                nodes.forget_far()
                nodes.add_far()
                while not any(each.state == "up" for each in far_agents(fleet.stats())):
                    read_for(reader, 0.1)
        counts = fleet.stats().readers[0]
    return {
        "first_back_p50_s": median(first),
        "last_back_p50_s": median(last),
        "last_back_max_s": max(last),
        "lost_with_agent": counts.lost_with_agent,
        "unreported_possible": counts.unreported_possible,
        "repeated": counts.repeated,
    }


def far_agents(stats: FleetStats) -> list[AgentStats]:
    """Of the far node; a node that was killed has one, too, until it is forgotten."""
    return [each for each in stats.agents.values() if each.labels.get("site") == "far"]


def victim_of(stats: FleetStats, whom: str) -> AgentStats:
    """The agent to be killed."""
    if whom in FAR:
        return next(each for each in far_agents(stats) if each.state == "up")
    return max(stats.agents.values(), key=lambda agent: agent.cameras)


def controller_kills(rounds: int, nodes: Nodes) -> dict[str, Any]:
    """Figures of so many kill -9 of the controller of a detached fleet."""
    import ray  # noqa: PLC0415

    from freshframe.fleet._detached.ray_fleets import actor_name  # noqa: PLC0415
    from freshframe.fleet._machines.ray_connection import NAMESPACE  # noqa: PLC0415

    gaps: list[float] = []
    missing = repeated = 0
    with Fleet.on_ray(nodes.address, name="bench", detached=True, on_head=True) as fleet:
        while len(fleet.stats().agents) < 2:
            time.sleep(0.05)
        wait_until_up(fleet)
        reader = fleet.reader("circles")
        fleet.add_many(cameras(KILLED_CAMERAS, KILLED_FPS), build)
        newest: dict[tuple[str, int], int] = {}
        for _ in range(rounds):
            read_for(reader, 5)
            actor = ray.get_actor(actor_name("bench"), namespace=NAMESPACE)
            os.kill(ray.get(actor.pid.remote()), signal.SIGKILL)
            heard = end = time.monotonic()
            gap = 0.0
            while time.monotonic() < end + 15:
                sample = reader.get(60)
                gap, heard = max(gap, time.monotonic() - heard), time.monotonic()
                before = newest.get((sample.camera, sample.epoch))
                if before is not None:
                    missing += max(0, sample.ordinal - before - 1)
                    repeated += sample.ordinal <= before
                newest[sample.camera, sample.epoch] = sample.ordinal
            newest.clear()
            gaps.append(gap)
        fleet.shutdown()
    return {"gap_p50_s": median(gaps), "gap_max_s": max(gaps), "missing": missing, "repeated": repeated}


def compare(rounds: int, out: Path | None) -> None:
    """The kills, local and on Ray."""
    result = Result("fleet_ray", "fleets of demo cameras, local and on Ray", {"rounds": rounds})
    rows = {"local, agent killed": kills(rounds)}
    with ray_cluster() as nodes:
        rows["Ray, agent killed"] = kills(rounds, nodes)
        rows["Ray, guard killed"] = kills(rounds, nodes, "guard")
        rows["Ray, node killed"] = kills(rounds, nodes, "node")
        rows["Ray, node silent"] = kills(rounds, nodes, "silence")
        shown = controller_kills(rounds, nodes)
        result.add(
            Row(
                "Ray, detached, controller killed: longest gap in the results",
                shown,
                shown["gap_max_s"],
                None,
            )
        )
    for name, shown in rows.items():
        goal = BACK_GOAL if "agent" in name else MACHINE_GOAL
        result.add(Row(f"{name}, last of its cameras back", shown, shown["last_back_max_s"], goal))
    result.keep(out)


def main() -> None:
    """Command line."""
    flags = {"ray": "only kills, of a local fleet and of one on Ray; result: fleet_ray.json"}
    options = arguments(__doc__, "fleet", flags=flags, seconds=12, rounds=10, hold=0)
    if options.ray:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_STATE_HOME"] = folder
            compare(options.rounds, options.out and options.out.with_name("fleet_ray.json"))
        return
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
