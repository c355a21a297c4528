"""The statistics that Fleet.stats() returns."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from freshframe._agent import ShownAsText

from ._decide.model import AgentState, CameraState

_SHOWN = 20  # cameras that are not running, in str()
_SATURATED = 0.1  # an agent that loses more than this fraction of its frames is saturated

ShownState = Literal[CameraState, "waiting", "away"]


@dataclass(frozen=True, slots=True)
class AgentStats:
    """An agent.

    Attributes:
        name: Name of the agent.
        labels: Labels with which the cameras' needs are compared.
        state: ``starting``, ``up``, ``ending`` (killed, but not exited yet) or ``down``.
        reason: Why it is not up.
        draining: Whether it does not accept cameras because of drain().
        pid: Its process ID; None if it has no process.
        camera_count: Number of its cameras.
        load: Fraction of the CPU time available to it that it uses, 0 to 1.
        silent_for: Seconds since its last heartbeat.
        python_silent_for: Seconds since the last heartbeat of its Python code, which sends one per second
            unless something holds the GIL.
        lost_share: Fraction of its cameras' frames that its pipelines lost before the outputs, over the last
            seconds.
        waiting: Number of results in its outboxes.
        behind: Seconds by which its results are older than half a second when they are produced.
        launches: Number of times that its process was started.
        deaths: Number of times that its process exited.
    """

    name: str
    labels: dict[str, str]
    state: AgentState
    reason: str
    draining: bool
    pid: int | None
    camera_count: int
    load: float
    silent_for: float
    launches: int
    deaths: int
    python_silent_for: float = 0.0
    lost_share: float = 0.0
    waiting: int = 0
    behind: float = 0.0


@dataclass(frozen=True, slots=True)
class CameraStats:
    """A camera.

    Attributes:
        name: Name of the camera.
        url: Its URL with the password masked.
        needs: Labels that its agent must have.
        exclusive: Whether it accepts only one connection.
        state: ``unplaced``, ``starting``, ``waiting`` (its pipeline is running but has not produced a result
            yet), ``running``, ``away`` (its pipeline is running, but no frame has arrived for two seconds),
            ``closing``, ``failed`` or ``ended``.
        reason: Why it is not running; for a camera that is away, its answer or error.
        state_for: Seconds in this state. For ``waiting`` and ``away``, seconds since the start of the run.
        agent: The agent on which it runs; None if it does not.
        epoch: Number of its current run; 0 if it was never started.
        starts: Number of times that it was started.
        results: Number of results of this run, read or not.
        result_age: Seconds since the newest result's frame was captured; None without results.
        produced: Number of frames that its camera delivered, as far as known, in all runs.
        kept: Results that were offered to outboxes, or for which there was no reader.
        dropped: Frames and results that the agent's pipeline lost: the sum of ``drops``. If each frame gives
            one result, ``produced`` is ``kept + dropped`` plus what is still being processed.
        drops: Counts by cause; only causes that occurred. As in EdgeStats.drops and NodeStats.drops, except
            that ``stopped`` is their ``stop`` plus what was queued at the end of the run, ``refused`` are
            results produced after the run was closed, and ``failed`` are results that could not be pickled.
        fps: Frames per second of its camera over the last seconds.
        frame_age: Seconds since its last frame, accurate to half a second; None before the first.
        too_large: Results above 8 MiB among those in ``kept``. Readers count them as ``outbox_full``.
        overlap: Seconds for which it may have run twice, because an agent could not be confirmed to have
            exited.
        crashes: Number of consecutive agent crashes that it may have caused.
    """

    name: str
    url: str
    needs: dict[str, str]
    exclusive: bool
    state: ShownState
    reason: str
    state_for: float
    agent: str | None
    epoch: int
    starts: int
    results: int
    result_age: float | None
    produced: int = 0
    kept: int = 0
    dropped: int = 0
    drops: dict[str, int] = field(default_factory=dict)
    too_large: int = 0
    overlap: float = 0.0
    crashes: int = 0
    fps: float = 0.0
    frame_age: float | None = None


@dataclass(frozen=True, slots=True)
class FleetReaderStats:
    """A reader; ``reported == delivered + outbox_full + expired + fenced + lost_with_agent + waiting``.

    Attributes:
        output: The output that it reads.
        reported: Number of results that agents have reported.
        delivered: Results that the program received.
        outbox_full: Dropped by a full outbox, because the reader is too slow or the result is larger than 8
            MiB.
        expired: Dropped because the reader had not read for 60 s.
        fenced: Rejected, because they are from an earlier run, or of a camera that the controller does not
            know.
        lost_with_agent: Lost in the outboxes of an agent that died.
        waiting: Not delivered yet.
        unreported_possible: Number of runs that ended with the death of an agent, each of which may have
            produced results after the last report.
        name: Name with which it can be resumed; None if it cannot.
        number: Number of the reader in its fleet; never reused.
    """

    output: str
    reported: int
    delivered: int
    outbox_full: int
    expired: int
    fenced: int
    lost_with_agent: int
    waiting: int
    unreported_possible: int
    name: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """An event in a fleet.

    Attributes:
        utc: Unix time of the event.
        about: Name of the camera or agent, or "controller".
        text: What happened.
    """

    utc: float
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class FleetStats(ShownAsText):
    """A snapshot of a fleet.

    Attributes:
        name: Name of the fleet.
        agents: By name.
        cameras: By name.
        readers: The open readers.
        events: The latest 1,000 events, oldest first.
        outputs: Names of outputs that the build functions have returned.
        controller_cpu: CPU time of the controller's thread in seconds.
        reason: Why the controller's thread has failed; None if it has not.
    """

    name: str
    agents: dict[str, AgentStats]
    cameras: dict[str, CameraStats]
    readers: list[FleetReaderStats]
    events: list[FleetEvent] = field(repr=False)
    outputs: list[str] = field(default_factory=list)
    controller_cpu: float = 0.0
    reason: str | None = None

    @property
    def overlap(self) -> float:
        """Seconds for which cameras may have run twice, summed over the current cameras."""
        return sum(camera.overlap for camera in self.cameras.values())

    def saturated(self) -> dict[str, str]:
        """Agents whose pipelines are too slow for their cameras, and what they lose; worst first."""
        worst = sorted(self.agents.values(), key=lambda agent: -agent.lost_share)
        return {
            agent.name: f"loses {agent.lost_share:.0%} of the frames, with "
            f"{count_cameras(agent.camera_count)} and a load of {agent.load:.0%}"
            for agent in worst
            if agent.state == "up" and agent.lost_share >= _SATURATED
        }

    def unplaced(self) -> dict[str, str]:
        """Cameras that run nowhere because no agent can take them, with the reason."""
        return {name: each.reason for name, each in self.cameras.items() if each.state == "unplaced"}

    def states(self) -> dict[str, int]:
        """Number of cameras in each state."""
        counts: dict[str, int] = {}
        for each in self.cameras.values():
            counts[each.state] = counts.get(each.state, 0) + 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Returns the statistics as JSON types."""
        import dataclasses  # noqa: PLC0415

        return dataclasses.asdict(self) | {
            "overlap": self.overlap,
            "saturated": self.saturated(),
        }

    def __str__(self) -> str:
        """Returns a summary as text, with the worst problem in the first line."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.states().items()))
        lines = [f"fleet {self.name}: {counts or 'no cameras'}"]
        lines += [f"agent {name} is saturated: {what}" for name, what in self.saturated().items()]
        for agent in self.agents.values():
            process = f"process {agent.pid}" if agent.pid is not None else f"no process: {agent.reason}"
            lines.append(f"agent {agent.name}: {agent.state}, {count_cameras(agent.camera_count)}, {process}")
        for camera in [each for each in self.cameras.values() if each.state != "running"][:_SHOWN]:
            lines.append(
                f"camera {camera.name}: {camera.state}{': ' if camera.reason else ''}{camera.reason}"
            )
        for reader in self.readers:
            lost = reader.outbox_full + reader.expired + reader.fenced + reader.lost_with_agent
            counts = f"{reader.delivered} delivered, {reader.waiting} waiting, {lost} lost"
            lines.append(f"reader of {reader.output}: {counts}")
        return "\n".join(lines)


def count_cameras(count: int) -> str:
    return "1 camera" if count == 1 else f"{count} cameras"
