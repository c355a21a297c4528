"""A controller decides which agent runs which camera, with which epoch. No clock, no process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping

from . import patience
from .consequences import Consequences
from .model import Action, Agent, AgentState, Camera, CameraState, Machine, Run, Times

__all__ = ["Action", "Agent", "AgentState", "Camera", "CameraState", "Decisions", "Run", "Times"]

_MOST_APART = 8  # cameras with agents of their own: processes are dear


class Decisions(Consequences):
    """The state of a fleet, and the actions that follow from calls and events."""

    # ---- calls of the user

    def add_agent(self, name: str, labels: Mapping[str, str], now: float, machine: str = "") -> None:
        """Adds an agent. ``machine``: of several; empty: it is alone on its own."""
        shared = self.machine(machine)
        self.agents[name] = Agent(name, dict(labels), launch_at=now, added=now, machine=shared)
        self.placed[name] = set()

    def machine(self, name: str) -> Machine | None:
        """The machine of this name, which its agents share."""
        there = (agent.machine for agent in self.agents.values() if agent.machine is not None)
        return next((each for each in there if each.name == name), Machine(name)) if name else None

    def add(self, camera: Camera, now: float) -> None:
        """Adds a camera."""
        camera.since = now
        self.cameras[camera.number] = camera
        self.restless.add(camera.number)

    def remove(self, number: int, now: float) -> list[Action]:
        """Removes a camera."""
        camera = self.cameras[number]
        camera.removed = True
        self.restless.add(number)
        actions = self.handovers.stop(camera)
        return actions + (self.close_run(camera, now) if camera.state in ("starting", "running") else [])

    def move(self, number: int, to: str, now: float) -> list[Action]:
        """Moves a camera to that agent."""
        return self._move(self.cameras[number], to, now)

    def renew(self, number: int, now: float) -> list[Action]:
        """Starts a camera once more where it is, since it has another build.

        Crashes of before are forgotten. Unless it is exclusive, its present run goes on until the next one
        gives results.
        """
        camera = self.cameras[number]
        self.suspects.forget(number)
        camera.renewed = camera.epoch
        camera.crashes = camera.company = camera.holds = camera.failures_in_row = 0
        camera.retry_at = now
        self.restless.add(number)
        actions: list[Action] = []
        if camera.state in ("starting", "running"):
            camera.wanted = camera.agent
            actions = self.send_away(camera, now)
        elif camera.state == "ended":
            self.enter(camera, "unplaced", now, "it has another build")
        elif camera.state == "closing" and camera.then == "ended":
            camera.then = "unplaced"
        if camera.former is not None:
            camera.former.stays = True
            camera.wanted = camera.wanted or camera.former.agent
        return actions

    def drain(self, name: str, draining: bool) -> None:
        """Moves all cameras away from an agent, or lets it have some again."""
        self.agents[name].draining = draining
        if not draining:
            self._look_at_unplaced()

    # ---- events

    def launched(self, name: str, now: float) -> None:
        """Its process was started."""
        agent = self.agents[name]
        agent.state = "starting"
        agent.heard = agent.python_ran = now
        agent.is_stuck = agent.keeps_gil = False
        agent.launches += 1
        agent.seen_ended = False

    def give_results(self, runs: Collection[Run]) -> None:
        """These have given results. To be called while ``moves``."""
        self.handovers.give_results(runs)

    @property
    def moves(self) -> bool:
        """Whether a camera has two runs, so that give_results() matters."""
        return self.handovers.is_waiting

    def python_ran(self, name: str, now: float) -> None:
        """An event came from an agent's Python. Its renewals come from native code."""
        self.agents[name].python_ran = now

    def heard(
        self, name: str, now: float, load: float, runs: Iterable[Run] = (), *, late: float = 0.0
    ) -> None:
        """An agent renewed its lease. Its first renewal lists what it already runs."""
        agent = self.agents[name]
        agent.heard = now
        agent.late = late
        agent.note_load(load)
        agent.python_ran = agent.python_ran or now  # one that was adopted has sent no event yet
        if agent.state != "starting":
            return
        agent.state = "up"
        agent.up_since = agent.python_ran = now
        agent.why = ""
        self.note(now, name, "up")
        for run in runs:
            self._adopt(agent, run, now)
        self._look_at_unplaced()

    def _adopt(self, agent: Agent, run: Run, now: float) -> None:
        camera = self.cameras.get(run[0])
        if camera is None or camera.epoch != run[1] or camera.agent not in (None, agent.name):
            return  # its answer does not list it: it is closed there
        camera.agent = agent.name
        self.placed[agent.name].add(camera.number)
        self.enter(camera, "running", now)
        self.note(now, camera.name, f"adopted on {agent.name}")

    def gone(
        self, name: str, now: float, why: str, *, crashed: bool = False, culprit: Run | None = None
    ) -> list[Action]:
        """Its process was seen to have ended: nothing of it is at work any more.

        ``crashed``: by itself, so that a camera of it may be the cause. An agent that was stuck counts, too.
        ``culprit``: the run whose thread it was, if that is known.
        """
        agent = self.agents[name]
        crashed_at = agent.python_ran if agent.is_stuck else now if crashed else None
        patience.note_death(agent, now, self.times)
        agent.state = "down"
        agent.seen_ended = True
        agent.why = why
        agent.late = 0.0
        agent.note_load(0.0)
        self.note(now, name, why)
        cameras = [self.cameras[number] for number in sorted(self.placed[name])]
        named = next((camera for camera in cameras if crashed and camera.run == culprit), None)
        if named is not None:
            self.suspects.name(named, now)
        elif crashed and culprit is not None:
            self._accuse_for(culprit, now)
        elif crashed_at is not None:
            named = self.suspects.crash(cameras, crashed_at)
            self._make_room(agent, cameras, now)
        for camera in cameras:
            self._lose(camera, now, f"{name} {why}")
        if named is not None and not named.removed:
            self._hold(named, now, f"{name} {why}")
            self._set_apart(named, agent, now)
        self.placed[name].clear()
        self.handovers.drop(name)
        self.overlaps.end(name, now)
        return self._finished(now)

    def _accuse_for(self, culprit: Run, now: float) -> None:
        """An earlier run of a camera has crashed its agent. A build that it had before does not count."""
        camera = self.cameras.get(culprit[0])
        if camera is not None and culprit[1] > camera.renewed:
            self.suspects.name(camera, now)

    def cut_off(self, name: str, now: float, why: str) -> list[Action]:
        """Its connections have ended: it most likely has, too, but its end was not seen."""
        agent = self.agents[name]
        agent.state = "ending"
        agent.why = why
        self.note(now, name, why)
        for number in sorted(self.placed[name]):
            if not self.cameras[number].exclusive:
                self._leave(self.cameras[number], agent, now, f"{name}: {why}")
        self._leave_formers(name, now)
        return self.tick(now)

    def remove_agent(self, name: str, now: float) -> None:
        """Removes an agent that has no cameras."""
        self._drop_agent(name)
        self.overlaps.end(name, now)

    def _hold(self, camera: Camera, now: float, why: str) -> None:
        """It has crashed several agents: the others are protected from it."""
        wait = self.suspects.hold(camera)
        many = "an agent" if camera.crashes == 1 else f"{camera.crashes} agents in a row, the last"
        text = f"held for {wait:g} s: it crashed {many}: {why}"
        self.enter(camera, "failed", now, text)
        camera.retry_at = now + wait
        self.note(now, camera.name, text)
        self.warnings.append(f"camera {camera.name!r} is {text}")

    def _make_room(self, crashed: Agent, cameras: Collection[Camera], now: float) -> None:
        """Half of the suspects need a second agent, where one can be made."""
        agents = [agent for agent in self.agents.values() if agent.apart is None]
        if self.can_add_agents and len(agents) == 1 and any(camera.company for camera in cameras):
            self._add_extra(crashed.labels, None, now)

    def _set_apart(self, culprit: Camera, crashed: Agent, now: float) -> None:
        """An agent of its own: no other camera pays for its next crash."""
        apart = [agent.apart for agent in self.agents.values() if agent.apart is not None]
        if self.can_add_agents and culprit.number not in apart and len(apart) < _MOST_APART:
            name = self._add_extra(crashed.labels, culprit.number, now)
            self.note(now, culprit.name, f"has an agent of its own from now on: {name}")

    def _add_extra(self, labels: Mapping[str, str], apart: int | None, now: float) -> str:
        name = next(name for n in itertools.count() if (name := f"extra{n}") not in self.agents)
        self.add_agent(name, labels, now)
        self.agents[name].apart = apart
        return name

    def started(self, run: Run, now: float) -> None:
        """A camera's pipeline runs."""
        camera = self._current(run)
        if camera is not None and camera.state == "starting":
            self.enter(camera, "running", now)

    def failed(self, run: Run, now: float, why: str) -> list[Action]:
        """Its pipeline could not start, or failed, and is closed."""
        camera = self._current(run)
        if camera is None or camera.state == "closing":
            return self.closed(run, now)
        self._count_failure(camera, now, why)
        return self._flush(camera, now, "failed", why)

    def _count_failure(self, camera: Camera, now: float, why: str) -> None:
        patience.note_failure(camera, now, self.times)
        self.note(now, camera.name, f"failed: {why}")

    def hangs(self, run: Run, now: float, why: str) -> list[Action]:
        """Its start takes too long and may have opened a session: it keeps its place until that has ended."""
        camera = self._current(run)
        if camera is None or camera.hangs:
            return []
        actions = []
        if camera.state != "closing":
            actions = self.close_run(camera, now)
            camera.then = "failed"
        self._count_failure(camera, now, why)
        camera.hangs = True
        camera.why = f"{why}; it has no other start before its agent {camera.agent} has closed this one"
        return actions

    def ended(self, run: Run, now: float) -> list[Action]:
        """Its pipeline has ended by itself and is closed."""
        camera = self._current(run)
        if camera is None or camera.state == "closing":
            return self.closed(run, now)
        self.note(now, camera.name, "ended")
        return self._flush(camera, now, "ended", "")

    def closed(self, run: Run, now: float) -> list[Action]:
        """It was closed because it had to be."""
        camera = self._current(run)
        if camera is None:
            return self.tick(now) if self.handovers.note_end(run, now) else []
        if camera.state == "closing":
            camera.closed_at = camera.closed_at or now
            return self.tick(now)
        # The agent did not find it in an answer.
        return self._flush(camera, now, "unplaced", "closed by its agent")

    def _flush(self, camera: Camera, now: float, then: CameraState, why: str) -> list[Action]:
        self.enter(camera, "closing", now, why)
        camera.closed_at = now
        camera.then = then
        return self.tick(now)
