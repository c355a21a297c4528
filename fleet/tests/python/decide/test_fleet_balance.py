"""An agent that is started (again) is given cameras of the fuller ones, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from test_fleet_decisions import World, runs_at, started

EVEN_AFTER = 20.0  # seconds


def one_of_two_is_killed(cameras: int, **options: bool) -> World:
    """Returns a world in which agent1 has died and been restarted, and all cameras are on agent0."""
    world, _ = started(2, cameras, **options)
    world.do(world.decisions.gone("agent1", world.now, "killed by signal 9"))
    world.run(1)
    assert world.decisions.agents["agent1"].state == "up"
    assert world.placed() == {"agent0": cameras, "agent1": 0}
    return world


def test_an_agent_that_comes_back_gets_some_cameras_after_twenty_seconds() -> None:
    world = one_of_two_is_killed(10)
    world.run(EVEN_AFTER - 2)
    assert world.placed() == {"agent0": 10, "agent1": 0}
    world.run(20)
    assert world.placed() == {"agent0": 5, "agent1": 5}
    world.run(120)
    assert world.placed() == {"agent0": 5, "agent1": 5}


def test_an_agent_that_comes_late_gets_some_and_every_camera_has_a_run_meanwhile() -> None:
    world, cameras = started(1, 40)
    world.decisions.add_agent("late", {}, world.now)
    for _ in range(600):
        world.run(0.1)
        run = {number for name in ("agent0", "late") for number, _ in runs_at(world.decisions, name)}
        assert run == {camera.number for camera in cameras}
    assert world.placed()["late"] >= 18
    assert sum(world.placed().values()) == 40


def test_each_return_begins_its_twenty_seconds_anew() -> None:
    world = one_of_two_is_killed(10)
    for _ in range(5):
        world.run(EVEN_AFTER / 2)
        world.do(world.decisions.gone("agent1", world.now, "killed by signal 9"))
    assert world.placed() == {"agent0": 10, "agent1": 0}


@pytest.mark.parametrize("load", [{"agent1": 0.9}, {"agent0": 0.1, "agent1": 0.4}])
def test_an_agent_that_has_more_to_do_gets_none(load: dict[str, float]) -> None:
    world = one_of_two_is_killed(10)
    world.load = load
    world.run(40)
    assert world.placed() == {"agent0": 10, "agent1": 0}


def test_exclusive_cameras_stay_where_they_are() -> None:
    world = one_of_two_is_killed(10, exclusive=True)
    world.run(60)
    assert world.placed() == {"agent0": 10, "agent1": 0}


def test_exclusive_cameras_stay_though_the_load_is_uneven() -> None:
    world, _ = started(2, 10, exclusive=True)
    world.load = {"agent0": 0.8, "agent1": 0.1}
    world.run(200)
    assert world.placed() == {"agent0": 5, "agent1": 5}


def test_a_few_cameras_more_are_no_reason_to_move() -> None:
    world, _ = started(2, 10)
    for camera in world.decisions.cameras.values():
        if camera.agent == "agent1" and world.placed()["agent1"] > 3:
            world.do(world.decisions.move(camera.number, "agent0", world.now))
            world.run(0.5)
    assert world.placed() == {"agent0": 7, "agent1": 3}
    world.run(60)
    assert world.placed()["agent1"] in (3, 5)
    before = world.placed()
    world.run(60)
    assert world.placed() == before
