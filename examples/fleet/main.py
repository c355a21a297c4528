"""Runs many demo cameras on two agents, kills one of them in the middle, and counts.

Shows a Fleet: cameras that come back on the other agent, results that arrive once each, and counters that
balance although a process died. Usage: python main.py [--ray] [CAMERAS [SECONDS]]
With --ray the agents are on a Ray cluster of two nodes, which it starts on this machine.
"""
# SPDX-License-Identifier: Apache-2.0

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Generator

import freshframe as ff
from freshframe.fleet import Fleet, FleetStats


def build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[ff.Circles]]]:
    """One camera; runs on the agent that gets it."""
    pipeline = ff.Pipeline()
    return pipeline, {"circles": pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))}


def agents_of(stats: FleetStats) -> str:
    """Where the cameras are."""
    counts = Counter(camera.agent or "nowhere" for camera in stats.cameras.values())
    return ", ".join(f"{count} on {agent}" for agent, count in sorted(counts.items()))


@contextlib.contextmanager
def fleet_on_ray() -> Generator[Fleet]:
    """A cluster of two nodes on this machine, and a fleet on it."""
    # Both are read when Ray is imported. Without the first it takes the machine's outer address.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        cluster.add_node(**node)
        with Fleet.on_ray(cluster.address, on_head=True) as fleet:
            yield fleet
    finally:
        cluster.shutdown()


def main() -> None:
    """Adds the cameras, reads, kills, reads on, and prints the counts."""
    numbers = [argument for argument in sys.argv[1:] if argument != "--ray"]
    count = int(numbers[0]) if numbers else 200
    seconds = float(numbers[1]) if len(numbers) > 1 else 10.0
    cameras = {f"cam{n}": f"demo:circles?size=160x120&fps=1&balls=2&seed={n}" for n in range(count)}
    with fleet_on_ray() if "--ray" in sys.argv else Fleet(agents=2) as fleet:
        reader = fleet.reader("circles")
        began = time.monotonic()
        fleet.add_many(cameras, build)
        epochs: dict[str, int] = {}
        while len(epochs) < count:
            sample = reader.get(60)
            epochs[sample.camera] = sample.epoch
        print(f"{count} cameras after {time.monotonic() - began:.1f} s: {agents_of(fleet.stats())}")

        end = time.monotonic() + seconds / 2
        while time.monotonic() < end:
            sample = reader.get(60)

        running = [agent for agent in fleet.stats().agents.values() if agent.pid is not None]
        victim = max(running, key=lambda agent: agent.camera_count)
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        killed = time.monotonic()
        print(f"killed {victim.name} with {victim.camera_count} cameras")
        back: dict[str, float] = {}
        end = time.monotonic() + seconds / 2
        while time.monotonic() < end or len(back) < victim.camera_count:
            sample = reader.get(60)
            if sample.epoch > epochs[sample.camera]:
                back.setdefault(sample.camera, time.monotonic() - killed)
        times = sorted(back.values())
        print(
            f"back: {len(back)} cameras, the first after {times[0]:.2f} s, the last after {times[-1]:.2f} s"
        )
        print(f"now {agents_of(fleet.stats())}")

        counts = fleet.stats().readers[0]
        names = ("delivered", "outbox_full", "expired", "fenced", "lost_with_agent", "waiting")
        parts = " + ".join(f"{name} {getattr(counts, name)}" for name in names)
        print(f"reported {counts.reported} == {parts}")
        print(f"twice: {counts.repeated}")


if __name__ == "__main__":
    main()
