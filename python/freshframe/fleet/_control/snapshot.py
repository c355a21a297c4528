"""Makes the parts of Fleet.stats() of what the controller knows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from .._decide.model import Agent, Camera, Run
from .._read.reader import FleetReader
from .._stats import AgentStats, CameraStats, FleetReaderStats
from .._url import masked
from .counts import CAUSES, CameraCounts
from .link import Link


def agent_stats(agent: Agent, link: Link | None, cameras: int, now: float) -> AgentStats:
    """An agent; ``link``: None while it has no process."""
    return AgentStats(
        name=agent.name,
        labels=dict(agent.labels),
        state=agent.state,
        why=masked(agent.why) if agent.state != "up" else "",
        draining=agent.draining,
        pid=link.pid if link is not None else 0,
        cameras=cameras,
        load=agent.load,
        silent=max(0.0, now - agent.heard) if link is not None else 0.0,
        launches=agent.launches,
        deaths=agent.deaths,
        python_silent=max(0.0, now - agent.python_ran) if link is not None else 0.0,
    )


def counts_of(record: Any) -> dict[str, int]:
    """What an agent's renewal has counted of a start."""
    return {"kept": int(record["results"]), "refused": int(record["refused"])}


def shown_run(camera: Camera) -> Run:
    """The one that gives results."""
    return camera.moving.run if camera.moving is not None else camera.run


def camera_stats(camera: Camera, url: str, record: Any, counts: CameraCounts, now: float) -> CameraStats:
    """A camera; ``record``: of the shown run in its agent's latest renewal, or None."""
    moving = camera.moving
    agent = camera.agent if moving is None else moving.agent
    _, epoch = shown_run(camera)
    known = record is not None and agent is not None
    totals = counts.totals(epoch, {} if record is None else counts_of(record))
    drops = {cause: totals[cause] for cause in CAUSES if totals[cause]}
    dropped = sum(drops.values())
    doubled = 0.0 if camera.doubled_at is None else max(0.0, now - camera.doubled_at)
    return CameraStats(
        name=camera.name,
        url=masked(url),
        needs=dict(camera.needs),
        exclusive=camera.exclusive,
        state="running" if moving is not None else "failed" if camera.hangs else camera.state,
        why=masked(camera.why),
        since=max(0.0, now - camera.since),
        agent=agent,
        epoch=epoch,
        starts=camera.starts,
        results=int(record["results"]) if known else 0,
        age=float(record["age_ns"]) / 1e9 if known and record["age_ns"] >= 0 else None,
        sessions=int(record["sessions"]) if known else 0,
        produced=totals["kept"] + dropped,
        kept=totals["kept"],
        dropped=dropped,
        drops=drops,
        too_large=totals["too_large"],
        overlap_seconds=camera.overlap + doubled,
        crashes=camera.crashes,
    )


def reader_stats(reader: FleetReader) -> FleetReaderStats:
    """A reader."""
    totals = reader._totals()
    return FleetReaderStats(
        output=reader.output,
        name=reader.name,
        **{name: getattr(totals, name) for name in totals.__slots__},
    )
