"""A controller's decisions about starts that hang and agents that are stuck, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from test_fleet_decisions import World, runs_at, started, state

from freshframe_fleet._decide.decisions import Camera


def hanging(world: World, camera: Camera) -> str:
    """Lets its start take too long. Returns its agent, which cannot close it."""
    world.slow_to_close.add(camera.number)
    assert camera.agent is not None
    agent = camera.agent
    world.do(world.decisions.hangs(camera.run, world.now, "it did not start within 120 s"))
    return agent


def test_a_start_that_hangs_keeps_its_place_and_the_cameras_beside_it_run_on() -> None:
    world, [camera, *_] = started(2, 4, exclusive=True)
    agent = hanging(world, camera)
    assert "it did not start within 120 s" in camera.why
    assert any(text.startswith("failed: it did not start") for _, _, text in world.decisions.events)
    world.run(300)
    assert (camera.agent, state(camera), camera.starts, camera.failures) == (agent, "closing", 1, 1)
    assert camera.run not in runs_at(world.decisions, agent)
    assert world.decisions.agents[agent].deaths == 0
    world.slow_to_close.clear()
    world.do(world.decisions.failed(camera.run, world.now, "build() returned after its start was abandoned"))
    world.run(1)
    assert (state(camera), camera.starts, camera.failures) == ("running", 2, 1)


def test_an_agent_with_nothing_but_starts_that_hang_is_ended_also_when_it_is_drained() -> None:
    world, cameras = started(2, 12, exclusive=True)
    here = [camera for camera in cameras if camera.agent == "agent0"]
    stuck, others = here[:5], here[5:]  # more than leave an agent at the same time
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


def test_an_agent_with_a_camera_that_still_runs_there_while_it_moves_is_not_ended() -> None:
    world, [moving, other] = started(1, 2, exclusive=True)
    moving.exclusive = False
    hanging(world, other)
    world.decisions.add_agent("agent1", {}, world.now)
    world.fruitless.add(moving.number)
    world.run(9)
    world.do(world.decisions.move(moving.number, "agent1", world.now))
    world.run(9)
    assert moving.agent == "agent1"
    assert world.decisions.agents["agent0"].deaths == 0
    world.run(2)
    assert world.decisions.agents["agent0"].deaths == 1


def test_a_removed_camera_whose_start_hangs_is_gone_with_its_agent() -> None:
    world, [camera] = started(1, 1, exclusive=True)
    hanging(world, camera)
    world.do(world.decisions.remove(camera.number, world.now))
    assert world.decisions.cameras
    world.run(12)
    assert world.decisions.cameras == {}


# ---- the GIL


def test_an_agent_whose_python_does_not_run_for_half_a_minute_is_killed() -> None:
    world, [camera] = started()
    world.stuck.add("agent0")
    world.run(29)
    assert (camera.agent, camera.starts) == ("agent0", 1)
    assert any("has held its GIL for 5 s" in text for _, _, text in world.decisions.events)
    world.run(2)
    assert (camera.agent, state(camera)) == ("agent1", "running")
    expected = "stuck: something in it has held its GIL for 30 s: killed"
    assert expected in [text for _, _, text in world.decisions.events]
    assert world.decisions.agents["agent0"].deaths == 1


def test_an_agent_that_keeps_its_gil_for_some_seconds_loses_nothing() -> None:
    world, [camera] = started()
    for _ in range(5):
        world.stuck.add("agent0")
        world.run(20)
        world.stuck.clear()
        world.run(1)
    assert (camera.agent, camera.starts) == ("agent0", 1)
    texts = [text for _, about, text in world.decisions.events if about == "agent0"]
    assert texts.count("its Python runs again") == 5


def test_a_start_may_keep_the_gil_for_as_long_as_starts_may_take() -> None:
    world, cameras = started(1, 3)
    cameras[0].state = "starting"
    world.stuck.add("agent0")
    world.run(110)
    assert world.decisions.agents["agent0"].deaths == 0
    world.run(20)
    assert world.decisions.agents["agent0"].deaths == 1


def test_a_start_that_hangs_beside_one_that_keeps_the_gil_ends_no_agent() -> None:
    world, [first, second] = started(1, 2, exclusive=True)
    hanging(world, second)
    first.state = "starting"
    world.stuck.add("agent0")
    world.run(60)
    assert world.decisions.agents["agent0"].deaths == 0


def test_a_camera_that_keeps_the_gil_for_ever_is_found_and_held() -> None:
    world, cameras = started(2, 16)
    culprit = cameras[5]
    for _ in range(600):
        if state(culprit) == "running" and world.now - culprit.since > 0.5:
            assert culprit.agent is not None
            world.stuck.add(culprit.agent)
        world.run(1)
    assert culprit.why.startswith("held back for")
    assert [camera.name for camera in cameras if state(camera) != "running"] == [culprit.name]
