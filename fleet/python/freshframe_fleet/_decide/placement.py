"""Where a camera can run: on agents that meet its needs, are not busy, and are allowed to try it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from .model import Agent, Camera, Times


def meets(agent: Agent, camera: Camera) -> bool:
    """Returns True if an agent has the labels that a camera needs."""
    return all(agent.labels.get(name) == value for name, value in camera.needs.items())


def is_early(camera: Camera, agents: Iterable[Agent], now: float, times: Times) -> bool:
    """Returns True if an agent that could take the camera is starting for the first time."""
    return any(
        agent.launches <= 1 and agent.state in ("down", "starting") and not agent.deaths
        for agent in agents
        if now - agent.added < times.first_start and meets(agent, camera)
    )


def candidates(
    camera: Camera, agents: Iterable[Agent], times: Times, has_room: Callable[[Camera, str], bool]
) -> list[Agent]:
    """Returns the agents that can take the camera now."""
    return [
        agent
        for agent in agents
        if agent.state == "up"
        and not agent.draining
        and agent.load < times.busy
        and meets(agent, camera)
        and has_room(camera, agent.name)
    ]


def choose(
    camera: Camera, among: list[Agent], placed: Mapping[str, Collection[int]], times: Times
) -> Agent | None:
    """Returns the agent that move() asked for, otherwise the one with the fewest cameras or least load."""
    if camera.wanted is not None:
        wanted, camera.wanted = camera.wanted, None
        for agent in among:
            if agent.name == wanted:
                return agent
    if not among:
        return None
    least_late = min(agent.late for agent in among)
    among = [agent for agent in among if agent.late <= least_late + times.late]
    loads = [agent.load for agent in among]
    if max(loads) - min(loads) > times.spread and not camera.holds:
        return min(among, key=lambda agent: (agent.load, len(placed[agent.name])))
    return min(among, key=lambda agent: len(placed[agent.name]))


def why_nowhere(camera: Camera, agents: Iterable[Agent], times: Times) -> str:
    """Returns the reason why no agent can take the camera."""
    fitting = [agent for agent in agents if meets(agent, camera)]
    if not fitting and not camera.needs:
        return "there is no agent"
    if not fitting:
        wanted = ", ".join(f"{name}={value}" for name, value in sorted(camera.needs.items()))
        return f"no agent has {wanted}"
    up = [agent for agent in fitting if agent.state == "up"]
    if not up:
        return f"not up: {', '.join(agent.name for agent in fitting)}"
    there = [agent for agent in up if not agent.draining]
    if not there:
        return f"draining: {', '.join(agent.name for agent in up)}"
    if any(agent.load < times.busy for agent in there):
        return f"waits for its trial: its agents crashed {camera.crashes} times in a row"
    return f"busy: {', '.join(agent.name for agent in there)}"
