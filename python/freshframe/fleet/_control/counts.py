"""A camera's frames and results, and the losses before the outboxes, summed over its starts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .._wire import LOSSES, loss_name

_STARTS = 2  # whose counts may still grow
CAUSES = (*map(loss_name, LOSSES), "refused", "failed")


class CameraCounts:
    """Of one camera: its finished starts, and the latest counts of the newest two, since it may be moving."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._finished: Counter[str] = Counter()
        self._told: dict[int, Counter[str]] = {}  # by epoch, in their order

    def tell(self, epoch: int, counts: Mapping[str, int]) -> None:
        """The counts of a start by now. Those of one before the newest two are final."""
        if epoch not in self._told:
            if self._told and epoch < max(self._told):
                return
            self._told[epoch] = Counter()
        if len(self._told) > _STARTS:
            self._finished.update(self._told.pop(min(self._told)))
        told = self._told[epoch]
        for name, count in counts.items():
            told[name] = max(told[name], count)

    def totals(self, epoch: int, counts: Mapping[str, int]) -> Counter[str]:
        """Of all starts; ``counts``: further counts of the present one."""
        self.tell(epoch, counts)
        return sum(self._told.values(), self._finished)
