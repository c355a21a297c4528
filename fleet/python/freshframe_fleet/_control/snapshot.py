"""Builds Fleet.stats() from the parts of a controller."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._decide.decisions import Decisions
from .._decide.model import Agent, Camera, Run
from .._read.results import Results
from .._stats import AgentStats, CameraStats, FleetReaderStats, FleetStats, ShownState
from .._url import hide_password, masked
from .._wire import LOSSES, loss_name
from .agents.link import Link
from .agents.links import Links
from .cameras import Cameras
from .counts import CAUSES, CameraCounts
from .loop import boot_time

if TYPE_CHECKING:
    from .parts import Parts

_AWAY = 2.0  # seconds without a frame before a camera counts as away; a reconnection is faster


def agent_stats(agent: Agent, link: Link | None, cameras: int, now: float) -> AgentStats:
    """Returns the statistics of an agent. ``link``: None while it has no process."""
    return AgentStats(
        name=agent.name,
        labels=dict(agent.labels),
        state=agent.state,
        reason=masked(agent.why) if agent.state != "up" else "",
        draining=agent.draining,
        pid=link.child.pid if link is not None and link.child.pid > 0 else None,
        camera_count=cameras,
        load=agent.load,
        behind=agent.late,
        silent_for=max(0.0, now - agent.heard) if link is not None else 0.0,
        launches=agent.launches,
        deaths=agent.deaths,
        python_silent_for=max(0.0, now - agent.python_ran) if link is not None else 0.0,
        lost_share=link.meter.lost if link is not None else 0.0,
        waiting=int(link.latest.outboxes["waiting"].sum()) if link is not None else 0,
    )


def read_counts(record: Any) -> dict[str, int]:
    """Returns the counts of a start from an agent's renewal."""
    losses = {loss_name(cause): int(count) for cause, count in zip(LOSSES, record["drops"], strict=True)}
    return {**losses, "kept": int(record["results"]), "frames": int(record["frames"])}


def choose_run(camera: Camera) -> Run:
    """Returns the run that delivers results."""
    return camera.moving.run if camera.moving is not None else camera.run


def _state(camera: Camera, record: Any, answer: str) -> tuple[ShownState, str]:
    """Returns the state to show, and the reason. A camera may be away while its pipeline runs."""
    if camera.hangs:
        return "failed", camera.why
    if camera.moving is None and camera.state != "running":
        return camera.state, camera.why
    if record is not None and record["away_ns"] >= _AWAY * 1e9:
        return "away", f"no frames for {record['away_ns'] / 1e9:.0f} s: {answer}" if answer else "no frames"
    if record is None and camera.moving is not None:
        return "running", camera.why  # the former run continues
    if record is None or not record["results"]:
        return "waiting", "it has not returned a result yet"
    return "running", camera.why


def camera_stats(
    camera: Camera, url: str, record: Any, counts: CameraCounts, now: float, answer: str = ""
) -> CameraStats:
    """Returns the statistics of a camera. ``record``: the shown run in its agent's latest renewal, or None.

    ``answer``: what the camera responded when frames were requested.
    """
    moving = camera.moving
    agent = camera.agent if moving is None else moving.agent
    _, epoch = choose_run(camera)
    known = record is not None and agent is not None
    totals = counts.totals(epoch, {} if record is None else read_counts(record))
    drops = {cause: totals[cause] for cause in CAUSES if totals[cause]}
    state, why = _state(camera, record if known else None, answer)
    dropped = sum(drops.values())
    doubled = 0.0 if camera.doubled_at is None else max(0.0, now - camera.doubled_at)
    return CameraStats(
        name=camera.name,
        url=hide_password(url),
        needs=dict(camera.needs),
        exclusive=camera.exclusive,
        state=state,
        reason=masked(why),
        state_for=max(0.0, now - camera.since),
        agent=agent,
        epoch=epoch,
        starts=camera.starts,
        results=int(record["results"]) if known else 0,
        result_age=float(record["age_ns"]) / 1e9 if known and record["age_ns"] >= 0 else None,
        produced=totals["frames"],
        fps=float(record["fps"]) if known else 0.0,
        frame_age=float(record["frame_age_ns"]) / 1e9 if known and record["frame_age_ns"] >= 0 else None,
        kept=totals["kept"],
        dropped=dropped,
        drops=drops,
        too_large=totals["too_large"],
        overlap=camera.overlap + doubled,
        crashes=camera.crashes,
    )


def reader_stats(reader: Results) -> FleetReaderStats:
    """Makes the statistics of a reader."""
    totals = reader.totals()
    return FleetReaderStats(
        output=reader.output,
        name=reader.name,
        number=reader.number,
        **{name: getattr(totals, name) for name in totals.__slots__},
    )


def fleet_stats(parts: Parts) -> FleetStats:
    """Returns the whole snapshot. Requires the controller's lock."""
    now = boot_time()
    decisions = parts.decisions
    for link in parts.links:
        parts.readers.fold(link)
    return FleetStats(
        name=parts.name,
        agents={
            name: agent_stats(agent, parts.links.get(name), decisions.count_cameras(name), now)
            for name, agent in decisions.agents.items()
        },
        cameras=_cameras(decisions, parts.cameras, parts.links, now),
        readers=[reader_stats(reader) for reader in parts.readers],
        events=parts.notes.take(),
        outputs=parts.builds.outputs(),
        controller_cpu=parts.cpu,
        reason=parts.failure,
    )


def _cameras(decisions: Decisions, cameras: Cameras, links: Links, now: float) -> dict[str, CameraStats]:
    records = {
        (int(each["camera"]), int(each["epoch"])): each for link in links for each in link.latest.cameras
    }
    answers: dict[Run, str] = {}
    for link in links:
        answers.update(link.latest.answers)
    shown: dict[str, CameraStats] = {}
    for camera in decisions.cameras.values():
        known, run = cameras.get(camera.number), choose_run(camera)
        if known is not None:
            shown[camera.name] = camera_stats(
                camera, known.url, records.get(run), known.counts, now, answers.get(run, "")
            )
    return shown
