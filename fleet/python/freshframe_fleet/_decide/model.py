"""Agents and cameras as a controller sees them, and the times by which it decides."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CameraState = Literal["unplaced", "starting", "running", "closing", "failed", "ended"]
AgentState = Literal["starting", "up", "ending", "down"]
Run = tuple[int, int]  # camera number, epoch


@dataclass(frozen=True)
class Times:
    """Holds the times that decide, all in seconds."""

    kill_after: float = 2.0  # seconds of silence
    start_within: float = 30.0  # seconds from an agent's launch to its first renewal
    first_start: float = (
        10.0  # for agents to come up together, so that the first one does not get all cameras
    )
    give_away_after: float = 2.2  # seconds of silence, though the agent's end was not seen
    gil_timeout: float | None = 30.0  # seconds for which an agent's Python does not run, or None for no limit
    start_timeout: float | None = 120.0  # the same while one of its cameras starts
    own_pause: float = 0.5  # a pause of the controller, in which it heard nobody
    flush: float = 1.0  # for readers to get the remaining results of a run, before the next one starts
    first_retry: float = 1.0  # for a camera that failed; doubles
    longest_retry: float = 30.0
    first_relaunch: float = 0.1  # for an agent that died; doubles
    longest_relaunch: float = 5.0
    settled: float = 10.0  # seconds after which a run counts as sound
    longest_trial: float = 60.0  # for a camera whose agents crash
    holds_count: float = 3600.0  # seconds of a sound run: then the next hold is a short one again
    crashes_count: float = 86400.0  # the same of crashes that it may have caused
    first_hold: float = 1.0  # for a camera that crashes its agents; doubles
    longest_hold: float = 300.0
    rebalance_after: float = 60.0  # seconds of an uneven load
    rebalance_every: float = 5.0
    even_after: float = 20.0  # seconds with fewer cameras than others: then an agent gets some of theirs
    spread: float = 0.25  # share of the machine: a smaller difference of loads does not count
    late: float = 1.0  # seconds: agents whose results are older by that have more to do
    busy: float = 0.85  # load from which an agent takes no other camera
    closing_at_once: int = 4  # cameras that leave a draining agent at a time
    first_results: float = 10.0  # seconds of a camera that moves: then its former run is closed without them
    hanging: float = 10.0  # seconds for which all cameras of an agent hang: then it is ended


@dataclass
class Agent:
    """An agent as the controller sees it."""

    name: str
    labels: Mapping[str, str]
    state: AgentState = "down"
    heard: float = 0.0  # when; also of its start
    python_ran: float = 0.0  # the latest event of its Python, or its start
    keeps_gil: bool = False  # that was some seconds ago, and an event reported it
    is_stuck: bool = False  # it was so long ago that the agent has to end
    load: float = 0.0  # share of the machine's processor time
    late: float = 0.0  # seconds by which its results are late
    draining: bool = False
    launches: int = 0
    launch_at: float = 0.0
    added: float = 0.0
    up_since: float = 0.0
    deaths: int = 0
    deaths_in_row: int = 0
    apart: int | None = None  # the only camera that it may have, by number, or None if it may have all
    why: str = ""


@dataclass
class Former:
    """A run that goes on until the next one of its camera gives results."""

    agent: str
    run: Run
    closing: bool = False
    closed_at: float | None = None
    stays: bool = False  # the next run may be at the same agent: it has another build


@dataclass
class Camera:
    """A camera as the controller sees it."""

    number: int
    name: str
    needs: Mapping[str, str] = field(default_factory=dict)
    exclusive: bool = False
    state: CameraState = "unplaced"
    since: float = 0.0
    why: str = ""
    agent: str | None = None
    epoch: int = 0
    starts: int = 0
    failures_in_row: int = 0  # without having run for a while; the waits grow with it
    failures: int = 0  # in all
    retry_at: float = 0.0
    wanted: str | None = None  # move(): the agent to go to
    removed: bool = False
    crashes: int = 0  # crashes of its agents, in a row; see suspects.py for this and the next three
    trial: float = 0.0  # seconds that it has to run to be cleared
    company: int = 0  # how many suspects may be on trial with it at one agent, itself too; 0 means no limit
    holds: int = 0
    left: int = 0  # agents that were not seen to end and may run it still
    doubled_at: float | None = None  # when it started elsewhere anyway
    overlap: float = 0.0  # seconds for which it may have run twice
    closed_at: float | None = None  # while closing: when the agent said that it has
    former: Former | None = None  # while it moves; see handovers.py
    renewed: int = 0  # its epoch when it got its present build: no older start has this build
    gives_results: bool = False  # its present run; noted while there is a former one
    hangs: bool = False  # while closing: its start has not returned and may have a session
    then: CameraState = "unplaced"  # the state after closing

    @property
    def run(self) -> Run:
        """Returns the present run."""
        return self.number, self.epoch

    @property
    def moving(self) -> Former | None:
        """The run that goes on while the next one does not run yet."""
        former = self.former
        return former if former is not None and not former.closing and self.state != "running" else None


@dataclass(frozen=True)
class Launch:
    """An agent's process is started."""

    agent: str


@dataclass(frozen=True)
class Kill:
    """An agent's process is ended by a signal that it cannot refuse."""

    agent: str


@dataclass(frozen=True)
class RunAction:
    """A step for an agent that has a run of a camera, or gets it."""

    agent: str
    camera: int
    epoch: int

    @property
    def run(self) -> Run:
        """Returns the run that the step is about."""
        return self.camera, self.epoch


class StartRun(RunAction):
    """An agent builds and runs a camera's pipeline."""


class StopRun(RunAction):
    """An agent ends a camera's pipeline, and says when it is closed."""


class ForgetRun(RunAction):
    """A run that an agent had is over: what is left of it has no reader."""


@dataclass(frozen=True)
class DropCamera:
    """A camera that was removed has no run any more: the fleet forgets it."""

    camera: int
    epoch: int


Action = Launch | Kill | StartRun | StopRun | ForgetRun | DropCamera
