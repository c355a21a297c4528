"""Evens out the load and the cameras of a fleet's agents: one camera at a time, after some time."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable

from .model import Agent, Times

_EVEN = 0.1  # of the cameras of the agent with the most


class Balance:
    """Remembers since when the load is uneven, and when it last asked for a move."""

    def __init__(self, times: Times) -> None:
        """Even."""
        self._times = times
        self._uneven_since: float | None = None
        self._moved = float("-inf")
        self._fewer_since: dict[str, float] = {}  # agents that have too few cameras
        self._filled: set[str] = set()  # of these, those that get some

    def pair(self, agents: Iterable[Agent], now: float) -> tuple[Agent, Agent] | None:
        """The agents from and to which a camera is to move now, if one is."""
        up = _that_take_any(agents)
        if len(up) < 2:
            self._uneven_since = None
            return None
        most = max(up, key=lambda agent: agent.load)
        least = min(up, key=lambda agent: agent.load)
        if most.load - least.load <= self._times.spread:
            self._uneven_since = None
            return None
        if self._uneven_since is None:
            self._uneven_since = now
        if now - self._uneven_since < self._times.rebalance_after:
            return None
        if now - self._moved < self._times.rebalance_every:
            return None
        return most, least

    def fuller(
        self, agents: Iterable[Agent], count: Callable[[str], int], now: float
    ) -> list[tuple[Agent, Agent]]:
        """Agents from and to which a camera may move.

        The second one has come (back) with less than half as many, and has no more to do.
        """
        up = [agent for agent in _that_take_any(agents) if not agent.keeps_gil]
        up.sort(key=lambda agent: count(agent.name))
        pairs = []
        fewer: dict[str, float] = {}
        for least in up[:-1]:
            most = up[-1]
            few, many = count(least.name), count(most.name)
            even = max(2.0, _EVEN * many) if least.name in self._filled else max(3.0, many / 2)
            if many - few < even or least.load > most.load + self._times.spread / 2:
                continue
            fewer[least.name] = since = self._fewer_since.get(least.name, now)
            if now - since >= self._times.even_after and least.load < self._times.busy:
                pairs.append((most, least))
        self._fewer_since = fewer
        self._filled = {least.name for _, least in pairs}
        return pairs

    def moved(self, now: float) -> None:
        """A camera has begun to move."""
        self._moved = now


def _that_take_any(agents: Iterable[Agent]) -> list[Agent]:
    return [each for each in agents if each.state == "up" and not each.draining and each.apart is None]
