"""What follows from a fleet's state over time: agents are started and ended, cameras are placed."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

from . import patience, placement
from .balance import Balance
from .fleet_state import FleetState
from .model import Action, Agent, Camera, ForgetRun, Kill, Launch, StartRun


class Consequences:
    """Derives the actions that follow from each change of a fleet."""

    def __init__(self, state: FleetState) -> None:
        """Creates the consequences for a state."""
        self._state = state
        self._balance = Balance(state.times)
        self._ticked: float | None = None

    def tick(self, now: float) -> list[Action]:
        """Returns the actions that are due.

        Must be called often: more than ``Times.own_pause`` between two calls counts as a pause of the
        controller.
        """
        if self._ticked is not None and now - self._ticked > self._state.times.own_pause:
            self._state.resumed = now
            self._state.note(now, "controller", f"was paused for {now - self._ticked:.1f} s")
        self._ticked = now
        for camera in self._state.suspects.look(
            lambda camera: self._state.agents[camera.agent or ""].python_ran
        ):
            self._state.note(now, camera.name, "cleared: its agent runs on with it")
        actions: list[Action] = []
        for agent in list(self._state.agents.values()):
            if self._is_over(agent, actions):
                continue
            self._watch(agent, now, actions)
            if agent.draining and agent.state == "up" and self._state.placed[agent.name]:
                self._drain_some(agent, now, actions)
        actions += self._state.handovers.look(now)
        for number in sorted(self._state.restless):
            self._settle(self._state.cameras[number], now, actions)
        self._rebalance(now, actions)
        return actions + self._state.finished(now)

    def _is_over(self, agent: Agent, actions: list[Action]) -> bool:
        """Ends an agent that was reserved for one camera, if that camera is gone. Returns True if so."""
        if agent.apart is None or agent.apart in self._state.cameras:
            return False
        if agent.state == "down":
            self._state.drop_agent(agent.name)
        elif agent.state != "ending":
            agent.state = "ending"
            agent.why = "its camera was removed"
            actions.append(Kill(agent.name))
        return True

    def _watch(self, agent: Agent, now: float, actions: list[Action]) -> None:
        if agent.state == "down" and now >= agent.launch_at:
            actions.append(Launch(agent.name))
            return
        times, resumed = self._state.times, self._state.resumed
        if news := patience.describe_python(agent, now, resumed):
            self._state.note(now, agent.name, news)
        why = patience.why_to_end(agent, self._state.cameras_at(agent), now, resumed, times)
        if not why and self._only_hangs(agent, now):
            why = "all its cameras hang while starting"
        if why:
            agent.state = "ending"
            agent.why = why
            self._state.note(now, agent.name, f"{why}: killed")
            actions.append(Kill(agent.name))
        if agent.state == "ending":
            silent = now - max(agent.heard, resumed)
            for number in sorted(self._state.placed[agent.name]):
                camera = self._state.cameras[number]
                if silent > times.give_away_after and not camera.exclusive:
                    self._state.leave(camera, agent, now, f"{agent.name} does not exit")
            if silent > times.give_away_after:
                self._state.leave_formers(agent.name, now)

    def _only_hangs(self, agent: Agent, now: float) -> bool:
        if agent.state != "up" or self._state.handovers.count(agent.name):
            return False
        return patience.all_hang(self._state.cameras_at(agent), now, self._state.times)

    def _drain_some(self, agent: Agent, now: float, actions: list[Action]) -> None:
        leaving = self._state.handovers.under_way(agent.name)
        for number in sorted(self._state.placed[agent.name]):
            camera = self._state.cameras[number]
            if camera.state == "closing" and not camera.hangs:
                leaving += 1
        for number in sorted(self._state.placed[agent.name]):
            camera = self._state.cameras[number]
            if leaving >= self._state.times.closing_at_once:
                return
            if camera.state != "running" or not self._candidates(camera):
                continue
            leaving += 1
            actions += self._state.send_away(camera, now)

    def move(self, camera: Camera, to: str, now: float) -> list[Action]:
        """Moves a camera to another agent."""
        camera.wanted = to
        if camera.agent == to and camera.state in ("starting", "running"):
            return []
        self._state.restless.add(camera.number)
        camera.retry_at = now
        return self._state.send_away(camera, now) if camera.state in ("starting", "running") else []

    def _settle(self, camera: Camera, now: float, actions: list[Action]) -> None:
        if camera.state == "closing" and camera.closed_at is not None:
            if not self._state.is_flushed(camera.run) and now - camera.closed_at < self._state.times.flush:
                return
            if camera.agent is not None:
                actions.append(ForgetRun(camera.agent, camera.number, camera.epoch))
                self._state.placed[camera.agent].discard(camera.number)
            camera.agent = None
            self._state.enter(camera, camera.then, now, camera.why)
        if camera.state in ("unplaced", "failed") and not camera.removed and now >= camera.retry_at:
            self._place(camera, now, actions)

    def _place(self, camera: Camera, now: float, actions: list[Action]) -> None:
        if placement.is_early(camera, self._state.agents.values(), now, self._state.times):
            self._state.enter(camera, "unplaced", now, "its agents are starting")
            return
        agent = placement.choose(camera, self._candidates(camera), self._state.placed, self._state.times)
        if agent is None:
            why = placement.why_nowhere(camera, self._state.agents.values(), self._state.times)
            if camera.state != "unplaced" or camera.why != why:
                self._state.enter(camera, "unplaced", now, why)
                self._state.note(now, camera.name, f"unplaced: {why}")
            return
        camera.epoch = self._state.next_epoch()
        camera.agent = agent.name
        camera.gives_results = False
        camera.starts += 1
        self._state.overlaps.placed(camera, now)
        self._state.placed[agent.name].add(camera.number)
        self._state.suspects.placed(camera)
        self._state.enter(camera, "starting", now)
        actions.append(StartRun(agent.name, camera.number, camera.epoch))

    def _candidates(self, camera: Camera) -> list[Agent]:
        former = camera.former
        there = former.agent if former is not None and not former.stays else None
        agents = [
            each for each in self._state.agents.values() if each.name != there or there == camera.wanted
        ]
        own = [each for each in agents if each.apart == camera.number]
        agents = own or [each for each in agents if each.apart is None]
        return placement.candidates(camera, agents, self._state.times, self._state.suspects.has_room)

    def _rebalance(self, now: float, actions: list[Action]) -> None:
        self._fill(now, actions)
        pair = self._balance.pair(self._state.agents.values(), self._state.count_cameras, now)
        if pair is None:
            return
        most, least = pair
        camera = next(self._movable(most, least), None)
        if camera is None:
            return
        self._balance.moved(now)
        self._state.note(now, camera.name, f"moves from {most.name} to {least.name}, which has less to do")
        actions += self.move(camera, least.name, now)

    def _fill(self, now: float, actions: list[Action]) -> None:
        """Moves a camera to an agent with too few, unless four are already moving away from the old one."""
        # Without the former runs of cameras that are moving away.
        placed = {name: len(cameras) for name, cameras in self._state.placed.items()}
        for most, least in self._balance.fuller(self._state.agents.values(), placed.__getitem__, now):
            if self._state.handovers.under_way(most.name) >= self._state.times.closing_at_once:
                continue
            for camera in self._movable(most, least):
                if not camera.company:
                    actions += self.move(camera, least.name, now)
                    return

    def _movable(self, most: Agent, least: Agent) -> Iterator[Camera]:
        """Yields the cameras that may be moved from one agent to the other for balance."""
        for number in sorted(self._state.placed[most.name]):
            camera = self._state.cameras[number]
            if camera.state == "running" and not camera.exclusive and placement.meets(least, camera):
                yield camera
