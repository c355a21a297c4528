"""Agents and cameras from the controller's point of view, and the time limits for its decisions."""

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
    """Time limits, all in seconds."""

    kill_after: float = 2.0  # how long an agent may be silent before it is killed
    start_within: float = 30.0  # maximum time from an agent's launch to its first renewal
    first_start: float = (
        10.0  # for agents that start at the same time, so that the first one does not get all cameras
    )
    give_away_after: float = 2.2  # silence after which an agent not seen to end loses its cameras
    # Seconds for which an agent's Python code may be blocked; None: no limit.
    gil_timeout: float | None = 30.0
    start_timeout: float | None = 120.0  # gil_timeout while one of its cameras is starting
    own_pause: float = (
        0.5  # with ticks further apart, the controller was paused, and earlier silence does not count
    )
    flush: float = 1.0  # for readers to receive the remaining results of a run before the next one starts
    first_retry: float = 1.0  # after a camera failed; doubles each time
    longest_retry: float = 30.0
    first_relaunch: float = 0.1  # after an agent died; doubles each time
    longest_relaunch: float = 5.0
    settled: float = 10.0  # time after which a run counts as stable
    longest_trial: float = 60.0  # for a camera whose agents have crashed
    holds_count: float = 3600.0  # length of a stable run after which the next hold is a short one again
    crashes_count: float = 86400.0  # the same for crashes that it may have caused
    first_hold: float = 1.0  # for a camera that crashes its agents; doubles each time
    longest_hold: float = 300.0
    rebalance_after: float = 60.0  # how long the load must be unbalanced before cameras move
    rebalance_every: float = 5.0
    # Seconds with too few cameras, after which an agent is given some of the others'.
    even_after: float = 20.0
    spread: float = 0.25  # fraction of the machine's CPU time; smaller differences in load do not count
    late: float = 1.0  # seconds; an agent whose results are older by this much counts as busier
    busy: float = 0.85  # load above which an agent does not accept more cameras
    closing_at_once: int = 4  # number of cameras that leave a draining agent at the same time
    # Seconds to wait for the first results of a camera that moves, before its former run is closed anyway.
    first_results: float = 10.0
    hanging: float = 10.0  # how long all cameras of an agent may hang before it is killed


@dataclass
class Agent:
    """An agent from the controller's point of view."""

    name: str
    labels: Mapping[str, str]
    state: AgentState = "down"
    heard: float = 0.0  # time of the last report, or of its start
    python_ran: float = 0.0  # time of the last event of its Python code, or of its start
    keeps_gil: bool = False  # its Python code is blocked, which an event has reported
    is_stuck: bool = False  # its Python code has been blocked for so long that the agent has to be killed
    load: float = 0.0  # fraction of the available CPU time
    late: float = 0.0  # seconds by which its results are late
    draining: bool = False
    launches: int = 0
    launch_at: float = 0.0
    added: float = 0.0
    up_since: float = 0.0
    deaths: int = 0
    deaths_in_row: int = 0
    apart: int | None = None  # number of the only camera that it may run; None: it may run any
    why: str = ""


@dataclass
class Former:
    """A run that continues until the next one of its camera delivers results."""

    agent: str
    run: Run
    closing: bool = False
    closed_at: float | None = None
    stays: bool = False  # the next run may be on the same agent, because it has another build


@dataclass
class Camera:
    """A camera from the controller's point of view."""

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
    failures_in_row: int = 0  # failures without a stable run in between; the delays grow with it
    failures: int = 0  # in total
    retry_at: float = 0.0
    wanted: str | None = None  # the agent that move() asked for
    removed: bool = False
    crashes: int = 0  # consecutive crashes of its agents; suspects.py explains this and the next three
    trial: float = 0.0  # seconds that it has to run before it is cleared
    company: int = 0  # maximum number of suspects on trial at its agent, including itself; 0: no limit
    holds: int = 0
    left: int = 0  # number of agents that were not seen to end and may still be running it
    doubled_at: float | None = None  # start of a run that began while an earlier one may still be running
    overlap: float = 0.0  # seconds for which it may have been running twice
    closed_at: float | None = None  # while closing: when the agent reported that it is closed
    former: Former | None = None  # while it moves; handovers.py explains it
    renewed: int = 0  # epoch when it got its current build: earlier starts do not have this build
    gives_results: bool = False  # whether the current run has delivered results; updated only in a handover
    hangs: bool = False  # while closing: its start has not returned, and may have a session open
    then: CameraState = "unplaced"  # the state after closing

    @property
    def run(self) -> Run:
        """The current run: (camera number, epoch)."""
        return self.number, self.epoch

    @property
    def moving(self) -> Former | None:
        """The former run that continues until the next one is running, or None."""
        former = self.former
        return former if former is not None and not former.closing and self.state != "running" else None


@dataclass(frozen=True)
class Launch:
    """Start an agent's process."""

    agent: str


@dataclass(frozen=True)
class Kill:
    """Kill an agent's process with SIGKILL."""

    agent: str


@dataclass(frozen=True)
class RunAction:
    """An action for an agent that has, or gets, a run of a camera."""

    agent: str
    camera: int
    epoch: int

    @property
    def run(self) -> Run:
        """The run that the action is about: (camera number, epoch)."""
        return self.camera, self.epoch


class StartRun(RunAction):
    """Build and run a camera's pipeline on an agent."""


class StopRun(RunAction):
    """Close a camera's pipeline on an agent, which reports when it is closed."""


class ForgetRun(RunAction):
    """Discard the remaining results of a run on an agent: no reader needs them."""


@dataclass(frozen=True)
class DropCamera:
    """Drop a removed camera, which has no runs left."""

    camera: int
    epoch: int


Action = Launch | Kill | StartRun | StopRun | ForgetRun | DropCamera
