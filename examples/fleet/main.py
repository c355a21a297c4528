"""Runs many demo cameras on two agents, kills one of the agents, and counts the results.

Shows a Fleet: cameras restart on the other agent, each result arrives once, and the counters add up although
a process died. Usage: python main.py [CAMERAS [SECONDS]]
"""
# SPDX-License-Identifier: Apache-2.0

import os
import signal
import sys
import time
from collections import Counter

import freshframe as ff
from freshframe.fleet import Fleet, FleetStats


def build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[ff.Circles]]]:
    """Builds the pipeline of one camera. Called on the agent that runs the camera."""
    pipeline = ff.Pipeline()
    return pipeline, {"circles": pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))}


def agents_of(stats: FleetStats) -> str:
    """Returns how many cameras each agent has."""
    counts = Counter(camera.agent or "nowhere" for camera in stats.cameras.values())
    return ", ".join(f"{count} on {agent}" for agent, count in sorted(counts.items()))


def main() -> None:
    """Adds the cameras, kills an agent while reading the results, and prints the counts."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    cameras = {f"cam{n}": f"demo:circles?size=160x120&fps=1&balls=2&seed={n}" for n in range(count)}
    with Fleet(agents=2) as fleet:
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


if __name__ == "__main__":
    main()
