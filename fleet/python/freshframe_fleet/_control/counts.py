"""A camera's frames and results, and the losses before the outboxes, summed over its starts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .._wire import LOSSES, loss_name

_STARTS = 8  # starts whose counts may still grow or come again
CAUSES = (*map(loss_name, LOSSES), "refused", "failed")

# The sums of the finished starts, the newest of these, the counts of the others by start.
State = tuple[dict[str, int], int, dict[int, dict[str, int]]]


class CameraCounts:
    """Counts for one camera: its finished starts, and the latest counts of the newest ones.

    A camera that moves has two runs for a while, and agents repeat the last counts of a run to the next
    controller.
    """

    def __init__(self, kept: State = ({}, -1, {})) -> None:
        """``kept``: the ``state`` of an earlier controller's."""
        self._finished: Counter[str] = Counter(kept[0])
        self._newest_finished = kept[1]
        self._told = {epoch: Counter(counts) for epoch, counts in kept[2].items()}
        self._kept: dict[int, dict[str, int]] = {}  # for state: counts that have not grown since
        self._state: State | None = None  # None: something has changed since

    @property
    def state(self) -> State:
        """For the next controller. It is asked for with each change of the fleet, so it must cost little."""
        if self._state is None:
            for epoch in self._told.keys() - self._kept.keys():
                self._kept[epoch] = dict(+self._told[epoch])  # those above 0
            self._state = dict(self._finished), self._newest_finished, dict(self._kept)
        return self._state

    def tell(self, epoch: int, counts: Mapping[str, int]) -> None:
        """Notes the counts of a start by now. Before the newest eight starts they are final."""
        if epoch <= self._newest_finished:
            return
        told = self._told.get(epoch)
        if told is None:
            told = self._told[epoch] = Counter()
            self._state = None
        for name, count in counts.items():
            if count > told[name]:
                told[name] = count
                self._kept.pop(epoch, None)
                self._state = None
        if len(self._told) > _STARTS:
            self._newest_finished = min(self._told)
            self._finished.update(self._told.pop(self._newest_finished))
            self._kept.pop(self._newest_finished, None)

    def totals(self, epoch: int, counts: Mapping[str, int]) -> Counter[str]:
        """Adds up all starts; ``counts``: further counts of the present one."""
        self.tell(epoch, counts)
        return sum(self._told.values(), self._finished)
