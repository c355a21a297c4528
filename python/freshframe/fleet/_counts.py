"""What becomes of a camera's results before they are in outboxes, summed over its starts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

CAUSES = ("queue_full", "stopped", "refused", "failed")


class CameraCounts:
    """Of one camera: its finished starts, and the present one as its agent last told."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._finished: Counter[str] = Counter()
        self._epoch = 0  # of the present start
        self._told: Counter[str] = Counter()

    def tell(self, epoch: int, counts: Mapping[str, int]) -> None:
        """What a start has counted by now. Of an older one nothing is heard."""
        if epoch < self._epoch:
            return
        if epoch > self._epoch:
            self._finished.update(self._told)
            self._told = Counter()
            self._epoch = epoch
        for name, count in counts.items():
            self._told[name] = max(self._told[name], count)

    def totals(self, epoch: int, counts: Mapping[str, int]) -> Counter[str]:
        """Of all starts; ``counts``: what else is known of the present one."""
        self.tell(epoch, counts)
        return self._finished + self._told
