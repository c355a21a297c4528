"""Fleets on a Ray cluster of two and three nodes on this machine: ./dev test-fleet."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: ./dev test-fleet makes an environment with it")

from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, check_samples, is_alive, process_of
from ray_clusters import add_node
from support import program_environment, until

import freshframe as ff
from freshframe.fleet import FleetReader, FleetSample

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]


class Watch:
    """A fleet whose results are read, and the rules that hold after each fault."""

    def __init__(self, fleet: ff.fleet.Fleet) -> None:
        self.fleet = fleet
        self.reader: FleetReader = fleet.reader("ticks")
        self.samples: list[FleetSample] = []

    @property
    def guards(self) -> dict[str, int]:
        """Process numbers by agent."""
        controller: Any = self.fleet._controller
        place = controller.parts.place
        posts = place.guards._posts
        return {agent: posts[node].pid for agent, node in place.nodes.items() if node in posts}

    def agent(self, site: str) -> str:
        agents = self.fleet.stats().agents.values()
        return next(agent.name for agent in agents if agent.labels.get("site") == site)

    def pid(self, agent: str) -> int:
        return process_of(self.fleet, agent)

    def list_cameras(self, agent: str) -> dict[str, int]:
        cameras = self.fleet.stats().cameras.items()
        return {name: camera.epoch for name, camera in cameras if camera.agent == agent}

    def until_up(self, count: int) -> None:
        def are_up() -> bool:
            agents = self.fleet.stats().agents.values()
            return len(agents) == count and all(agent.state == "up" for agent in agents)

        until(are_up, lambda: f"{count} agents: {self.fleet.stats()}")

    def until_results(self, after: dict[str, int]) -> float:
        """Waits until each of these cameras has given a result of a newer epoch. Returns the seconds."""
        began = time.monotonic()
        left = set(after)

        def read() -> bool:
            with contextlib.suppress(ff.ReadTimeoutError):
                sample = self.reader.get(0.2)
                self.samples.append(sample)
                if sample.epoch > after.get(sample.camera, sample.epoch):
                    left.discard(sample.camera)
            return not left

        until(read, lambda: f"{left} of {self.fleet.stats()}")
        return time.monotonic() - began


@pytest.fixture
def watch(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    nodes = len(cluster.list_all_nodes())
    with ff.fleet.Fleet.on_ray(cluster.address, on_head=True) as fleet:
        watch = Watch(fleet)
        watch.until_up(nodes)
        yield watch
        check_samples(watch.fleet, watch.samples)
        pids = [*watch.guards.values(), *(agent.pid for agent in fleet.stats().agents.values())]
    until(lambda: not any(is_alive(pid) for pid in pids if pid), "the end of guards and agents")


def test_cameras_run_where_the_labels_of_a_node_meet_their_needs(watch: Watch) -> None:
    watch.fleet.add("n", "ticks:0.05", fleet_builds.ticks, needs={"site": "north"})
    watch.fleet.add("s", "ticks:0.05", fleet_builds.ticks, needs={"site": "south"})
    watch.until_results({"n": 0, "s": 0})
    assert set(watch.list_cameras(watch.agent("north"))) == {"n"}
    assert set(watch.list_cameras(watch.agent("south"))) == {"s"}
    watch.fleet.add("w", "ticks:0.05", fleet_builds.ticks, needs={"site": "west"})
    until(lambda: watch.fleet.stats().unplaced() == {"w": "no agent has site=west"}, "the refusal")


def test_an_agent_and_a_guard_that_are_killed_cost_what_they_had_and_their_cameras_are_back(
    watch: Watch,
) -> None:
    watch.fleet.add_many({f"cam{n}": "ticks:0.02" for n in range(4)}, fleet_builds.ticks)
    watch.until_results({f"cam{n}": 0 for n in range(4)})
    north, south = watch.agent("north"), watch.agent("south")
    hit = watch.list_cameras(north)
    assert hit
    os.kill(watch.pid(north), signal.SIGKILL)
    print(f"agent killed: cameras back after {watch.until_results(hit):.2f} s")
    watch.until_up(2)

    hit, pid = watch.list_cameras(south), watch.pid(south)
    assert hit
    os.kill(watch.guards[south], signal.SIGKILL)
    print(f"guard killed: cameras back after {watch.until_results(hit):.2f} s")
    until(lambda: not is_alive(pid), "the end of its agent")
    began = time.monotonic()
    watch.until_up(2)  # Ray starts the guard again
    print(f"guard and agent back after {time.monotonic() - began:.2f} s more")
    assert watch.fleet.stats().agents[south].deaths == 1


def test_two_fleets_share_a_cluster(watch: Watch, cluster: Any) -> None:
    with ff.fleet.Fleet.on_ray(cluster.address, on_head=True) as other:
        other.add("cam", "ticks:0.02", fleet_builds.ticks)
        assert other.reader("ticks").get(50).camera == "cam"
        balance(other)
    watch.fleet.add("cam", "ticks:0.02", fleet_builds.ticks)
    watch.until_results({"cam": 0})


def test_people_are_counted_on_twelve_cameras_of_a_cluster(cluster: Any, tmp_path: Path) -> None:
    """The example, whose functions are those of a main program."""
    environment = program_environment() | {"RAY_ADDRESS": cluster.address, "XDG_STATE_HOME": str(tmp_path)}
    example = Path(__file__).parents[3] / "examples" / "people_counting.py"
    command = [sys.executable, str(example), "--ray", "3"]
    out = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    doors = re.findall(r"^door\d\d: (\d+) in, (\d+) out, (\d+) frames", out, re.MULTILINE)
    assert len(doors) == 12
    came, went, frames = ([int(each) for each in column] for column in zip(*doors, strict=True))
    assert min(frames) > 0
    assert f"all: {sum(came)} in, {sum(went)} out" in out
    assert sum(came) + sum(went) > 0


def test_a_build_that_only_the_program_can_import_travels_with_the_runtime_environment(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "only_here.py").write_text(
        "import freshframe as ff\nfrom fleet_rigs import builds as fleet_builds\n\n"
        "def build(url):\n    return fleet_builds.ticks('ticks:0.02')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    import only_here  # type: ignore[import-not-found]  # noqa: PLC0415

    with ff.fleet.Fleet.on_ray(cluster.address, on_head=True) as fleet:
        with pytest.raises(ff.StateError, match=r"give runtime_env to its ray.init\(\)"):
            ff.fleet.Fleet.on_ray(cluster.address, runtime_env={"working_dir": str(folder)})
        fleet.add("cam", "x", only_here.build)
        until(lambda: fleet.stats().cameras["cam"].state == "failed", lambda: str(fleet.stats()))
        assert "runtime_env={'working_dir': '.'}" in fleet.stats().cameras["cam"].reason
    with ff.fleet.Fleet.on_ray(
        cluster.address, on_head=True, runtime_env={"working_dir": str(folder)}
    ) as fleet:
        fleet.add("cam", "x", only_here.build)
        assert fleet.reader("ticks").get(50).camera == "cam"


_TASKS = """
import os, signal, sys
from pathlib import Path

import ray
import freshframe as ff


def numbers(number, folder):
    first = folder / f"tried{number}"
    dies = not first.exists()
    first.touch()

    def passed(value):
        if dies and value == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    class Numbers(ff.Source[int]):
        live = False

        def read(self):
            yield from ((each, each / 25) for each in range(50))

    pipeline = ff.Pipeline()
    out = ff.JsonLines(folder / f"{number}.jsonl", complete=True)
    pipeline.add(out, pipeline.add(passed, pipeline.add(Numbers())))
    return pipeline.run().complete


ray.init(sys.argv[1])
task = ray.remote(max_retries=3)(numbers)
print(ray.get([task.remote(number, Path(sys.argv[2])) for number in range(4)]))
"""


def test_files_of_tasks_that_died_once_are_complete(cluster: Any, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _TASKS, cluster.address, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert str([True] * 4) in told.splitlines()  # Ray writes its own lines there
    for number in range(4):
        assert len((tmp_path / f"{number}.jsonl").read_text().splitlines()) == 50


def test_a_node_that_is_killed_gives_its_cameras_to_a_node_that_came(watch: Watch, cluster: Any) -> None:
    node = add_node(cluster, "east")
    watch.until_up(3)
    watch.fleet.add("cam", "ticks:0.02", fleet_builds.ticks, needs={"site": "east"})
    watch.fleet.add_many({f"any{n}": "ticks:0.02" for n in range(6)}, fleet_builds.ticks)
    watch.until_results({name: 0 for name in ("cam", *(f"any{n}" for n in range(6)))})
    east = watch.agent("east")
    hit = watch.list_cameras(east)
    assert set(hit) > {"cam"}
    del hit["cam"]
    victims = [watch.guards[east], watch.pid(east)]
    cluster.remove_node(node, allow_graceful=False)
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    print(f"node killed: cameras back after {watch.until_results(hit):.2f} s")
    watch.until_up(2)
    assert watch.fleet.stats().cameras["cam"].state == "unplaced"
    node = add_node(cluster, "east")
    watch.until_results({"cam": watch.fleet.stats().cameras["cam"].epoch})

    # remove_node() reaps the raylet. Ray's workers take a zombie for a living parent, and would run on.
    pid = watch.pid(watch.agent("east"))
    began = time.monotonic()
    cluster.remove_node(node, allow_graceful=False)
    until(lambda: not is_alive(pid), "the end of the agent of a node without a raylet")
    print(f"raylet killed: its agent ended after {time.monotonic() - began:.2f} s")
    watch.until_up(2)
