"""A simulated network between a camera and its client: loss, reordering, low bandwidth, disconnection."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """A perfect network by default. The same packets are lost in every run.

    Attributes:
        lose: Fraction of the packets that are lost; the client sees a gap in the sequence numbers.
        lose_after: Number of images before the first loss.
        swap_each: Swaps two packets after every this many; 0 means never. Only for UDP, as TCP keeps the
            order.
        spread: Fraction of the frame interval over which the packets of an image are spread, as on a slow
            link.
        close_after: Number of images after which the connection is closed; None means never.
    """

    lose: float = 0.0
    lose_after: int = 0
    swap_each: int = 0
    spread: float = 0.0
    close_after: int | None = None

    def arriving(self, packets: list[bytes], picture: int, count: int) -> list[bytes]:
        """Returns the packets of an image that arrive, in order of arrival.

        `count` packets were sent before them.
        """
        if picture < self.lose_after:
            return packets
        kept = [
            packet
            for place, packet in enumerate(packets, count)
            if not self.lose or random.Random(place).random() >= self.lose
        ]
        if self.swap_each:
            for place in range(len(kept) - 1):
                if (count + place) % self.swap_each == 0:
                    kept[place], kept[place + 1] = kept[place + 1], kept[place]
        return kept
