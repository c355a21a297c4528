"""When each image was sent, by CLOCK_MONOTONIC, the clock of `captured`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

MOST = 100_000  # maximum number of entries


class Sent(NamedTuple):
    """An image that was sent to a client.

    Attributes:
        client: Number of the connection.
        number: The number painted into the image.
        place: Its index in display order, from the start of PLAY.
        due: When the camera captured it. With B-frames, it is sent later.
        first: Time before its first packet was passed to the kernel.
        last: Time after its last packet was.
        packets: Number of packets that it consists of.
        lost: Number of packets that were not sent.
    """

    client: int
    number: int
    place: int
    due: float
    first: float
    last: float
    packets: int
    lost: int


class SentLog:
    """Keeps the newest MOST images.

    An image is added when its last packet has been sent, so it may be missing for a moment after a reader has
    received it.
    """

    def __init__(self, sent: list[Sent] | None = None) -> None:
        self._lock = threading.Lock()
        self._sent: deque[Sent] = deque(sent or [], maxlen=MOST)

    def note(self, sent: Sent) -> None:
        """Adds one."""
        with self._lock:
            self._sent.append(sent)

    def all(self) -> list[Sent]:
        """A copy."""
        with self._lock:
            return list(self._sent)

    def find(self, number: int, before: float) -> Sent | None:
        """Returns the newest image with this number whose first packet was sent before this time."""
        with self._lock:
            for sent in reversed(self._sent):
                if sent.number == number and sent.first <= before:
                    return sent
        return None
