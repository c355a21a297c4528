"""Reads a stream of the truth server with freshframe, and records each image's number and arrival time."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from support import WATCHDOG

import freshframe as ff
from rigs.live.camera import Opened
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.pictures.number import read_number


class Seen(NamedTuple):
    """An image as its reader saw it.

    Attributes:
        now: When the reader received it, by CLOCK_MONOTONIC.
        captured: The sample's `captured`.
        pts: The sample's `pts`.
        number: The number in its pixels; None means it is torn.
        seq: The sample's `seq`.
        damaged: The frame's `damaged`.
        utc: The sample's `utc`, with `utc_error` and `utc_from`.
    """

    now: float
    captured: float
    pts: float
    number: int | None
    seq: int = 0
    damaged: bool = False
    utc: float | None = None
    utc_error: float = math.inf
    utc_from: str = "none"


class Watch(Opened):
    """A camera whose images are read as soon as they arrive."""

    queue = ff.Queue(64, "drop_oldest")  # long enough that a reader that is late for a moment misses nothing

    @property
    def drops(self) -> dict[str, int]:
        """The drops of the source, by cause."""
        return {cause: count for cause, count in self.pipeline.stats().nodes["camera"].drops.items()}

    @property
    def unread(self) -> int:
        """Number of images that the source has delivered, but that this reader was too slow for."""
        return sum(edge.dropped for edge in self.pipeline.stats().edges)

    def read(self, count: int) -> list[Seen]:
        """Returns the next images."""
        seen = []
        for _ in range(count):
            sample = self.reader.get(timeout=WATCHDOG)
            now = time.monotonic()
            number = find_number(sample.value.luma)
            wall = (sample.utc, sample.utc_error, sample.utc_from)
            seen.append(
                Seen(now, sample.captured, sample.pts, number, sample.seq, sample.value.damaged, *wall)
            )
        return seen


def find_number(luma: npt.NDArray[np.uint8]) -> int | None:
    """Returns the number in the pixels of an image."""
    height, width = luma.shape
    return read_number(np.ascontiguousarray(luma).data.cast("B"), width, height, width)


def matched(seen: list[Seen], log: SentLog) -> list[tuple[Seen, Sent]]:
    """Pairs each whole image with its entry in the server's log."""
    found = [(one, log.find(one.number, one.now)) for one in seen if one.number is not None]
    return [(one, sent) for one, sent in found if sent is not None]
