"""What a controller's decisions let an agent run."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from freshframe_fleet._decide.decisions import Decisions, Run


def runs_at(decisions: Decisions, agent: str) -> list[Run]:
    """Returns the runs that an agent has and keeps: those of its cameras, then former ones."""
    state = decisions.state
    cameras = [state.cameras[number] for number in sorted(state.placed[agent])]
    formers = [camera.former for camera in state.handovers._at.get(agent, {}).values()]
    runs = [camera.run for camera in cameras if camera.state in ("starting", "running")]
    return runs + [former.run for former in formers if former is not None and not former.closing]
