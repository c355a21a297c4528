"""When a fleet asks its cluster for another machine, and when it does so no longer. No clock, no cluster."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping

from .model import Times

Needs = Mapping[str, str]


class MoreMachines:
    """One request at a time. A machine that has come gets cameras before the next one is asked for."""

    def __init__(self, times: Times) -> None:
        """Begins without a request."""
        self._times = times
        self._waiting_since: float | None = None
        self._rests_until = float("-inf")
        self._asked_with: int | None = None  # machines that were there when it asked
        self._calm_since: float | None = None
        self._needs: list[tuple[tuple[str, str], ...]] = []  # with which it asks

    def wanted(self, waiting: Iterable[Needs], machines: int, now: float) -> list[dict[str, str]]:
        """Returns the labels of each machine that the cluster should add.

        Args:
            waiting: The needs of the cameras that have no room anywhere.
            machines: How many the cluster has.
            now: To be called often.
        """
        needs = sorted({tuple(sorted(each.items())) for each in waiting})
        if self._asked_with is None:
            self._look_for_need(bool(needs), machines, now)
        elif machines > self._asked_with:
            self._withdraw(now + self._times.ask_again)
        else:
            self._look_for_calm(bool(needs), now)
        if self._asked_with is None:
            return []
        self._needs = needs or self._needs  # while it is calm, the request is for the same machines
        return [dict(each) for each in self._needs]

    def _look_for_need(self, is_needed: bool, machines: int, now: float) -> None:
        if not is_needed:
            self._waiting_since = None
            return
        self._waiting_since = now if self._waiting_since is None else self._waiting_since
        if now - self._waiting_since >= self._times.ask_after and now >= self._rests_until:
            self._asked_with = machines

    def _look_for_calm(self, is_needed: bool, now: float) -> None:
        if is_needed:
            self._calm_since = None
            return
        self._calm_since = now if self._calm_since is None else self._calm_since
        if now - self._calm_since >= self._times.ask_after:
            self._withdraw(now)

    def _withdraw(self, rests_until: float) -> None:
        self._asked_with = self._waiting_since = self._calm_since = None
        self._rests_until = rests_until
