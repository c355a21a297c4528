"""A live source of numbers at a constant rate."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from collections.abc import Iterator

import freshframe as ff


class Ticking(ff.Source[int]):
    """Emits ``count`` numbers at ``fps``, then ends or stays silent until it is stopped."""

    live = True

    def __init__(self, count: int, fps: float, *, stays: bool = False) -> None:
        """Emits nothing yet."""
        self.count, self.fps, self.stays = count, fps, stays

    def read(self) -> Iterator[tuple[int, float]]:
        """Emits on a fixed time grid."""
        begin = time.monotonic()
        for i in range(self.count):
            if self.stop_token.wait(max(0.0, begin + i / self.fps - time.monotonic())):
                return
            yield i, i / self.fps
        if self.stays:
            self.stop_token.wait(60)
