"""Decides which agent runs which camera, with which epoch. Uses neither a clock nor processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping

from . import patience
from .consequences import Consequences
from .fleet_state import FleetState
from .model import Action, Agent, AgentState, Camera, CameraState, Run, Times
from .suspects import Culprits

__all__ = ["Action", "Agent", "AgentState", "Camera", "CameraState", "Decisions", "Run", "Times"]


class Decisions:
    """The actions that follow from calls and events."""

    def __init__(self, state: FleetState) -> None:
        """Creates the decisions of a fleet."""
        self.state = state
        self.agents = self.state.agents
        self.cameras = self.state.cameras
        self.events = self.state.events
        self.times = self.state.times
        self._consequences = Consequences(self.state)
        self._culprits = Culprits(self.state)

    def tick(self, now: float) -> list[Action]:
        """Returns the actions that are due.

        Must be called often: more than ``Times.own_pause`` between two calls counts as a pause of the
        controller.
        """
        return self._consequences.tick(now)

    def count_cameras(self, name: str) -> int:
        """Returns how many cameras an agent has."""
        return self.state.count_cameras(name)

    # ---- calls by the user

    def add_agent(self, name: str, labels: Mapping[str, str], now: float) -> None:
        """Adds an agent."""
        self.state.add_agent(name, labels, now)

    def add(self, camera: Camera, now: float) -> None:
        """Adds a camera, which is placed as soon as an agent can take it."""
        camera.since = now
        self.cameras[camera.number] = camera
        self.state.restless.add(camera.number)

    def remove(self, number: int, now: float) -> list[Action]:
        """Removes a camera, whose run is closed first."""
        camera = self.cameras[number]
        camera.removed = True
        self.state.restless.add(number)
        actions = self.state.handovers.stop(camera)
        return actions + (
            self.state.close_run(camera, now) if camera.state in ("starting", "running") else []
        )

    def move(self, number: int, to: str, now: float) -> list[Action]:
        """Moves a camera to this agent."""
        return self._consequences.move(self.cameras[number], to, now)

    def renew(self, number: int, now: float) -> list[Action]:
        """Restarts a camera on its agent, because it has a new build.

        Earlier crashes are forgotten. Unless the camera is exclusive, its current run continues until the
        next one delivers results.
        """
        camera = self.cameras[number]
        self.state.suspects.forget(number)
        camera.renewed = camera.epoch
        camera.crashes = camera.company = camera.holds = camera.failures_in_row = 0
        camera.retry_at = now
        self.state.restless.add(number)
        actions: list[Action] = []
        if camera.state in ("starting", "running"):
            camera.wanted = camera.agent
            actions = self.state.send_away(camera, now)
        elif camera.state == "ended":
            self.state.enter(camera, "unplaced", now, "it has another build")
        elif camera.state == "closing" and camera.then == "ended":
            camera.then = "unplaced"
        if camera.former is not None:
            camera.former.stays = True
            camera.wanted = camera.wanted or camera.former.agent
        return actions

    def drain(self, name: str, draining: bool) -> None:
        """Moves all cameras away from an agent, or lets it accept cameras again."""
        self.agents[name].draining = draining
        if not draining:
            self.state.look_at_unplaced()

    # ---- events

    def launched(self, name: str, now: float) -> None:
        """Called when an agent's process has been started."""
        agent = self.agents[name]
        agent.state = "starting"
        agent.heard = agent.python_ran = now
        agent.is_stuck = agent.keeps_gil = False
        agent.launches += 1

    def give_results(self, runs: Collection[Run]) -> None:
        """Called when these runs have delivered results. Required only while ``moves`` is True."""
        self.state.handovers.give_results(runs)

    @property
    def moves(self) -> bool:
        """True while a camera has two runs. Only then must give_results() be called."""
        return self.state.handovers.is_waiting

    def python_ran(self, name: str, now: float) -> None:
        """Called for each event from an agent's Python code. Renewals are sent by native code."""
        self.agents[name].python_ran = now

    def heard(self, name: str, now: float, load: float, *, late: float = 0.0) -> None:
        """Called for each report of an agent. The first one shows that it is up."""
        agent = self.agents[name]
        agent.heard = now
        agent.late = late
        agent.load = load
        if agent.state != "starting":
            return
        agent.state = "up"
        agent.up_since = agent.python_ran = now
        agent.why = ""
        self.state.note(now, name, "up")
        self.state.look_at_unplaced()

    def gone(
        self, name: str, now: float, why: str, *, crashed: bool = False, culprit: Run | None = None
    ) -> list[Action]:
        """Called when a process is known to have ended, so that none of its runs are active any more.

        ``crashed``: it ended by itself, so that one of its cameras may be the cause. A stuck agent counts,
        too. ``culprit``: the run whose thread caused it, if known.
        """
        agent = self.agents[name]
        crashed_at = agent.python_ran if agent.is_stuck else now if crashed else None
        patience.note_death(agent, now, self.times)
        agent.state = "down"
        agent.why = why
        agent.late = 0.0
        agent.load = 0.0
        self.state.note(now, name, why)
        cameras = [self.cameras[number] for number in sorted(self.state.placed[name])]
        named = next((camera for camera in cameras if crashed and camera.run == culprit), None)
        if named is not None:
            self.state.suspects.name(named, now)
        elif crashed and culprit is not None:
            self._culprits.accuse_for(culprit, now)
        elif crashed_at is not None:
            named = self.state.suspects.crash(cameras, crashed_at)
            self._culprits.make_room(agent, cameras, now)
        for camera in cameras:
            self.state.lose(camera, now, f"{name} {why}")
        if named is not None and not named.removed:
            self._culprits.hold(named, now, f"{name} {why}")
            self._culprits.set_apart(named, agent, now)
        self.state.placed[name].clear()
        self.state.handovers.drop(name)
        self.state.overlaps.end(name, now)
        return self.state.finished(now)

    def started(self, run: Run, now: float) -> None:
        """Called when a camera's pipeline is running."""
        camera = self.state.current(run)
        if camera is not None and camera.state == "starting":
            self.state.enter(camera, "running", now)

    def failed(self, run: Run, now: float, why: str) -> list[Action]:
        """Called when a pipeline could not start, or has failed, and is closed."""
        camera = self.state.current(run)
        if camera is None or camera.state == "closing":
            return self.closed(run, now)
        self._count_failure(camera, now, why)
        return self._flush(camera, now, "failed", why)

    def _count_failure(self, camera: Camera, now: float, why: str) -> None:
        patience.note_failure(camera, now, self.times)
        self.state.note(now, camera.name, f"failed: {why}")

    def hangs(self, run: Run, now: float, why: str) -> list[Action]:
        """Called when a start takes too long.

        The start may have opened a session, so the camera stays on its agent.
        """
        camera = self.state.current(run)
        if camera is None or camera.hangs:
            return []
        actions = []
        if camera.state != "closing":
            actions = self.state.close_run(camera, now)
            camera.then = "failed"
        self._count_failure(camera, now, why)
        camera.hangs = True
        camera.why = f"{why}; it cannot start again until its agent {camera.agent} has closed this run"
        return actions

    def ended(self, run: Run, now: float) -> list[Action]:
        """Called when a pipeline has ended by itself and is closed."""
        camera = self.state.current(run)
        if camera is None or camera.state == "closing":
            return self.closed(run, now)
        self.state.note(now, camera.name, "ended")
        return self._flush(camera, now, "ended", "")

    def closed(self, run: Run, now: float) -> list[Action]:
        """Called when a run was closed on request."""
        camera = self.state.current(run)
        if camera is None:
            return self.tick(now) if self.state.handovers.note_end(run, now) else []
        if camera.state == "closing":
            camera.closed_at = camera.closed_at or now
            return self.tick(now)
        # The agent did not have the run any more.
        return self._flush(camera, now, "unplaced", "closed by its agent")

    def _flush(self, camera: Camera, now: float, then: CameraState, why: str) -> list[Action]:
        self.state.enter(camera, "closing", now, why)
        camera.closed_at = now
        camera.then = then
        return self.tick(now)
