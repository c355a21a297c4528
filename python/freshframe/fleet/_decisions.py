"""What a controller decides: which agent runs which camera, with which epoch. No clock, no process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from . import _placement
from ._roles import Action, Agent, AgentState, Camera, CameraState, Run, Times
from ._suspects import Suspects

__all__ = ["Action", "Agent", "AgentState", "Camera", "CameraState", "Decisions", "Run", "Times"]


class Decisions:
    """The state of a fleet, and what follows from what happens to it.

    ``next_epoch`` gives an epoch that is on disk. ``is_flushed`` says whether no outbox of a run has results.
    """

    def __init__(
        self,
        next_epoch: Callable[[], int],
        is_flushed: Callable[[Run], bool] = lambda run: True,
        times: Times | None = None,
    ) -> None:
        """Nothing yet."""
        self.times = times or Times()
        self.agents: dict[str, Agent] = {}
        self.cameras: dict[int, Camera] = {}
        self.events: list[tuple[float, str, str]] = []  # when, about what, text; taken by the controller
        self.warnings: list[str] = []  # for the log; taken by the controller
        self.holds: Callable[[Camera, float], str] = lambda camera, now: ""  # why a camera must not start yet
        self._next_epoch = next_epoch
        self._is_flushed = is_flushed
        self._ticked: float | None = None
        self._resumed = float("-inf")  # the latest end of an own pause
        self._uneven_since: float | None = None
        self._rebalanced = float("-inf")
        self._placed: dict[str, set[int]] = {}  # cameras by agent
        self._restless: set[int] = set()  # cameras that tick() has to look at
        self._suspects = Suspects(self.times)
        self._left: dict[str, list[Camera]] = {}  # given away by an agent that was not seen to end

    # ---- what the user wants

    def add_agent(self, name: str, labels: Mapping[str, str], now: float) -> None:
        """An agent that shall run."""
        self.agents[name] = Agent(name, dict(labels), launch_at=now, added=now)
        self._placed[name] = set()

    def add(self, camera: Camera, now: float) -> None:
        """A camera that shall run somewhere."""
        camera.since = now
        self.cameras[camera.number] = camera
        self._restless.add(camera.number)

    def remove(self, number: int, now: float) -> list[Action]:
        """A camera that shall run nowhere."""
        camera = self.cameras[number]
        camera.removed = True
        self._restless.add(number)
        return self._close(camera, now) if camera.state in ("starting", "running") else []

    def move(self, number: int, to: str, now: float) -> list[Action]:
        """A camera that shall run on that agent."""
        camera = self.cameras[number]
        camera.wanted = to
        if camera.agent == to and camera.state in ("starting", "running"):
            return []
        self._restless.add(number)
        camera.retry_at = now
        return self._close(camera, now) if camera.state in ("starting", "running") else []

    def drain(self, name: str, draining: bool) -> None:
        """An agent that shall have no cameras, or may have some again."""
        self.agents[name].draining = draining
        if not draining:
            self._look_at_unplaced()

    # ---- what happens

    def launched(self, name: str, now: float) -> None:
        """Its process was started."""
        agent = self.agents[name]
        agent.state = "starting"
        agent.heard = now
        agent.launches += 1
        agent.seen_ended = False

    def heard(self, name: str, now: float, load: float, runs: Iterable[Run] = ()) -> None:
        """An agent renewed its lease. Its first renewal lists what it already runs."""
        agent = self.agents[name]
        agent.heard = now
        agent.load = load
        if agent.state != "starting":
            return
        agent.state = "up"
        agent.up_since = now
        agent.why = ""
        self._note(now, name, "up")
        for run in runs:
            self._adopt(agent, run, now)
        self._look_at_unplaced()

    def _adopt(self, agent: Agent, run: Run, now: float) -> None:
        camera = self.cameras.get(run[0])
        if camera is None or camera.epoch != run[1] or camera.agent not in (None, agent.name):
            return  # its answer does not list it: it is closed there
        camera.agent = agent.name
        self._placed[agent.name].add(camera.number)
        self._enter(camera, "running", now)
        self._note(now, camera.name, f"adopted on {agent.name}")

    def gone(self, name: str, now: float, why: str, *, crashed: bool = False) -> list[Action]:
        """Its process was seen to have ended: nothing of it is at work any more.

        ``crashed``: by itself, so that a camera of it may be the cause.
        """
        agent = self.agents[name]
        if agent.state == "up" and now - agent.up_since >= self.times.settled:
            agent.deaths_in_row = 0
        agent.state = "down"
        agent.seen_ended = True
        agent.why = why
        agent.deaths += 1
        wait = min(self.times.longest_relaunch, self.times.first_relaunch * 2.0**agent.deaths_in_row)
        agent.deaths_in_row = min(agent.deaths_in_row + 1, 10)
        agent.launch_at = now + wait
        agent.load = 0.0
        self._note(now, name, why)
        cameras = [self.cameras[number] for number in sorted(self._placed[name])]
        culprit = self._suspects.crash(cameras, now) if crashed else None
        for camera in cameras:
            self._lose(camera, now, f"{name} {why}")
        if culprit is not None and not culprit.removed:
            self._hold(culprit, now, f"{name} {why}")
        self._placed[name].clear()
        self._end_overlaps(name, now)
        return self._finished(now)

    def _end_overlaps(self, name: str, now: float) -> None:
        for camera in self._left.pop(name, ()):
            camera.left -= 1
            if camera.doubled_at is not None:
                camera.overlap += now - camera.doubled_at
                camera.doubled_at = now if camera.left else None

    def cut_off(self, name: str, now: float, why: str) -> list[Action]:
        """Its connections have ended: it most likely has, too, but nobody has seen it."""
        agent = self.agents[name]
        agent.state = "ending"
        agent.why = why
        self._note(now, name, why)
        for number in sorted(self._placed[name]):
            if not self.cameras[number].exclusive:
                self._leave(self.cameras[number], agent, now, f"{name}: {why}")
        return self.tick(now)

    def remove_agent(self, name: str, now: float) -> None:
        """An agent without cameras that shall not run any more."""
        del self.agents[name], self._placed[name]
        self._end_overlaps(name, now)

    def _hold(self, camera: Camera, now: float, why: str) -> None:
        """It has crashed several agents: the others shall not suffer for it."""
        wait = self._suspects.hold(camera)
        text = f"held for {wait:g} s: it crashed {camera.crashes} agents in a row, the last: {why}"
        self._enter(camera, "failed", now, text)
        camera.retry_at = now + wait
        self._note(now, camera.name, text)
        self.warnings.append(f"camera {camera.name!r} is {text}")

    def _lose(self, camera: Camera, now: float, why: str) -> None:
        camera.agent = None
        then = camera.then if camera.state == "closing" else "unplaced"
        self._enter(camera, then, now, why)
        camera.retry_at = max(camera.retry_at, now) if then == "failed" else now

    def started(self, run: Run, now: float) -> None:
        """A camera's pipeline runs."""
        camera = self._current(run)
        if camera is not None and camera.state == "starting":
            self._enter(camera, "running", now)

    def failed(self, run: Run, now: float, why: str) -> list[Action]:
        """Its pipeline could not start, or failed, and is closed."""
        camera = self._current(run)
        if camera is None or camera.state == "closing":
            return self.closed(run, now)
        if camera.state == "running" and now - camera.since >= self.times.settled:
            camera.failures_in_row = 0
        wait = min(self.times.longest_retry, self.times.first_retry * 2.0**camera.failures_in_row)
        camera.failures_in_row = min(camera.failures_in_row + 1, 10)
        camera.failures += 1
        camera.retry_at = now + wait
        self._note(now, camera.name, f"failed: {why}")
        return self._flush(camera, now, "failed", why)

    def ended(self, run: Run, now: float) -> list[Action]:
        """Its pipeline has ended by itself and is closed."""
        camera = self._current(run)
        if camera is None or camera.state == "closing":
            return self.closed(run, now)
        self._note(now, camera.name, "ended")
        return self._flush(camera, now, "ended", "")

    def closed(self, run: Run, now: float) -> list[Action]:
        """It was closed because it had to be."""
        camera = self._current(run)
        if camera is None:
            return []
        if camera.state == "closing":
            camera.closed_at = camera.closed_at or now
            return self.tick(now)
        # The agent did not find it in an answer.
        return self._flush(camera, now, "unplaced", "closed by its agent")

    def _flush(self, camera: Camera, now: float, then: CameraState, why: str) -> list[Action]:
        self._enter(camera, "closing", now, why)
        camera.closed_at = now
        camera.then = then
        return self.tick(now)

    # ---- what follows

    def tick(self, now: float) -> list[Action]:
        """What is to be done by now. To be called often; an own pause is a longer time between two calls."""
        if self._ticked is not None and now - self._ticked > self.times.own_pause:
            self._resumed = now
            self._note(now, "controller", f"was paused for {now - self._ticked:.1f} s")
        self._ticked = now
        for camera in self._suspects.look(now):
            self._note(now, camera.name, "cleared: its agent runs on with it")
        actions: list[Action] = []
        for agent in self.agents.values():
            self._watch(agent, now, actions)
            if agent.draining and agent.state == "up" and self._placed[agent.name]:
                self._drain_some(agent, now, actions)
        for number in sorted(self._restless):
            self._settle(self.cameras[number], now, actions)
        self._rebalance(now, actions)
        return actions + self._finished(now)

    def _watch(self, agent: Agent, now: float, actions: list[Action]) -> None:
        if agent.state == "down" and now >= agent.launch_at:
            actions.append(Action("launch", agent.name))
            return
        silent = now - max(agent.heard, self._resumed)
        patience = {"up": self.times.kill_after, "starting": self.times.start_within}.get(agent.state)
        if patience is not None and silent > patience:
            agent.state = "ending"
            agent.why = f"silent for {silent:.1f} s"
            self._note(now, agent.name, f"{agent.why}: killed")
            actions.append(Action("kill", agent.name))
        if agent.state == "ending":
            for number in sorted(self._placed[agent.name]):
                camera = self.cameras[number]
                wait = self.times.session_timeout if camera.exclusive else self.times.give_away_after
                if silent > wait:
                    self._leave(camera, agent, now, f"{agent.name} does not end")

    def _leave(self, camera: Camera, agent: Agent, now: float, why: str) -> None:
        """Gives it away though its agent was not seen to end."""
        self._placed[agent.name].discard(camera.number)
        self._left.setdefault(agent.name, []).append(camera)
        camera.left += 1
        self._lose(camera, now, why)

    def _drain_some(self, agent: Agent, now: float, actions: list[Action]) -> None:
        leaving = 0
        for number in sorted(self._placed[agent.name]):
            camera = self.cameras[number]
            if camera.state == "closing":
                leaving += 1
        for number in sorted(self._placed[agent.name]):
            camera = self.cameras[number]
            if leaving >= self.times.closing_at_once:
                return
            if camera.state != "running" or not self._candidates(camera):
                continue
            leaving += 1
            actions += self._close(camera, now)

    def _settle(self, camera: Camera, now: float, actions: list[Action]) -> None:
        if camera.state == "closing" and camera.closed_at is not None:
            if not self._is_flushed(camera.run) and now - camera.closed_at < self.times.flush:
                return
            if camera.agent is not None:
                actions.append(Action("forget", camera.agent, camera.number, camera.epoch))
                self._placed[camera.agent].discard(camera.number)
            camera.agent = None
            self._enter(camera, camera.then, now, camera.why)
        if camera.state in ("unplaced", "failed") and not camera.removed and now >= camera.retry_at:
            self._place(camera, now, actions)

    def _place(self, camera: Camera, now: float, actions: list[Action]) -> None:
        if self._is_early(camera, now):
            self._enter(camera, "unplaced", now, "its agents are starting")
            return
        if why := self.holds(camera, now):
            self._enter(camera, "unplaced", now, why)
            return
        agent = _placement.choose(camera, self._candidates(camera), self._placed, self.times)
        if agent is None:
            why = _placement.why_nowhere(camera, self.agents.values(), self.times)
            if camera.state != "unplaced" or camera.why != why:
                self._enter(camera, "unplaced", now, why)
                self._note(now, camera.name, f"unplaced: {why}")
            return
        try:
            camera.epoch = self._next_epoch()
        except OSError as error:
            self._enter(camera, "unplaced", now, f"the state cannot be written: {error}")
            camera.retry_at = now + self.times.first_retry
            return
        camera.agent = agent.name
        camera.starts += 1
        if camera.left and camera.doubled_at is None:
            camera.doubled_at = now
        self._placed[agent.name].add(camera.number)
        self._suspects.placed(camera)
        self._enter(camera, "starting", now)
        actions.append(Action("start", agent.name, camera.number, camera.epoch))

    def _is_early(self, camera: Camera, now: float) -> bool:
        """Whether an agent that could take it is about to come up for the first time."""
        return any(
            agent.launches <= 1 and agent.state in ("down", "starting") and not agent.deaths
            for agent in self.agents.values()
            if now - agent.added < self.times.first_start and _placement.meets(agent, camera)
        )

    def _candidates(self, camera: Camera) -> list[Agent]:
        return _placement.candidates(camera, self.agents.values(), self.times, self._suspects.has_room)

    def _rebalance(self, now: float, actions: list[Action]) -> None:
        up = [agent for agent in self.agents.values() if agent.state == "up" and not agent.draining]
        if len(up) < 2:
            self._uneven_since = None
            return
        most = max(up, key=lambda agent: agent.load)
        least = min(up, key=lambda agent: agent.load)
        if most.load - least.load <= self.times.spread:
            self._uneven_since = None
            return
        if self._uneven_since is None:
            self._uneven_since = now
        if now - self._uneven_since < self.times.rebalance_after:
            return
        if now - self._rebalanced < self.times.rebalance_every:
            return
        for number in sorted(self._placed[most.name]):
            camera = self.cameras[number]
            if camera.state == "running" and _placement.meets(least, camera):
                self._rebalanced = now
                self._note(now, camera.name, f"moves from {most.name} to {least.name}, which has less to do")
                actions += self.move(number, least.name, now)
                return

    # ---- pieces

    def allowed(self, name: str) -> list[Run]:
        """What an agent may run: its answer's list."""
        return [
            self.cameras[number].run
            for number in sorted(self._placed[name])
            if self.cameras[number].state in ("starting", "running")
        ]

    def cameras_of(self, name: str) -> int:
        """How many cameras an agent has."""
        return len(self._placed[name])

    def _close(self, camera: Camera, now: float) -> list[Action]:
        self._enter(camera, "closing", now)
        camera.closed_at = None
        camera.then = "unplaced"
        camera.retry_at = now
        assert camera.agent is not None
        return [Action("stop", camera.agent, camera.number, camera.epoch)]

    def _current(self, run: Run) -> Camera | None:
        camera = self.cameras.get(run[0])
        return camera if camera is not None and camera.epoch == run[1] and camera.agent is not None else None

    def _enter(self, camera: Camera, state: CameraState, now: float, why: str = "") -> None:
        if camera.state != state:
            camera.since = now
        camera.state = state
        camera.why = why
        if state in ("closing", "unplaced", "failed") or camera.removed:
            self._restless.add(camera.number)
        else:
            self._restless.discard(camera.number)

    def _look_at_unplaced(self) -> None:
        for camera in self.cameras.values():
            if camera.state == "unplaced":
                self._restless.add(camera.number)

    def _finished(self, now: float) -> list[Action]:
        """Cameras that were removed and run nowhere any more."""
        actions = []
        for number in [number for number in self._restless if self.cameras[number].removed]:
            camera = self.cameras[number]
            if camera.state in ("unplaced", "failed", "ended"):
                del self.cameras[number]
                self._suspects.forget(number)
                self._restless.discard(number)
                actions.append(Action("gone", camera=number, epoch=camera.epoch))
                self._note(now, camera.name, "removed")
        return actions

    def _note(self, now: float, about: str, text: str) -> None:
        self.events.append((now, about, text))
