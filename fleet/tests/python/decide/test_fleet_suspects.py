"""Cameras that crash their agents are found, held and tried again, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from test_fleet_decisions import World

from freshframe_fleet._control.agents.ends import Words, is_crash
from freshframe_fleet._decide.decisions import Action, Camera
from freshframe_fleet._decide.model import StartRun


class Crashing(World):
    """Some cameras crash their agent a while after they are running; 0 means before."""

    def __init__(self, agents: int, cameras: int, after: dict[int, float]) -> None:
        super().__init__(agents)
        self.after: dict[int, float] = {}
        self.cameras = self.add(cameras)
        self.crashes: list[float] = []
        self.run(20)
        self.after = after

    def do(self, actions: list[Action]) -> None:
        in_build = {number for number, seconds in self.after.items() if seconds == 0}
        for action in actions:
            if isinstance(action, StartRun) and action.camera in in_build:
                self.done.append(action)
            else:
                super().do([action])

    def run(self, seconds: float, step: float = 0.1) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            super().run(step, step)
            for number, after in self.after.items():
                camera = self.decisions.cameras[number]
                is_due = camera.state == "starting" or self.now - camera.since >= after
                if camera.agent is not None and is_due:
                    self.crashes.append(self.now)
                    gone = self.decisions.gone(
                        camera.agent, self.now, "killed by signal 11 (Segmentation fault)", crashed=True
                    )
                    self.do(gone)

    @property
    def held(self) -> set[int]:
        return {camera.number for camera in self.cameras if camera.why.startswith("held")}

    @property
    def running(self) -> int:
        return sum(camera.state == "running" for camera in self.cameras)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.5, 15.0])
@pytest.mark.parametrize("culprit", [0, 7, 31])
def test_one_of_many_cameras_that_crashes_agents_is_found_and_held(culprit: int, seconds: float) -> None:
    world = Crashing(2, 32, {culprit: seconds})
    world.run(900)
    assert world.held == {culprit}
    assert world.running == 31
    before_it_was_found = [when for when in world.crashes if when < world.crashes[0] + 300]
    assert len(before_it_was_found) < 24
    late = [when for when in world.crashes if when > world.now - 300]
    assert len(late) <= 2
    assert any("is held back for" in text and "signal 11" in text for text in world.decisions.state.warnings)


def test_a_new_camera_among_sound_ones_is_found_at_the_second_crash() -> None:
    world = Crashing(2, 20, {})
    [bad] = world.add(1)
    world.after = {bad.number: 0.0}
    world.run(1)
    assert len(world.crashes) == 2
    assert (bad.state, bad.crashes) == ("failed", 2)
    assert bad.why.startswith("held back for 1 s because it crashed 2 agents in a row, the last: agent")
    world.run(5)
    assert world.running == 20


def test_a_hold_grows_and_the_camera_is_tried_where_the_fewest_are() -> None:
    world = Crashing(2, 1, {})
    world.after = {0: 0.0}
    world.run(400)
    gaps = [round(later - sooner) for sooner, later in zip(world.crashes, world.crashes[1:], strict=False)]
    assert gaps[0] == 0
    assert [gap for gap in gaps if gap][:6] == [1, 2, 4, 8, 16, 32]


def test_a_camera_that_no_longer_crashes_its_agent_is_cleared() -> None:
    world = Crashing(2, 10, {3: 0.0})
    world.run(60)
    assert world.held == {3}
    world.after = {}
    world.run(400)
    camera = world.cameras[3]
    assert (camera.state, camera.company) == ("running", 0)
    assert any(text.startswith("cleared") for _, about, text in world.decisions.events if about == "cam3")


def test_crashes_are_forgotten_after_a_day_and_holds_after_an_hour() -> None:
    world = Crashing(2, 4, {2: 0.0})
    world.run(30)
    camera = world.cameras[2]
    world.after = {}
    assert camera.holds > 2
    world.run(3700, 5)
    assert (camera.state, camera.holds) == ("running", 0)
    assert camera.crashes > 0
    world.run(86400, 60)
    assert camera.crashes == 0


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("after", [25.0, 65.0, 600.0])
def test_crashes_that_are_far_apart_find_their_camera_and_nobody_waits_for_it(after: float) -> None:
    world = Crashing(2, 60, {})
    world.after = {7: after}
    away: dict[int, float] = {}
    while not world.cameras[7].holds and len(world.crashes) < 12:
        world.run(1, 0.5)
        for camera in world.cameras:
            if camera.number != 7 and camera.state != "running":
                away[camera.number] = away.get(camera.number, 0.0) + 1
    assert [camera.number for camera in world.cameras if camera.holds] == [7]
    assert len(world.crashes) <= 7  # 1 + log2(60)
    assert max(away.values(), default=0) < 20
    assert sum(away.values()) < 4 * 60


def test_a_crash_that_names_its_camera_accuses_no_other() -> None:
    world = Crashing(2, 20, {})
    camera = world.cameras[7]
    assert camera.agent is not None
    gone = world.decisions.gone(
        camera.agent, world.now, "killed by signal 11", crashed=True, culprit=camera.run
    )
    world.do(gone)
    assert (camera.state, camera.crashes) == ("failed", 1)
    assert camera.why.startswith("held back for 1 s because it crashed an agent: agent")
    assert [each.number for each in world.cameras if each.crashes] == [7]
    world.run(0.5)
    assert world.running == 19
    world.run(2)
    assert world.running == 20


def test_a_culprit_has_an_agent_of_its_own_where_one_can_be_made() -> None:
    world = Crashing(2, 20, {})
    world.after = {7: 5.0}
    camera = world.cameras[7]
    assert camera.agent is not None
    world.do(world.decisions.gone(camera.agent, world.now, "killed", crashed=True, culprit=camera.run))
    world.run(60)
    starts = {name for name, epoch in world.starts_of(camera)[1:]}
    assert starts == {"extra0"}
    assert world.running >= 19
    others = [each for each in world.cameras if each is not camera]
    assert max(each.starts for each in others) <= 2  # starts due to the first crash
    world.after = {}
    world.do(world.decisions.remove(7, world.now))
    world.run(400)
    assert "extra0" not in world.decisions.agents


def test_one_agent_gets_a_second_one_for_half_of_the_suspects() -> None:
    world = Crashing(1, 8, {7: 15.0})
    world.run(200)
    assert world.held == {7} or world.cameras[7].holds
    assert {"agent0", "extra0"} <= set(world.decisions.agents)
    assert [each.number for each in world.cameras if each.state != "running"] in ([], [7])


@pytest.mark.slow
def test_two_culprits_are_both_found() -> None:
    world = Crashing(3, 30, {4: 0.0, 22: 0.3})
    world.run(900)
    assert world.held == {4, 22}
    assert world.running == 28


def test_agents_that_are_killed_from_outside_accuse_nobody() -> None:
    world = Crashing(2, 10, {})
    for number in range(20):
        name = f"agent{number % 2}"
        if world.decisions.agents[name].state == "up":
            world.do(world.decisions.gone(name, world.now, "killed by signal 9"))
        world.run(3)
    world.run(5)
    assert world.running == 10
    assert all(camera.crashes == 0 for camera in world.cameras)


def test_one_crash_has_no_consequence() -> None:
    world = Crashing(2, 10, {})
    world.do(world.decisions.gone("agent0", world.now, "exited with status 1", crashed=True))
    world.run(0.2)
    assert world.running == 10
    assert not world.decisions.state.warnings


def test_suspects_that_wait_for_their_trial_say_so() -> None:
    world = Crashing(2, 8, {7: 15.0})
    world.decisions.drain("agent1", True)
    world.run(40)
    waiting = [camera for camera in world.cameras if camera.why.startswith("waits for its trial")]
    assert waiting
    assert all(camera.state == "unplaced" for camera in waiting)


def test_a_culprit_that_is_removed_is_gone() -> None:
    world = Crashing(2, 4, {2: 0.0})
    world.run(30)
    world.after = {}
    world.do(world.decisions.remove(2, world.now))
    world.run(1)
    assert 2 not in world.decisions.cameras
    camera = Camera(9, "cam2")
    world.decisions.add(camera, world.now)
    world.run(1)
    assert (camera.state, camera.crashes) == ("running", 0)


def test_a_camera_that_runs_at_an_agent_that_does_not_end_counts_as_overlap() -> None:
    world = World(2)
    [camera] = world.add(1)
    world.run(1)
    world.immortal.add("agent0")
    world.silent.add("agent0")
    world.run(3)
    assert (camera.agent, camera.left) == ("agent1", 1)
    began = camera.doubled_at
    assert began is not None
    world.run(4)
    world.do(world.decisions.gone("agent0", world.now, "killed by signal 9"))
    assert camera.overlap == pytest.approx(world.now - began)
    assert (camera.left, camera.doubled_at) == (0, None)


def test_time_at_two_agents_that_do_not_end_counts_once() -> None:
    world = World(3)
    [camera] = world.add(1)
    world.run(1)
    for agent in ("agent0", "agent1"):
        assert camera.agent == agent
        world.immortal.add(agent)
        world.silent.add(agent)
        world.run(3)
    assert (camera.agent, camera.left) == ("agent2", 2)
    began = camera.doubled_at
    assert began is not None
    world.run(4)
    world.do(world.decisions.gone("agent0", world.now, "killed by signal 9"))
    world.run(2)
    world.do(world.decisions.gone("agent1", world.now, "killed by signal 9"))
    assert camera.overlap == pytest.approx(world.now - began)


@pytest.mark.parametrize(
    ("end", "killed", "out_of_memory", "crashed"),
    [
        ("killed by signal 11 (Segmentation fault)", False, False, True),
        ("killed by signal 6 (Aborted)", False, False, True),
        ("exited with status 3", False, False, True),
        ("exited with status 75", False, False, True),
        ("exited with status 74", False, False, True),
        ("exited with status 0", False, False, True),
        ("killed by signal 9 (Killed)", False, False, False),
        ("killed by signal 9 (Killed)", False, True, True),
        ("killed by signal 9 (Killed)", True, True, False),
        ("killed by signal 15 (Terminated)", False, True, False),
        ("ended with an unknown status", False, False, False),
    ],
)
def test_an_end_that_comes_from_outside_is_no_crash(
    end: str, killed: bool, out_of_memory: bool, crashed: bool
) -> None:
    assert is_crash(end, killed=killed, out_of_memory=out_of_memory) is crashed
    in_order = is_crash(end, Words(in_order=True), killed=killed, out_of_memory=out_of_memory)
    assert in_order is (crashed and not end.startswith("exited"))
