"""A node that counts its samples, with a clock and last results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import freshframe as ff


class Window(ff.Node[Any, int]):
    """The number of samples since the tick before."""

    tick_every: float | None = 0.05

    def __init__(self) -> None:
        """No samples."""
        self.count = 0

    def process(self, sample: ff.Sample[Any], /) -> None:
        """Counts."""
        self.count += 1

    def on_tick(self, now: float, /) -> int:
        """The count."""
        count, self.count = self.count, 0
        return count

    def finish(self) -> int:
        """The rest, and 1000."""
        return 1000 + self.count
