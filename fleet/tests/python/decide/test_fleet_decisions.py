"""The decisions of a fleet's controller, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools

import pytest

from freshframe_fleet._decide.decisions import Action, Camera, Decisions, Run, Times
from freshframe_fleet._decide.fleet_state import FleetState
from freshframe_fleet._decide.model import DropCamera, ForgetRun, Kill, Launch, StartRun, StopRun


class World:
    """A simulated clock, and agents that obey unless they are silent."""

    def __init__(self, agents: int = 2, times: Times | None = None) -> None:
        self.now = 100.0
        self.epochs = itertools.count(1)
        self.unflushed: set[Run] = set()
        self.decisions = Decisions(
            FleetState(lambda: next(self.epochs), lambda run: run not in self.unflushed, times)
        )
        self.done: list[Action] = []
        self.silent: set[str] = set()
        # Agents whose Python code is blocked, but that send renewals from native code.
        self.stuck: set[str] = set()
        self.immortal: set[str] = set()  # agents that were killed, but not seen to end
        self.slow_to_close: set[int] = set()
        self.fruitless: set[int] = set()  # cameras that do not deliver results
        self.load: dict[str, float] = {}
        for number in range(agents):
            self.decisions.add_agent(f"agent{number}", {"site": "north" if number else "south"}, self.now)

    def add(
        self, count: int = 1, needs: dict[str, str] | None = None, exclusive: bool = False
    ) -> list[Camera]:
        first = len(self.decisions.cameras)
        cameras = [
            Camera(number, f"cam{number}", needs or {}, exclusive) for number in range(first, first + count)
        ]
        for camera in cameras:
            self.decisions.add(camera, self.now)
        return cameras

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            self.done.append(action)
            if isinstance(action, Launch):
                self.silent.discard(action.agent)
                self.stuck.discard(action.agent)
                self.decisions.launched(action.agent, self.now)
            elif isinstance(action, Kill) and action.agent not in self.immortal:
                self.do(self.decisions.gone(action.agent, self.now, "killed by signal 9"))
            elif isinstance(action, DropCamera) or action.agent in self.silent:
                continue
            elif isinstance(action, StartRun):
                self.decisions.started(action.run, self.now)
            elif isinstance(action, StopRun) and action.camera not in self.slow_to_close:
                self.do(self.decisions.closed(action.run, self.now))

    def run(self, seconds: float, step: float = 0.1) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += step
            self.hear()
            self.do(self.decisions.tick(self.now))

    def hear(self) -> None:
        for name, agent in self.decisions.agents.items():
            if agent.state in ("starting", "up") and name not in self.silent:
                self.decisions.heard(name, self.now, self.load.get(name, 0.0))
                if name not in self.stuck:
                    self.decisions.python_ran(name, self.now)
        cameras = self.decisions.cameras.values()
        self.decisions.give_results(
            {each.run for each in cameras if each.state == "running" and each.number not in self.fruitless}
        )

    def placed(self) -> dict[str, int]:
        return {name: self.decisions.count_cameras(name) for name in self.decisions.agents}

    def starts_of(self, camera: Camera) -> list[tuple[str, int]]:
        return [
            (a.agent, a.epoch) for a in self.done if isinstance(a, StartRun) and a.camera == camera.number
        ]


def started(agents: int = 2, cameras: int = 1, **options: bool) -> tuple[World, list[Camera]]:
    world = World(agents)
    added = world.add(cameras, **options)  # type: ignore[arg-type]
    world.run(1)
    assert all(camera.state == "running" for camera in added)
    return world, added


def state(camera: Camera) -> str:
    return camera.state


def runs_at(decisions: Decisions, agent: str) -> list[Run]:
    """The runs that an agent has and keeps: those of its cameras, then former ones."""
    state = decisions.state
    cameras = [state.cameras[number] for number in sorted(state.placed[agent])]
    formers = [camera.former for camera in state.handovers._at.get(agent, {}).values()]
    runs = [camera.run for camera in cameras if camera.state in ("starting", "running")]
    return runs + [former.run for former in formers if former is not None and not former.closing]


def test_cameras_are_spread_over_the_agents() -> None:
    world, _ = started(2, 10)
    assert world.placed() == {"agent0": 5, "agent1": 5}


def test_the_cameras_of_an_agent_that_died_start_elsewhere_at_once() -> None:
    world, cameras = started(2, 10)
    lost = [camera for camera in cameras if camera.agent == "agent0"]
    world.do(world.decisions.gone("agent0", world.now, "killed by signal 9"))
    world.do(world.decisions.tick(world.now))
    assert all(camera.agent == "agent1" and state(camera) == "running" for camera in lost)
    assert all(camera.starts == (2 if camera in lost else 1) for camera in cameras)


def test_an_agent_that_died_is_launched_again_with_growing_pauses() -> None:
    world, _ = started()
    launches = []
    for _ in range(3):
        world.do(world.decisions.gone("agent0", world.now, "died"))
        launches.append(world.decisions.agents["agent0"].launch_at - world.now)
        world.run(1)
    assert [round(wait, 6) for wait in launches] == [0.1, 0.2, 0.4]
    assert world.decisions.agents["agent0"].state == "up"


def test_an_agent_that_is_silent_for_two_seconds_is_killed_and_its_cameras_move() -> None:
    world, [camera] = started()
    world.silent.add("agent0")
    world.run(1.9)
    assert Kill("agent0") not in world.done
    world.silent.clear()
    world.run(1)
    assert (camera.starts, state(camera)) == (1, "running")
    world.silent.add("agent0")
    world.run(2.4)
    assert Kill("agent0") in world.done
    assert camera.agent == "agent1"


def test_an_exclusive_camera_waits_while_the_end_of_its_agent_was_not_seen() -> None:
    world = World()
    shared, exclusive = world.add(1)[0], world.add(1, exclusive=True)[0]
    world.run(1)
    assert exclusive.agent is not None
    for name in ("agent0", "agent1"):
        world.immortal.add(name)
    world.decisions.add_agent("agent2", {}, world.now)
    world.run(0.5)
    world.silent |= {"agent0", "agent1"}
    world.run(3)
    assert shared.agent == "agent2"
    assert exclusive.agent != "agent2"
    world.run(600)
    assert exclusive.starts == 1
    for name in ("agent0", "agent1"):
        world.do(world.decisions.gone(name, world.now, "killed by signal 9"))
    world.run(3)
    assert exclusive.starts == 2


@pytest.mark.parametrize("seconds", [10, 100])  # longer than silence is allowed, and than a held GIL
def test_a_controller_that_was_paused_blames_nobody(seconds: float) -> None:
    world, [camera] = started()
    world.now += seconds
    world.do(world.decisions.tick(world.now))
    world.run(5)  # the agents renew
    assert Kill("agent0") not in world.done
    assert camera.starts == 1
    assert any(f"paused for {seconds}.0 s" in text for _, _, text in world.decisions.events)


def test_after_its_own_pause_the_controller_kills_who_stays_silent() -> None:
    world, [camera] = started()
    world.silent.add("agent0")
    world.now += 10
    world.run(2)
    assert Kill("agent0") not in world.done
    world.run(0.5)
    assert camera.agent == "agent1"


def test_a_move_of_an_exclusive_camera_closes_before_it_starts() -> None:
    world, [camera] = started(exclusive=True)
    world.slow_to_close.add(camera.number)
    world.do(world.decisions.move(camera.number, "agent1", world.now))
    world.run(1)
    assert state(camera) == "closing"
    assert len(world.starts_of(camera)) == 1
    assert runs_at(world.decisions, "agent0") == []
    world.do(world.decisions.closed(camera.run, world.now))
    assert (camera.agent, state(camera)) == ("agent1", "running")
    assert ForgetRun("agent0", camera.number, 1) in world.done


def test_a_move_waits_for_readers_but_not_for_long() -> None:
    world, [camera] = started(exclusive=True)
    world.unflushed.add(camera.run)
    world.do(world.decisions.move(camera.number, "agent1", world.now))
    world.run(0.5)
    assert state(camera) == "closing"
    world.run(1)
    assert state(camera) == "running"
    assert camera.agent == "agent1"


def test_a_removed_camera_is_gone_once_it_is_closed() -> None:
    world, [camera] = started()
    world.do(world.decisions.remove(camera.number, world.now))
    assert world.decisions.cameras == {}
    assert DropCamera(camera=camera.number, epoch=1) in world.done
    assert world.placed() == {"agent0": 0, "agent1": 0}
    [nowhere] = world.add(1, {"site": "east"})
    world.run(1)
    world.do(world.decisions.remove(nowhere.number, world.now))
    world.run(0.1)
    assert world.decisions.cameras == {}


def test_a_camera_that_fails_is_tried_again_with_growing_pauses() -> None:
    world, [camera] = started()
    waits = []
    for _ in range(3):
        world.do(world.decisions.failed(camera.run, world.now, "no such host"))
        assert state(camera) == "failed"
        waits.append(camera.retry_at - world.now)
        world.run(waits[-1] + 0.2)
        assert state(camera) == "running"
    assert [round(wait, 6) for wait in waits] == [1, 2, 4]


def test_a_camera_that_ended_is_not_started_again() -> None:
    world, [camera] = started()
    world.do(world.decisions.ended(camera.run, world.now))
    world.run(60)
    assert (state(camera), camera.starts) == ("ended", 1)


def test_a_drain_moves_a_few_at_a_time_until_none_is_left() -> None:
    world, cameras = started(2, 20, exclusive=True)
    world.slow_to_close = {camera.number for camera in cameras}
    world.decisions.drain("agent0", True)
    world.run(1)
    closing = [camera for camera in cameras if state(camera) == "closing"]
    assert len(closing) == Times().closing_at_once
    world.slow_to_close.clear()
    for camera in closing:
        world.do(world.decisions.closed(camera.run, world.now))
    world.run(5)
    assert world.placed() == {"agent0": 0, "agent1": 20}


def test_a_drain_leaves_a_camera_that_can_go_nowhere() -> None:
    world = World()
    [camera] = world.add(1, {"site": "north"})
    world.run(1)
    world.decisions.drain("agent1", True)
    world.run(5)
    assert (camera.agent, state(camera), camera.starts) == ("agent1", "running", 1)


def test_a_busy_agent_takes_no_more_and_a_loss_does_not_cascade() -> None:
    world, _ = started(2, 2)
    world.load = {"agent0": 0.9, "agent1": 0.9}
    world.run(1)
    [late] = world.add(1)
    world.run(1)
    assert (late.state, late.why) == ("unplaced", "busy: agent0, agent1")
    world.load = {"agent0": 0.9, "agent1": 0.3}
    world.run(1)
    assert late.agent == "agent1"


def test_an_uneven_load_moves_one_camera_per_five_seconds_after_a_minute() -> None:
    world, _ = started(2, 20)
    world.load = {"agent0": 0.8, "agent1": 0.2}
    world.run(59)
    assert world.placed() == {"agent0": 10, "agent1": 10}
    world.run(12)
    assert world.placed() == {"agent0": 7, "agent1": 13}
    world.load = {"agent0": 0.5, "agent1": 0.4}
    world.run(120)
    assert world.placed() == {"agent0": 7, "agent1": 13}
