"""A camera that allows several sessions always has a run while it moves, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from test_fleet_decisions import World, runs_at, started, state

from freshframe_fleet._control.counts import CameraCounts
from freshframe_fleet._control.snapshot import camera_stats
from freshframe_fleet._decide.decisions import Camera, Times
from freshframe_fleet._decide.model import ForgetRun, StopRun


def moving(agents: int = 2, cameras: int = 1) -> tuple[World, Camera]:
    """Drains agent0, whose camera will deliver results elsewhere after a while."""
    world, [camera, *others] = started(agents, cameras)
    world.fruitless = {each.number for each in (camera, *others)}
    world.decisions.drain("agent0", True)
    world.run(1)
    return world, camera


def shown(world: World, camera: Camera) -> tuple[str, str | None]:
    stats = camera_stats(camera, "rtsp://host", None, CameraCounts(), world.now)
    return stats.state, stats.agent


def test_a_drained_camera_gives_results_elsewhere_before_its_former_run_is_closed() -> None:
    world, camera = moving()
    assert (camera.agent, state(camera)) == ("agent1", "running")
    assert runs_at(world.decisions, "agent0") == [(0, 1)]
    assert runs_at(world.decisions, "agent1") == [(0, 2)]
    assert world.placed() == {"agent0": 1, "agent1": 1}
    assert StopRun("agent0", 0, 1) not in world.done
    world.fruitless.clear()
    world.run(0.3)
    orders = (StopRun("agent0", 0, 1), ForgetRun("agent0", 0, 1))
    assert [action for action in world.done if action in orders] == list(orders)
    assert world.placed() == {"agent0": 0, "agent1": 1}
    assert runs_at(world.decisions, "agent0") == []
    assert not world.decisions.moves


def test_a_camera_without_results_is_waited_for_and_not_for_ever() -> None:
    world, _ = moving()
    world.run(8)
    assert runs_at(world.decisions, "agent0") == [(0, 1)]
    world.run(2)
    assert world.placed() == {"agent0": 0, "agent1": 1}


def test_the_former_run_waits_for_readers_but_not_for_long() -> None:
    world, _ = moving()
    world.unflushed.add((0, 1))
    world.fruitless.clear()
    world.run(0.5)
    assert runs_at(world.decisions, "agent0") == []
    assert world.placed() == {"agent0": 1, "agent1": 1}
    world.run(1)
    assert world.placed() == {"agent0": 0, "agent1": 1}


def test_cameras_that_fail_elsewhere_run_on_and_do_not_hold_up_the_drain() -> None:
    world, cameras = started(2, 20)
    here = [camera for camera in cameras if camera.agent == "agent0"]
    bad = here[:5]  # more than leave at the same time
    world.decisions.drain("agent0", True)
    for _ in range(100):
        for camera in bad:
            if camera.agent == "agent1" and camera.state in ("starting", "running"):
                world.do(world.decisions.failed(camera.run, world.now, "no such device"))
        world.run(0.1)
    assert all(camera.agent == "agent1" for camera in here[5:])
    assert {shown(world, camera) for camera in bad} == {("running", "agent0")}
    assert len(runs_at(world.decisions, "agent0")) == 5


def test_the_death_of_the_next_agent_leaves_the_former_run_alone() -> None:
    world, camera = moving(3)
    second = camera.agent
    assert second is not None
    world.do(world.decisions.gone(second, world.now, "killed by signal 9"))
    assert (0, 1) in runs_at(world.decisions, "agent0")
    world.run(1)
    assert camera.agent not in ("agent0", None)
    assert camera.starts == 3
    world.fruitless.clear()
    world.run(1)
    assert world.decisions.count_cameras("agent0") == 0


def test_the_death_of_the_former_agent_leaves_the_next_run_alone() -> None:
    world, camera = moving()
    world.do(world.decisions.gone("agent0", world.now, "killed by signal 9"))
    world.run(1)
    assert (camera.agent, camera.starts, camera.former) == ("agent1", 2, None)
    assert camera.overlap == 0


def test_a_former_run_whose_agent_is_not_seen_to_end_is_an_overlap() -> None:
    world, camera = moving()
    world.immortal.add("agent0")
    world.silent.add("agent0")
    world.run(4)
    assert camera.former is None
    assert camera.left == 1
    assert camera.doubled_at is not None
    world.do(world.decisions.gone("agent0", world.now, "killed by signal 9"))
    assert camera.overlap > 1
    assert (camera.starts, state(camera)) == (2, "running")


def test_a_former_run_that_ends_by_itself_is_forgotten() -> None:
    world, camera = moving()
    world.do(world.decisions.failed((0, 1), world.now, "lost"))
    assert ForgetRun("agent0", 0, 1) in world.done
    assert (camera.former, camera.failures, state(camera)) == (None, 0, "running")


def test_a_camera_that_is_removed_while_it_moves_is_gone_when_both_runs_are() -> None:
    world, camera = moving()
    world.slow_to_close.add(0)
    world.do(world.decisions.remove(0, world.now))
    world.run(1)
    assert runs_at(world.decisions, "agent0") == runs_at(world.decisions, "agent1") == []
    world.do(world.decisions.closed((0, 2), world.now))
    world.run(1)
    assert camera.number in world.decisions.cameras
    world.do(world.decisions.closed((0, 1), world.now))
    world.run(1)
    assert world.decisions.cameras == {}
    assert world.placed() == {"agent0": 0, "agent1": 0}


def test_a_camera_can_be_moved_back_while_it_moves() -> None:
    world, camera = moving()
    world.decisions.drain("agent0", False)
    world.do(world.decisions.move(0, "agent0", world.now))
    world.fruitless.clear()
    world.run(2)
    assert (camera.agent, state(camera), camera.former) == ("agent0", "running", None)
    assert world.placed() == {"agent0": 1, "agent1": 0}


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_rolling_drain_leaves_no_camera_without_a_run_unless_it_allows_only_one(exclusive: bool) -> None:
    world, cameras = started(3, 30, exclusive=exclusive)
    least = 30
    for name in ("agent0", "agent1", "agent2"):
        world.decisions.drain(name, True)
        for _ in range(100):
            world.run(0.1)
            runs = [run for each in world.decisions.agents for run in runs_at(world.decisions, each)]
            least = min(least, len({camera for camera, _ in runs}))
        assert world.decisions.count_cameras(name) == 0
        world.decisions.drain(name, False)
    assert len(cameras) == 30
    assert least == 30 or (exclusive and least >= 30 - Times().closing_at_once)


def test_a_crash_of_the_former_run_accuses_no_other_camera() -> None:
    world, [camera, *others] = started(1, 5)
    for _ in range(3):
        before = camera.run
        world.do(world.decisions.renew(0, world.now))
        world.do(world.decisions.tick(world.now))
        world.do(world.decisions.gone("agent0", world.now, "by signal 11", crashed=True, culprit=before))
        world.run(12)
    assert [each.crashes for each in (camera, *others)] == [0] * 5  # it was the previous build
    assert world.placed()["agent0"] == 5


def test_a_crash_of_a_former_run_with_the_same_build_accuses_its_camera_alone() -> None:
    world, camera = moving(2, 6)
    former = camera.former
    assert former is not None
    world.do(world.decisions.gone("agent0", world.now, "by signal 11", crashed=True, culprit=former.run))
    assert camera.crashes == 1
    assert sum(each.crashes for each in world.decisions.cameras.values()) == 1


@pytest.mark.parametrize("agents", [1, 2])
def test_a_build_that_fails_is_tried_again_beside_the_former_run(agents: int) -> None:
    world, [camera] = started(agents)
    world.do(world.decisions.renew(0, world.now))
    world.do(world.decisions.tick(world.now))
    assert len(world.starts_of(camera)) == 2
    world.do(world.decisions.failed(camera.run, world.now, "no such model"))
    assert runs_at(world.decisions, "agent0") == [(0, 1)]
    world.run(60)
    assert (len(world.starts_of(camera)), state(camera)) == (3, "running")
    assert sum(world.placed().values()) == 1


def test_another_update_replaces_a_build_that_fails() -> None:
    world, [camera] = started(1)
    for count in (2, 3):
        world.do(world.decisions.renew(0, world.now))
        world.do(world.decisions.tick(world.now))
        assert len(world.starts_of(camera)) == count
        world.do(world.decisions.failed(camera.run, world.now, "no such model"))
    assert runs_at(world.decisions, "agent0") == [(0, 1)]


def test_an_update_waits_for_an_agent_with_too_much_to_do() -> None:
    world, [camera] = started(1)
    world.load["agent0"] = 0.95
    world.run(1)
    world.do(world.decisions.renew(0, world.now))
    world.run(1)
    assert len(world.starts_of(camera)) == 1
    world.load["agent0"] = 0.2
    world.run(5)
    assert (len(world.starts_of(camera)), state(camera)) == (2, "running")
