"""What follows from a fleet's state as time passes: agents begin and end, cameras get their places."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from . import patience, placement
from .balance import Balance
from .handovers import Handovers
from .model import Action, Agent, Camera, CameraState, Run, Times
from .overlaps import Overlaps
from .suspects import Suspects


class Consequences:
    """The state of a fleet. Decisions changes it, by calls of users and by events.

    ``next_epoch`` gives an epoch above all earlier ones. ``is_flushed`` says whether a run has no results in
    an outbox.
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
        self.can_add_agents = False  # the controller can start more than those that it was given
        self.holds: Callable[[Camera, float], str] = lambda camera, now: ""  # why a camera must not start yet
        self._next_epoch = next_epoch
        self._is_flushed = is_flushed
        self._ticked: float | None = None
        self.resumed = float("-inf")  # the latest end of an own pause
        self.placed: dict[str, set[int]] = {}  # cameras by agent
        self.restless: set[int] = set()  # cameras that tick() has to look at
        self.suspects = Suspects(self.times)
        self.overlaps = Overlaps()
        self._balance = Balance(self.times)
        self.handovers = Handovers(self.times, is_flushed)

    def tick(self, now: float) -> list[Action]:
        """The actions that are due. To be called often: a long time between two calls is a pause."""
        if self._ticked is not None and now - self._ticked > self.times.own_pause:
            self.resumed = now
            self.note(now, "controller", f"was paused for {now - self._ticked:.1f} s")
        self._ticked = now
        for camera in self.suspects.look(lambda camera: self.agents[camera.agent or ""].python_ran):
            self.note(now, camera.name, "cleared: its agent runs on with it")
        actions: list[Action] = []
        for agent in list(self.agents.values()):
            if self._is_over(agent, actions):
                continue
            self._watch(agent, now, actions)
            if agent.draining and agent.state == "up" and self.placed[agent.name]:
                self._drain_some(agent, now, actions)
        actions += self.handovers.look(now)
        for number in sorted(self.restless):
            self._settle(self.cameras[number], now, actions)
        self._rebalance(now, actions)
        return actions + self._finished(now)

    def _is_over(self, agent: Agent, actions: list[Action]) -> bool:
        """Whether it was of a camera that is no more. It ends then."""
        if agent.apart is None or agent.apart in self.cameras:
            return False
        if agent.state == "down":
            self._drop_agent(agent.name)
        elif agent.state != "ending":
            agent.state = "ending"
            agent.why = "its camera was removed"
            actions.append(Action("kill", agent.name))
        return True

    def _drop_agent(self, name: str) -> None:
        self.agents[name].note_load(0.0)
        del self.agents[name], self.placed[name]

    def _watch(self, agent: Agent, now: float, actions: list[Action]) -> None:
        if agent.state == "down" and now >= agent.launch_at:
            actions.append(Action("launch", agent.name))
            return
        if news := patience.news_of_python(agent, now, self.resumed):
            self.note(now, agent.name, news)
        why = patience.why_to_end(agent, self._cameras_at(agent), now, self.resumed, self.times)
        if not why and self._only_hangs(agent, now):
            why = "all that it has are starts that hang"
        if why:
            agent.state = "ending"
            agent.why = why
            self.note(now, agent.name, f"{why}: killed")
            actions.append(Action("kill", agent.name))
        if agent.state == "ending":
            silent = now - max(agent.heard, self.resumed)
            for number in sorted(self.placed[agent.name]):
                camera = self.cameras[number]
                wait = self.times.session_timeout if camera.exclusive else self.times.give_away_after
                if silent > wait:
                    self._leave(camera, agent, now, f"{agent.name} does not end")
            if silent > self.times.give_away_after:
                self._leave_formers(agent.name, now)

    def _cameras_at(self, agent: Agent) -> Iterator[Camera]:
        return (self.cameras[number] for number in self.placed[agent.name])

    def _only_hangs(self, agent: Agent, now: float) -> bool:
        if agent.state != "up" or self.handovers.count(agent.name):
            return False
        return patience.all_hang(self._cameras_at(agent), now, self.times)

    def _leave(self, camera: Camera, agent: Agent, now: float, why: str) -> None:
        """Gives it away though its agent was not seen to end."""
        self.placed[agent.name].discard(camera.number)
        self.overlaps.leave(camera, agent.name)
        self._lose(camera, now, why)

    def _lose(self, camera: Camera, now: float, why: str) -> None:
        camera.agent = None
        then = camera.then if camera.state == "closing" else "unplaced"
        self.enter(camera, then, now, why)
        camera.retry_at = max(camera.retry_at, now) if then == "failed" else now

    def _leave_formers(self, agent: str, now: float) -> None:
        for camera in self.handovers.drop(agent):
            self.overlaps.leave(camera, agent)
            if camera.agent is not None:
                self.overlaps.placed(camera, now)

    def _drain_some(self, agent: Agent, now: float, actions: list[Action]) -> None:
        leaving = self.handovers.under_way(agent.name)
        for number in sorted(self.placed[agent.name]):
            camera = self.cameras[number]
            if camera.state == "closing" and not camera.hangs:
                leaving += 1
        for number in sorted(self.placed[agent.name]):
            camera = self.cameras[number]
            if leaving >= self.times.closing_at_once:
                return
            if camera.state != "running" or not self._candidates(camera):
                continue
            leaving += 1
            actions += self.send_away(camera, now)

    def _move(self, camera: Camera, to: str, now: float) -> list[Action]:
        camera.wanted = to
        if camera.agent == to and camera.state in ("starting", "running"):
            return []
        self.restless.add(camera.number)
        camera.retry_at = now
        return self.send_away(camera, now) if camera.state in ("starting", "running") else []

    def send_away(self, camera: Camera, now: float) -> list[Action]:
        """It leaves its agent. One that allows several sessions starts elsewhere first."""
        if camera.exclusive or camera.state != "running" or camera.former is not None:
            return self.close_run(camera, now)
        assert camera.agent is not None
        self.placed[camera.agent].discard(camera.number)
        self.handovers.begin(camera)
        camera.retry_at = now
        self.enter(camera, "unplaced", now, "it moves")
        return []

    def _settle(self, camera: Camera, now: float, actions: list[Action]) -> None:
        if camera.state == "closing" and camera.closed_at is not None:
            if not self._is_flushed(camera.run) and now - camera.closed_at < self.times.flush:
                return
            if camera.agent is not None:
                actions.append(Action("forget", camera.agent, camera.number, camera.epoch))
                self.placed[camera.agent].discard(camera.number)
            camera.agent = None
            self.enter(camera, camera.then, now, camera.why)
        if camera.state in ("unplaced", "failed") and not camera.removed and now >= camera.retry_at:
            self._place(camera, now, actions)

    def _place(self, camera: Camera, now: float, actions: list[Action]) -> None:
        if placement.is_early(camera, self.agents.values(), now, self.times):
            self.enter(camera, "unplaced", now, "its agents are starting")
            return
        if why := self.holds(camera, now):
            self.enter(camera, "unplaced", now, why)
            return
        agent = placement.choose(camera, self._candidates(camera), self.placed, self.times)
        if agent is None:
            why = placement.why_nowhere(camera, self.agents.values(), self.times)
            if camera.state != "unplaced" or camera.why != why:
                self.enter(camera, "unplaced", now, why)
                self.note(now, camera.name, f"unplaced: {why}")
            return
        camera.epoch = self._next_epoch()
        camera.agent = agent.name
        camera.gives_results = False
        camera.starts += 1
        self.overlaps.placed(camera, now)
        self.placed[agent.name].add(camera.number)
        self.suspects.placed(camera)
        self.enter(camera, "starting", now)
        actions.append(Action("start", agent.name, camera.number, camera.epoch))

    def _candidates(self, camera: Camera) -> list[Agent]:
        former = camera.former
        there = former.agent if former is not None and not former.stays else None
        agents = [each for each in self.agents.values() if each.name != there or there == camera.wanted]
        own = [each for each in agents if each.apart == camera.number]
        agents = own or [each for each in agents if each.apart is None]
        return placement.candidates(camera, agents, self.times, self.suspects.has_room)

    def _rebalance(self, now: float, actions: list[Action]) -> None:
        self._fill(now, actions)
        pair = self._balance.pair(self.agents.values(), self.cameras_of, now)
        if pair is None:
            return
        most, least = pair
        for number in sorted(self.placed[most.name]):
            camera = self.cameras[number]
            if camera.state == "running" and placement.meets(least, camera):
                self._balance.moved(now)
                self.note(now, camera.name, f"moves from {most.name} to {least.name}, which has less to do")
                actions += self._move(camera, least.name, now)
                return

    def _fill(self, now: float, actions: list[Action]) -> None:
        """One more camera for an agent that has too few, of an agent with fewer than four on their way."""
        placed = {name: len(cameras) for name, cameras in self.placed.items()}  # without those that leave
        for most, least in self._balance.fuller(self.agents.values(), placed.__getitem__, now):
            if self.handovers.under_way(most.name) >= self.times.closing_at_once:
                continue
            for number in sorted(self.placed[most.name]):
                camera = self.cameras[number]
                if camera.state != "running" or camera.exclusive or camera.company:
                    continue
                if placement.meets(least, camera):
                    actions += self._move(camera, least.name, now)
                    return

    # ---- pieces

    def allowed(self, name: str) -> list[Run]:
        """The runs that an agent may have: the list of its answer."""
        placed = map(self.cameras.__getitem__, sorted(self.placed[name]))
        runs = [(each.number, each.epoch) for each in placed if each.state in ("starting", "running")]
        return runs + self.handovers.runs(name)

    def cameras_of(self, name: str) -> int:
        """How many cameras an agent has."""
        return len(self.placed[name]) + self.handovers.count(name)

    def without_room(self) -> list[Mapping[str, str]]:
        """What cameras need that wait for another machine."""
        return [
            self.cameras[number].needs
            for number in self.restless
            if self.cameras[number].state == "unplaced"
            and not self.cameras[number].removed
            and placement.lacks_room(self.cameras[number], self.agents.values(), self.times)
        ]

    def close_run(self, camera: Camera, now: float) -> list[Action]:
        self.enter(camera, "closing", now)
        camera.closed_at = None
        camera.then = "unplaced"
        camera.retry_at = now
        assert camera.agent is not None
        return [Action("stop", camera.agent, camera.number, camera.epoch)]

    def _current(self, run: Run) -> Camera | None:
        camera = self.cameras.get(run[0])
        return camera if camera is not None and camera.epoch == run[1] and camera.agent is not None else None

    def enter(self, camera: Camera, state: CameraState, now: float, why: str = "") -> None:
        if camera.state != state:
            camera.since = now
        camera.state = state
        camera.why = why
        camera.hangs = False
        if state in ("closing", "unplaced", "failed") or camera.removed:
            self.restless.add(camera.number)
        else:
            self.restless.discard(camera.number)

    def _look_at_unplaced(self) -> None:
        for camera in self.cameras.values():
            if camera.state == "unplaced":
                self.restless.add(camera.number)

    def _finished(self, now: float) -> list[Action]:
        """Cameras that were removed and run nowhere any more."""
        actions = []
        for number in [number for number in self.restless if self.cameras[number].removed]:
            camera = self.cameras[number]
            if camera.state in ("unplaced", "failed", "ended") and camera.former is None:
                del self.cameras[number]
                self.suspects.forget(number)
                self.restless.discard(number)
                actions.append(Action("gone", camera=number, epoch=camera.epoch))
                self.note(now, camera.name, "removed")
        return actions

    def note(self, now: float, about: str, text: str) -> None:
        self.events.append((now, about, text))
