"""A node that counts its samples, with on_tick() and finish()."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import freshframe as ff


class Window(ff.Node[Any, int]):
    """Returns the number of samples since the previous tick."""

    tick_every: float | None = 0.05

    def __init__(self) -> None:
        """Starts with a count of 0."""
        self.count = 0

    def process(self, sample: ff.Sample[Any], /) -> None:
        """Counts the sample."""
        self.count += 1

    def on_tick(self, now: float, /) -> int:
        """Returns the count since the last tick."""
        count, self.count = self.count, 0
        return count

    def finish(self) -> int:
        """Returns the remaining count plus 1000."""
        return 1000 + self.count
