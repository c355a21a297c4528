"""A camera's frames and results, and the losses upstream of the outboxes, summed over its starts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .._wire import LOSSES, loss_name

_STARTS = 8  # number of starts whose counts may still grow
CAUSES = (*map(loss_name, LOSSES), "refused", "failed")


class CameraCounts:
    """Counts for one camera: its finished starts, and the latest counts of the newest ones.

    A camera that moves has two runs for a while.
    """

    def __init__(self) -> None:
        """Begins without starts."""
        self._finished: Counter[str] = Counter()
        self._newest_finished = -1
        self._told: dict[int, Counter[str]] = {}

    def tell(self, epoch: int, counts: Mapping[str, int]) -> None:
        """Updates the counts of a start. Ignores starts before the newest eight, whose counts are final."""
        if epoch <= self._newest_finished:
            return
        told = self._told.get(epoch)
        if told is None:
            told = self._told[epoch] = Counter()
        for name, count in counts.items():
            told[name] = max(told[name], count)
        if len(self._told) > _STARTS:
            self._newest_finished = min(self._told)
            self._finished.update(self._told.pop(self._newest_finished))

    def totals(self, epoch: int, counts: Mapping[str, int]) -> Counter[str]:
        """Returns the sums over all starts. ``counts``: the newest counts of the start `epoch`."""
        self.tell(epoch, counts)
        return sum(self._told.values(), self._finished)
