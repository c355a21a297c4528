"""Balances the load and the number of cameras of a fleet's agents, by moving one camera at a time."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable

from .model import Agent, Times

_EVEN = 0.1  # difference that is tolerated, as a fraction of the largest number of cameras


class _Measure:
    """A quantity that should be similar on all agents."""

    def __init__(self, of: Callable[[Agent], float], spread: float) -> None:
        """``spread``: smaller differences do not count."""
        self._of = of
        self._spread = spread
        self._since: float | None = None  # when the agents became unbalanced

    def pair(self, up: list[Agent], patience: float, now: float) -> tuple[Agent, Agent] | None:
        """Returns the agents with the highest and the lowest value, if they have differed for long enough."""
        most, least = max(up, key=self._of), min(up, key=self._of)
        if self._of(most) - self._of(least) <= self._spread:
            self._since = None
            return None
        self._since = now if self._since is None else self._since
        return (most, least) if now - self._since >= patience else None

    def forget(self) -> None:
        """Called when there are not enough agents."""
        self._since = None


class Balance:
    """Tracks since when agents have been unbalanced, and when a camera was last moved."""

    def __init__(self, times: Times) -> None:
        """Starts without any imbalance."""
        self._times = times
        self._loads = _Measure(lambda agent: agent.load, times.spread)
        self._ages = _Measure(lambda agent: agent.late, times.late)
        self._moved = float("-inf")
        self._fewer_since: dict[str, float] = {}  # agents that have too few cameras
        self._filled: set[str] = set()  # agents among these being given cameras

    def pair(
        self, agents: Iterable[Agent], count: Callable[[str], int], now: float
    ) -> tuple[Agent, Agent] | None:
        """Returns two agents, (from, to), if a camera should move now: by load, then by late results."""
        up = _that_take_any(agents)
        if len(up) < 2:
            self._loads.forget()
            self._ages.forget()
            return None
        by_load = self._loads.pair(up, self._times.rebalance_after, now)
        by_age = self._ages.pair(up, self._times.rebalance_after, now)
        if by_age is not None and (count(by_age[0].name) < 2 or by_age[1].load >= self._times.busy):
            by_age = None  # moving a camera would not make its results less late
        if now - self._moved < self._times.rebalance_every:
            return None
        return by_load or by_age

    def fuller(
        self, agents: Iterable[Agent], count: Callable[[str], int], now: float
    ) -> list[tuple[Agent, Agent]]:
        """Returns pairs of agents, (from, to), between which a camera may move.

        The second agent was started (again), has less than half as many cameras, and is not busy.
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
        """Called when a camera starts to move."""
        self._moved = now


def _that_take_any(agents: Iterable[Agent]) -> list[Agent]:
    return [each for each in agents if each.state == "up" and not each.draining and each.apart is None]
