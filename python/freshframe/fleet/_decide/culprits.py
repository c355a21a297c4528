"""What becomes of a camera that has crashed its agent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

from .fleet_state import FleetState
from .model import Agent, Camera, Run

_MOST_APART = 8  # cameras with agents of their own: processes are dear


class Culprits:
    """Finds the cameras of one fleet that crash their agents."""

    def __init__(self, state: FleetState) -> None:
        """Begins without culprits."""
        self._state = state

    def accuse_for(self, culprit: Run, now: float) -> None:
        """An earlier run of a camera has crashed its agent. A build that it had before does not count."""
        camera = self._state.cameras.get(culprit[0])
        if camera is not None and culprit[1] > camera.renewed:
            self._state.suspects.name(camera, now)

    def hold(self, camera: Camera, now: float, why: str) -> None:
        """Holds back a camera that has crashed several agents, which protects the others."""
        wait = self._state.suspects.hold(camera)
        many = "an agent" if camera.crashes == 1 else f"{camera.crashes} agents in a row, the last"
        text = f"held for {wait:g} s: it crashed {many}: {why}"
        self._state.enter(camera, "failed", now, text)
        camera.retry_at = now + wait
        self._state.note(now, camera.name, text)
        self._state.warnings.append(f"camera {camera.name!r} is {text}")

    def make_room(self, crashed: Agent, cameras: Collection[Camera], now: float) -> None:
        """Half of the suspects need a second agent, where one can be made."""
        agents = [agent for agent in self._state.agents.values() if agent.apart is None]
        if self._state.can_add_agents and len(agents) == 1 and any(camera.company for camera in cameras):
            self._add_extra(crashed.labels, None, now)

    def set_apart(self, culprit: Camera, crashed: Agent, now: float) -> None:
        """An agent of its own: no other camera pays for its next crash."""
        apart = [agent.apart for agent in self._state.agents.values() if agent.apart is not None]
        if self._state.can_add_agents and culprit.number not in apart and len(apart) < _MOST_APART:
            name = self._add_extra(crashed.labels, culprit.number, now)
            self._state.note(now, culprit.name, f"has an agent of its own from now on: {name}")

    def _add_extra(self, labels: Mapping[str, str], apart: int | None, now: float) -> str:
        name = next(name for n in itertools.count() if (name := f"extra{n}") not in self._state.agents)
        self._state.add_agent(name, labels, now)
        self._state.agents[name].apart = apart
        return name
