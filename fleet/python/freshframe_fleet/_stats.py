"""The statistics that Fleet.stats() returns."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from freshframe._agent import ShownAsText

from ._decide.model import AgentState, CameraState

_SHOWN = 20  # cameras that do not run, in a text
_SATURATED = 0.1  # share of the frames

ShownState = Literal[CameraState, "waiting", "away"]


@dataclass(frozen=True, slots=True)
class AgentStats:
    """An agent.

    Attributes:
        name: Its name.
        labels: What cameras' needs are compared with.
        state: ``starting``, ``up``, ``ending`` (it was killed and has not ended yet) or ``down``.
        reason: Why it is not up.
        draining: It takes no cameras.
        pid: Number of its process, or None without one.
        camera_count: How many cameras it has.
        load: Its share of the processor time that it may use, 0 to 1.
        silent_for: Seconds since its latest renewal.
        python_silent_for: Seconds since the latest event of its Python. There is one each second, unless
            something keeps the GIL.
        lost_share: Share of its cameras' frames that its pipelines lost on the way to their outputs, over
            some seconds.
        waiting: Results in its outboxes.
        behind: Seconds by which its results are late: older than half a second when they are made.
        launches: How often its process was started.
        deaths: How often it ended.
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
        name: Its name.
        url: Its address, the password masked.
        needs: Labels that its agent must have.
        exclusive: It allows one session.
        state: ``unplaced``, ``starting``, ``waiting`` (its pipeline runs and has given no result yet),
            ``running``, ``away`` (its pipeline runs, and its camera has given no frame for two seconds,
            since it is not connected or silent), ``closing``, ``failed`` or ``ended``.
        reason: Why it is not running; of a camera that is away: its answer.
        state_for: Seconds in this state. For ``waiting`` and ``away``, where the pipeline runs, it
            is the time since the start.
        agent: Where it is, or None if nowhere.
        epoch: Number of its latest start; 0 means it never was started.
        starts: How often it was started.
        results: How many results this start has made, read or not.
        result_age: Seconds since the capture of the newest result's picture, or None without one.
        produced: Known frames that its camera gave, in all starts.
        kept: Results that outboxes were offered, or that no reader wanted.
        dropped: Frames and results that the agent's pipeline lost, the sum of ``drops``. Where each frame
            gives one result: ``produced == kept + dropped`` and what is on its way.
        drops: By cause; only causes that happened. The causes are as in EdgeStats.drops and NodeStats.drops,
            where ``stopped`` is their ``stop`` and what waited when the run ended; ``refused``: made
            after the run was closed; ``failed``: a result that could not be pickled.
        fps: Frames per second of its camera, over some seconds.
        frame_age: Seconds since its latest frame, to half a second, or None before the first.
        too_large: Results above 8 MiB, of those in ``kept``. Readers count them as ``outbox_full``.
        overlap: Seconds for which it may have run twice, since an agent was not seen to end.
        crashes: Crashes of agents in a row that it may have caused.
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
        reported: Results that agents have reported.
        delivered: Results that the program got.
        outbox_full: Dropped by a full outbox: the reader is too slow, or a result has more than 8 MiB.
        expired: Dropped because the reader had not pulled for 60 s.
        fenced: Of an epoch that is over, or of a camera that the controller does not know.
        lost_with_agent: Waited at an agent that died.
        waiting: On their way.
        unreported_possible: Starts of cameras that ended with the death of an agent: each may have made
            results after its last report.
        repeated: Results that came twice and were delivered once.
        name: Under which it can come back, or None if it cannot.
        number: Of the reader in its fleet. No later one has the same.
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
    repeated: int
    name: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """Something that happened.

    Attributes:
        utc: Unix time of the event.
        about: Name of the camera or agent, or "controller".
        text: The event.
    """

    utc: float
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class FleetStats(ShownAsText):
    """A snapshot of a fleet.

    Attributes:
        name: Of the fleet.
        agents: By name.
        cameras: By name.
        readers: The open ones.
        events: The newest 1,000, oldest first.
        outputs: Names that the cameras' builds have given.
        controller_cpu: Seconds of processor time of the controller's thread.
        reason: Why the controller's thread has failed, or None if it has not.
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
        """Seconds for which cameras may have run twice, summed over all cameras that are here."""
        return sum(camera.overlap for camera in self.cameras.values())

    def saturated(self) -> dict[str, str]:
        """Agents whose pipelines are slower than their cameras, and what they lose. The worst is first."""
        worst = sorted(self.agents.values(), key=lambda agent: -agent.lost_share)
        return {
            agent.name: f"loses {agent.lost_share:.0%} of the frames, with {agent.camera_count} cameras and "
            f"a load of {agent.load:.0%}"
            for agent in worst
            if agent.state == "up" and agent.lost_share >= _SATURATED
        }

    def unplaced(self) -> dict[str, str]:
        """Cameras that run nowhere because no agent can take them, and why."""
        return {name: each.reason for name, each in self.cameras.items() if each.state == "unplaced"}

    def states(self) -> dict[str, int]:
        """How many cameras are in each state."""
        counts: dict[str, int] = {}
        for each in self.cameras.values():
            counts[each.state] = counts.get(each.state, 0) + 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Returns the statistics as plain values, which JSON can hold."""
        import dataclasses  # noqa: PLC0415

        return dataclasses.asdict(self) | {
            "overlap": self.overlap,
            "saturated": self.saturated(),
        }

    def __str__(self) -> str:
        """Some lines for people: the first one has the worst."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.states().items()))
        lines = [f"fleet {self.name}: {counts or 'no cameras'}"]
        lines += [f"agent {name} is saturated: {what}" for name, what in self.saturated().items()]
        for agent in self.agents.values():
            process = f"process {agent.pid}" if agent.pid is not None else f"no process: {agent.reason}"
            lines.append(f"agent {agent.name}: {agent.state}, {agent.camera_count} cameras, {process}")
        for camera in [each for each in self.cameras.values() if each.state != "running"][:_SHOWN]:
            lines.append(
                f"camera {camera.name}: {camera.state}{': ' if camera.reason else ''}{camera.reason}"
            )
        for reader in self.readers:
            lost = reader.outbox_full + reader.expired + reader.fenced + reader.lost_with_agent
            counts = f"{reader.delivered} delivered, {reader.waiting} waiting, {lost} lost"
            lines.append(f"reader of {reader.output}: {counts}")
        return "\n".join(lines)
