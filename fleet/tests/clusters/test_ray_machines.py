"""Which machines of a Ray cluster get agents, how many, and what a fleet asks the cluster for."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: ./dev test-fleet makes an environment with it")

import ray
from fleet_rigs import builds as fleet_builds
from ray_clusters import NODE
from support import until

import freshframe as ff

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with processors, a machine with eight and one with none."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        cluster.add_node(**{**NODE, "num_cpus": 8}, labels={"size": "large"})
        cluster.add_node(**{**NODE, "num_cpus": 0}, labels={"size": "none"})
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def until_agents(fleet: ff.fleet.Fleet, count: int) -> None:
    def are_up() -> bool:
        agents = fleet.stats().agents.values()
        return len(agents) == count and all(agent.state == "up" for agent in agents)

    until(are_up, lambda: f"{count} agents: {fleet.stats()}")


def test_a_machine_of_eight_has_two_agents_and_the_head_and_one_of_none_have_none(cluster: Any) -> None:
    with ff.fleet.Fleet.on_ray(cluster.address) as fleet:
        until_agents(fleet, 2)
        agents = list(fleet.stats().agents.values())
        assert {agent.labels["size"] for agent in agents} == {"large"}
        (machine,) = {agent.machine for agent in agents}
        assert {agent.name for agent in agents} == {f"{machine}.0", f"{machine}.1"}
        assert f"on {machine}: up" in str(fleet.stats())
        fleet.add_many({f"cam{n}": "ticks:0.05" for n in range(4)}, fleet_builds.ticks)
        reader = fleet.reader("ticks")
        until(lambda: reader.get(50).camera == "cam3", "results")
        assert {agent.camera_count for agent in fleet.stats().agents.values()} == {2}
        place: Any = fleet._life.place
        assert {post.pid for post in place.place.guards._posts.values()} != {0}
        assert len({post.pid for post in place.place.guards._posts.values()}) == 1  # one process of Ray's


def test_the_program_chooses_how_many_and_that_the_head_has_some(cluster: Any) -> None:
    with ff.fleet.Fleet.on_ray(cluster.address, agents_per_machine=1, on_head=True) as fleet:
        until_agents(fleet, 2)
        assert {agent.labels.get("size") for agent in fleet.stats().agents.values()} == {None, "large"}


def requests() -> list[Any]:
    """The placement groups of all fleets that wait for machines."""
    table = ray.util.placement_group_table().values()
    return [each for each in table if each["name"].startswith("freshframe-") and each["state"] == "PENDING"]


def test_a_busy_fleet_asks_for_a_machine_which_gets_cameras_when_it_joins(cluster: Any) -> None:
    with ff.fleet.Fleet.on_ray(cluster.address, agents_per_machine=1) as fleet:
        until_agents(fleet, 1)
        fleet.add_many({f"cam{n}": "ticks:0.05" for n in range(6)}, fleet_builds.ticks)
        until(lambda: fleet.stats().states() == {"running": 6}, lambda: f"cameras: {fleet.stats()}")
        assert requests() == []
        controller: Any = fleet._controller
        place = fleet._life.place
        assert place is not None
        times = controller.decisions.state.times
        busy = replace(times, busy=-1.0, ask_after=0.5)
        place._more._times = busy
        controller.decisions.state.times = busy
        fleet.add("more", "ticks:0.05", fleet_builds.ticks)
        until(lambda: len(requests()) == 1, lambda: f"the request: {fleet.stats()}")
        (request,) = requests()
        assert request["strategy"] == "STRICT_SPREAD"
        assert len(request["bundles"]) == 3  # the head, the machine, and one more
        controller.decisions.state.times = times
        node = cluster.add_node(**NODE, labels={"size": "small"})
        try:
            until_agents(fleet, 2)
            until(lambda: requests() == [], "the end of the request")
            (new,) = [each.name for each in fleet.stats().agents.values() if each.labels["size"] == "small"]
            until(
                lambda: fleet.stats().agents[new].camera_count >= 2, lambda: f"its cameras: {fleet.stats()}"
            )
            texts = [event.text for event in fleet.stats().events if event.about == "cluster"]
            assert texts == ["asks the cluster for 1 more", "no longer asks for machines"]
        finally:
            cluster.remove_node(node, allow_graceful=False)


def test_a_fleet_without_machines_says_why(cluster: Any) -> None:
    with ff.fleet.Fleet.on_ray(cluster.address, on_head=False) as fleet:
        until_agents(fleet, 2)  # the machine of eight
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    ray.shutdown()
    alone = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    try:
        with ff.fleet.Fleet.on_ray(alone.address, on_head=False) as fleet:
            fleet.add("cam", "ticks:0.05", fleet_builds.ticks)
            until(lambda: fleet.stats().unplaced() == {"cam": "there is no agent"}, "the reason")
            assert "its head gets none unless on_head=True" in fleet.stats().events[0].text
        with ff.fleet.Fleet.on_ray(alone.address) as fleet:
            until_agents(fleet, 1)
    finally:
        ray.shutdown()
        alone.shutdown()
