"""The network between a camera and its client: loss, disorder, a narrow line, an end."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """A perfect one by default. The same packets are lost in every run.

    Attributes:
        lose: Share of the packets that do not arrive; the client sees a gap in their numbers.
        lose_after: Pictures before the first loss.
        swap_each: After this number of packets, two change places; 0: never. For UDP: TCP keeps the order.
        spread: Share of the frame interval that the packets of a picture take, as on a narrow line.
        close_after: Pictures after which the connection ends; None means never.
    """

    lose: float = 0.0
    lose_after: int = 0
    swap_each: int = 0
    spread: float = 0.0
    close_after: int | None = None

    def arriving(self, packets: list[bytes], picture: int, count: int) -> list[bytes]:
        """The packets of a picture that arrive, in the order of their arrival; `count` came before."""
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
