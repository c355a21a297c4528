"""A source and the nodes that the measurements of worker processes share."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any

import freshframe as ff

BURN = 0.1
COMPUTE = 0.03


class Push(ff.Source[Any]):
    """Emits what is put into its queue; None ends it."""

    live = False

    def __init__(self) -> None:
        """Has nothing yet."""
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read(self) -> Iterator[tuple[Any, float]]:
        """Yields them."""
        while not self.stop_token.stopped:
            try:
                item = self.items.get(timeout=0.05)
            except queue.Empty:
                continue
            if item is None:
                return
            yield item, 0.0


def one_pixel(frame: ff.Frame) -> float:
    """The least that looks at a picture."""
    return float(frame.luma[360, 640])


def burn(seconds: float) -> None:
    """Bytecode for so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(200))


def burn_long(value: Any) -> int:
    """A node that keeps the GIL."""
    burn(BURN)
    return 1


def compute(value: Any) -> int:
    """A node that computes."""
    burn(COMPUTE)
    return 1
