"""The state of a fleet, on which decisions are based, and elementary changes of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .handovers import Handovers, Overlaps
from .model import Action, Agent, Camera, CameraState, DropCamera, Run, StopRun, Times
from .suspects import Suspects


class FleetState:
    """The agents, the cameras, and where the cameras are.

    ``next_epoch`` returns an epoch higher than all earlier ones. ``is_flushed`` returns True if a run has no
    results in an outbox.
    """

    def __init__(
        self,
        next_epoch: Callable[[], int],
        is_flushed: Callable[[Run], bool] = lambda run: True,
        times: Times | None = None,
    ) -> None:
        """Starts without any agents or cameras."""
        self.times = times or Times()
        self.agents: dict[str, Agent] = {}
        self.cameras: dict[int, Camera] = {}
        self.events: list[tuple[float, str, str]] = []  # time, subject and text; collected by the controller
        self.warnings: list[str] = []  # for the log; collected by the controller
        self.next_epoch = next_epoch
        self.is_flushed = is_flushed
        self.resumed = float("-inf")  # end of the controller's latest pause
        self.placed: dict[str, set[int]] = {}  # cameras by agent
        self.restless: set[int] = set()  # cameras that tick() has to check
        self.suspects = Suspects(self.times)
        self.overlaps = Overlaps()
        self.handovers = Handovers(self.times, is_flushed)

    def add_agent(self, name: str, labels: Mapping[str, str], now: float) -> None:
        """Adds an agent."""
        self.agents[name] = Agent(name, dict(labels), launch_at=now, added=now)
        self.placed[name] = set()

    def drop_agent(self, name: str) -> None:
        """Removes an agent that has ended."""
        del self.agents[name], self.placed[name]

    def cameras_at(self, agent: Agent) -> Iterator[Camera]:
        """Iterates over the cameras that run on an agent or are placed there."""
        return (self.cameras[number] for number in self.placed[agent.name])

    def count_cameras(self, name: str) -> int:
        """Returns how many cameras an agent has."""
        return len(self.placed[name]) + self.handovers.count(name)

    def current(self, run: Run) -> Camera | None:
        """Returns the camera whose current run this is, or None."""
        camera = self.cameras.get(run[0])
        return camera if camera is not None and camera.epoch == run[1] and camera.agent is not None else None

    def enter(self, camera: Camera, state: CameraState, now: float, why: str = "") -> None:
        """Changes the state of a camera."""
        if camera.state != state:
            camera.since = now
        camera.state = state
        camera.why = why
        camera.hangs = False
        if state in ("closing", "unplaced", "failed") or camera.removed:
            self.restless.add(camera.number)
        else:
            self.restless.discard(camera.number)

    def close_run(self, camera: Camera, now: float) -> list[Action]:
        """Closes the current run of a camera."""
        self.enter(camera, "closing", now)
        camera.closed_at = None
        camera.then = "unplaced"
        camera.retry_at = now
        assert camera.agent is not None
        return [StopRun(camera.agent, camera.number, camera.epoch)]

    def send_away(self, camera: Camera, now: float) -> list[Action]:
        """Moves a camera away from its agent.

        If it allows several sessions, it is started elsewhere first.
        """
        if camera.exclusive or camera.state != "running" or camera.former is not None:
            return self.close_run(camera, now)
        assert camera.agent is not None
        self.placed[camera.agent].discard(camera.number)
        self.handovers.begin(camera)
        camera.retry_at = now
        self.enter(camera, "unplaced", now, "it moves")
        return []

    def lose(self, camera: Camera, now: float, why: str) -> None:
        """Called when a camera has no agent any more."""
        camera.agent = None
        then = camera.then if camera.state == "closing" else "unplaced"
        self.enter(camera, then, now, why)
        camera.retry_at = max(camera.retry_at, now) if then == "failed" else now

    def leave(self, camera: Camera, agent: Agent, now: float, why: str) -> None:
        """Releases a camera from its agent, although the agent was not seen to end."""
        self.placed[agent.name].discard(camera.number)
        self.overlaps.leave(camera, agent.name)
        self.lose(camera, now, why)

    def leave_formers(self, agent: str, now: float) -> None:
        """Records that the former runs on an agent may still be active."""
        for camera in self.handovers.drop(agent):
            self.overlaps.leave(camera, agent)
            if camera.agent is not None:
                self.overlaps.placed(camera, now)

    def look_at_unplaced(self) -> None:
        """Called when there may be an agent for unplaced cameras."""
        for camera in self.cameras.values():
            if camera.state == "unplaced":
                self.restless.add(camera.number)

    def finished(self, now: float) -> list[Action]:
        """Returns actions for cameras that were removed and are not running any more."""
        actions: list[Action] = []
        for number in [number for number in self.restless if self.cameras[number].removed]:
            camera = self.cameras[number]
            if camera.state in ("unplaced", "failed", "ended") and camera.former is None:
                del self.cameras[number]
                self.suspects.forget(number)
                self.restless.discard(number)
                actions.append(DropCamera(camera=number, epoch=camera.epoch))
                self.note(now, camera.name, "removed")
        return actions

    def note(self, now: float, about: str, text: str) -> None:
        """Adds an event, which the controller collects."""
        self.events.append((now, about, text))
