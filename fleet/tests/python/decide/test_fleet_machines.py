"""Agents that share machines, late results, and requests for more machines, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_fleet_decisions import World

from freshframe_fleet._control.agents.link import Lateness
from freshframe_fleet._control.agents.runs import KeptRuns
from freshframe_fleet._decide import adoption
from freshframe_fleet._decide.decisions import Times
from freshframe_fleet._decide.more_machines import MoreMachines
from freshframe_fleet._detached.server import saved_state
from freshframe_fleet._machines.ray_place import RayRequest
from freshframe_fleet._machines.spread import Spread
from freshframe_fleet._wire import CAMERA


def add_machine(world: World, name: str, agents: int) -> list[str]:
    names = [f"{name}.{each}" for each in range(agents)]
    for agent in names:
        world.decisions.add_agent(agent, {}, world.now, name)
    return names


def cluster(*machines: tuple[str, int]) -> World:
    world = World(0)
    for name, agents in machines:
        add_machine(world, name, agents)
    world.run(1)
    return world


def of_before(world: World, launched: tuple[str, ...]) -> list[adoption.KeptAgent]:
    """Returns its agents as the next controller reads them."""
    kept = [adoption.kept(each, launched=each.name in launched) for each in world.decisions.agents.values()]
    placed = [saved_state.PlacedAgent(each, "node", None, KeptRuns({}, {})) for each in kept]
    return [saved_state.restore_agent(saved_state.agent_state(each)).agent for each in placed]


# ---- several agents on a machine


def test_a_machine_is_busy_when_its_agents_are_so_together() -> None:
    world = cluster(("a", 3))
    world.load = {f"a.{each}": 0.3 for each in range(3)}
    world.run(1)
    (camera,) = world.add()
    world.run(1)
    assert (camera.state, camera.why) == ("unplaced", "busy: a.0, a.1, a.2")
    world.load["a.2"] = 0.2
    world.run(1)
    assert camera.state == "running"


def test_cameras_go_to_the_machine_with_less_to_do_and_there_to_the_agent_with_the_fewest() -> None:
    world = cluster(("a", 2), ("b", 2))
    world.load = {"a.0": 0.4, "a.1": 0.2}
    world.run(1)
    world.add(4)
    world.run(1)
    assert world.placed() == {"a.0": 0, "a.1": 0, "b.0": 2, "b.1": 2}


def test_the_load_of_an_agent_that_died_is_not_its_machines_any_more() -> None:
    world = cluster(("a", 2))
    world.load = {"a.0": 0.8, "a.1": 0.1}
    world.run(1)
    world.do(world.decisions.gone("a.0", world.now, "killed by signal 9"))
    assert world.decisions.agents["a.1"].machine_load == pytest.approx(0.1)


def test_a_machine_that_joins_gets_cameras_within_a_minute() -> None:
    world = cluster(("a", 2))
    world.add(40)
    world.run(5)
    names = add_machine(world, "b", 2)
    world.run(60)
    assert all(world.decisions.count_cameras(name) >= 8 for name in names), world.placed()


def test_a_machine_that_returns_gets_cameras_within_a_minute() -> None:
    world = cluster(("a", 1), ("b", 1))
    world.add(20)
    world.run(5)
    world.do(world.decisions.gone("b.0", world.now, "its machine has left the cluster"))
    world.decisions.remove_agent("b.0", world.now)
    world.run(30)
    assert world.placed() == {"a.0": 20}
    add_machine(world, "b", 1)
    world.run(60)
    assert world.placed()["b.0"] >= 8


def test_agents_of_before_share_their_machine_again() -> None:
    world = cluster(("a", 2))
    kept = of_before(world, launched=("a.0", "a.1"))
    following = World(0).decisions
    adoption.restore(following, kept, [], 100.0)
    first, second = following.agents.values()
    assert first.machine is second.machine is not None
    following.heard("a.0", 101.0, 0.1)
    following.heard("a.1", 101.0, 0.2)
    assert first.machine_load == pytest.approx(0.3)


def test_an_agent_of_before_that_is_down_leaves_its_machine_to_the_others() -> None:
    world = cluster(("a", 2))
    kept = of_before(world, launched=("a.0",))
    following = World(0).decisions
    adoption.restore(following, kept, [], 100.0)
    assert following.agents["a.0"].machine_load == 1.0  # it has not reported
    following.heard("a.0", 101.0, 0.1)
    assert following.agents["a.0"].machine_load == pytest.approx(0.1)


class Laden(World):
    """Each camera takes 22 % of its machine."""

    def hear(self) -> None:
        self.load = {name: 0.22 * count for name, count in self.placed().items()}
        super().hear()


@pytest.mark.parametrize(("exclusive", "moved"), [(False, 1), (True, 0)])
def test_machines_with_several_agents_get_the_same_load(exclusive: bool, moved: int) -> None:
    world = Laden(0)
    add_machine(world, "a", 4)
    world.run(1)
    world.add(4, exclusive=exclusive)
    world.run(1)
    assert set(world.placed().values()) == {1}
    add_machine(world, "b", 2)
    world.run(200)
    placed = world.placed()
    assert (placed["b.0"], placed["b.1"]) == (moved, moved)
    assert sum(placed.values()) == 4


# ---- late results


class Slow(World):
    """Its agents' results are late."""

    def __init__(self, agents: int) -> None:
        super().__init__(agents)
        self.late: dict[str, float] = {}

    def hear(self) -> None:
        super().hear()
        for name, late in self.late.items():
            agent = self.decisions.agents[name]
            self.decisions.heard(name, self.now, agent.load, late=late)


def test_an_agent_whose_results_are_late_gets_no_more_and_gives_some_away() -> None:
    world = Slow(2)
    world.add(10)
    world.run(1)
    world.late["agent0"] = 3.0
    world.run(1)
    world.add(2)
    world.run(1)
    assert world.placed() == {"agent0": 5, "agent1": 7}
    world.run(70)
    assert world.placed()["agent0"] < 5


def test_an_agent_with_one_camera_that_is_slow_by_itself_keeps_it() -> None:
    world = Slow(2)
    world.add(2)
    world.run(1)
    world.late["agent0"] = 3.0
    world.run(300)
    assert world.placed() == {"agent0": 1, "agent1": 1}


def renewal(*cameras: tuple[int, float]) -> Any:
    """(results, age of the newest one) by camera."""
    records = np.zeros(len(cameras), CAMERA)
    records["epoch"] = range(1, len(cameras) + 1)
    records["results"] = [results for results, _ in cameras]
    records["age_ns"] = [int(age * 1e9) for _, age in cameras]
    return records


def test_results_are_late_by_their_age_when_they_are_made() -> None:
    lateness = Lateness()
    for each in range(20):
        lateness.note(renewal((each, 2.3), (each, 2.6), (each, 9.0)), each / 2)
    assert lateness.seconds == pytest.approx(2.1)


def test_a_camera_that_seldom_gives_a_result_is_not_late() -> None:
    """Its newest result grows old, and nothing is slow."""
    lateness = Lateness()
    for each in range(200):
        lateness.note(renewal((1, each / 2)), each / 2)
    assert lateness.seconds == 0


# ---- more machines


def test_a_machine_is_asked_for_while_cameras_have_no_room_and_no_longer() -> None:
    world = cluster(("a", 1))
    more = MoreMachines(world.decisions.times)
    world.load["a.0"] = 0.95
    world.run(1)
    world.add(3)
    asked = []
    for _ in range(40):
        world.run(1)
        asked.append(more.wanted(world.decisions.without_room(), 1, world.now))
    assert asked[8] == []  # a short peak is no reason
    assert asked[-1] == [{}]
    world.load["a.0"] = 0.5
    for _ in range(15):
        world.run(1)
        asked.append(more.wanted(world.decisions.without_room(), 1, world.now))
    assert asked[-1] == []


def test_the_next_machine_is_asked_for_when_the_first_one_has_had_its_time() -> None:
    more = MoreMachines(Times())
    asked = {now: bool(more.wanted([{}], 1 + (now >= 20), float(now))) for now in range(120)}
    assert asked[9] is False
    assert asked[19] is True
    assert not any(asked[now] for now in range(20, 80))
    assert asked[90] is True


def test_a_machine_is_asked_for_by_the_labels_that_cameras_need() -> None:
    more = MoreMachines(Times())
    needs = [{"site": "north"}, {"gpu": "yes"}, {"site": "north"}]
    more.wanted(needs, 2, 0.0)
    assert more.wanted(needs, 2, 10.0) == [{"gpu": "yes"}, {"site": "north"}]


def test_the_request_is_for_the_same_machines_while_they_are_not_needed() -> None:
    more = MoreMachines(Times())
    more.wanted([{"gpu": "yes"}], 2, 0.0)
    asked = [more.wanted([{"gpu": "yes"}] if now < 15 else [], 2, float(now)) for now in range(10, 40)]
    assert asked[0] == [{"gpu": "yes"}]
    assert asked[-1] == []
    assert [each for each in asked if each not in ([], [{"gpu": "yes"}])] == []


def test_a_request_that_could_not_be_removed_is_removed_later() -> None:
    groups: list[str] = []
    troubles = ["the head does not answer"]

    def make(bundles: Any, *, name: str, **options: Any) -> str:
        groups.append(name)
        return name

    def remove(group: str) -> None:
        if troubles:
            raise RuntimeError(troubles.pop())
        groups.remove(group)

    util = SimpleNamespace(placement_group=make, remove_placement_group=remove)
    request = RayRequest(SimpleNamespace(util=util), "yard")
    assert request.ask(1, [{}])
    with pytest.raises(RuntimeError, match="does not answer"):
        request.ask(1, [])
    assert groups == ["yard"]
    assert request.ask(1, [])
    assert (groups, request.ask(1, [])) == ([], False)


def test_no_machine_is_asked_for_when_another_one_would_not_help() -> None:
    world = cluster(("a", 1))
    world.add(1, {"site": "nowhere"})
    world.run(20)
    assert world.decisions.without_room() == []


def test_a_cluster_without_machines_is_asked_for_the_first() -> None:
    world = cluster()
    (camera,) = world.add()
    world.run(1)
    assert camera.why == "there is no agent"
    assert world.decisions.without_room() == [{}]


# ---- which machines get how many


def node(cpus: float, *, head: bool = False, alive: bool = True) -> dict[str, Any]:
    resources = {"CPU": cpus} if cpus else {}
    return {"Alive": alive, "Resources": {**resources, **({"node:__internal_head__": 1.0} if head else {})}}


@pytest.mark.parametrize(("cpus", "agents"), [(0, 0), (0.5, 1), (1, 1), (7, 1), (8, 2), (64, 16)])
def test_a_machine_has_one_agent_for_each_four_cores(cpus: float, agents: int) -> None:
    assert Spread().agents_on(node(cpus), head_serves=False) == agents


def test_a_machine_has_as_many_agents_as_the_program_says() -> None:
    assert Spread(per_machine=3).agents_on(node(64), head_serves=False) == 3
    assert Spread(per_machine=3).agents_on(node(0), head_serves=True) == 0


def test_the_head_has_agents_if_the_program_says_so_or_it_is_alone() -> None:
    head, other = node(4, head=True), node(4)
    assert Spread().head_serves([head])
    assert Spread().head_serves([head, node(4, alive=False), node(0)])
    assert not Spread().head_serves([head, other])
    assert Spread(on_head=True).head_serves([head, other])
    assert not Spread(on_head=False).head_serves([head])
    assert Spread().agents_on(head, head_serves=False) == 0
