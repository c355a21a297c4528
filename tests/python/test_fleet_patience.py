"""Starts that hang and agents that are stuck: what a controller decides, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from test_fleet_decisions import World, started, state

from freshframe.fleet._decisions import Camera


def hanging(world: World, camera: Camera) -> str:
    """Its start has taken too long, and its agent, which this is, cannot close it."""
    world.slow_to_close.add(camera.number)
    assert camera.agent is not None
    agent = camera.agent
    world.do(world.decisions.hangs(camera.run, world.now, "no start within 120 s"))
    return agent


def test_a_start_that_hangs_keeps_its_place_and_the_cameras_beside_it_run_on() -> None:
    world, [camera, *_] = started(2, 4, exclusive=True)
    agent = hanging(world, camera)
    assert "no start within 120 s" in camera.why
    assert any(text.startswith("failed: no start") for _, _, text in world.decisions.events)
    world.run(300)
    assert (camera.agent, state(camera), camera.starts, camera.failures) == (agent, "closing", 1, 1)
    assert camera.run not in world.decisions.allowed(agent)
    assert world.decisions.agents[agent].deaths == 0
    world.slow_to_close.clear()
    world.do(world.decisions.failed(camera.run, world.now, "its start was given up and has ended now"))
    world.run(1)
    assert (state(camera), camera.starts, camera.failures) == ("running", 2, 1)


def test_an_agent_with_nothing_but_starts_that_hang_is_ended_also_when_it_is_drained() -> None:
    world, cameras = started(2, 12, exclusive=True)
    here = [camera for camera in cameras if camera.agent == "agent0"]
    stuck, others = here[:5], here[5:]  # more than leave an agent at a time
    for camera in stuck:
        assert hanging(world, camera) == "agent0"
    world.decisions.drain("agent0", True)
    world.run(9)
    assert {camera.agent for camera in others} == {"agent1"}
    assert world.decisions.agents["agent0"].deaths == 0
    world.run(3)
    assert world.decisions.agents["agent0"].deaths == 1
    assert {camera.agent for camera in stuck} == {"agent1"}
    assert {camera.starts for camera in stuck} == {2}
    assert all(camera.starts == 1 for camera in cameras if camera not in here)


def test_a_removed_camera_whose_start_hangs_is_gone_with_its_agent() -> None:
    world, [camera] = started(1, 1, exclusive=True)
    hanging(world, camera)
    world.do(world.decisions.remove(camera.number, world.now))
    assert world.decisions.cameras
    world.run(12)
    assert world.decisions.cameras == {}
