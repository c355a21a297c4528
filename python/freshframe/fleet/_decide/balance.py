"""Evens out the load of a fleet's agents: one camera at a time, after a load was uneven for long."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

from .model import Agent, Times


class Balance:
    """Remembers since when the load is uneven, and when it last asked for a move."""

    def __init__(self, times: Times) -> None:
        """Even."""
        self._times = times
        self._uneven_since: float | None = None
        self._moved = float("-inf")

    def pair(self, agents: Iterable[Agent], now: float) -> tuple[Agent, Agent] | None:
        """The agents from and to which a camera is to move now, if one is."""
        up = [agent for agent in agents if agent.state == "up" and not agent.draining]
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

    def moved(self, now: float) -> None:
        """A camera has begun to move."""
        self._moved = now
