"""When each picture was sent, by CLOCK_MONOTONIC, which is the clock of `captured`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

MOST = 100_000  # entries that are kept


class Sent(NamedTuple):
    """A picture that was sent to a client.

    Attributes:
        client: The number of the connection.
        number: Painted into the picture.
        place: In display order, from the start of PLAY.
        due: When the camera took it. With B-frames it is sent later, as any encoder must.
        first: Before its first packet was handed to the system.
        last: After its last one was.
        packets: That were made of it.
        lost: That were left out.
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
    """The newest MOST pictures. A picture is noted when its last packet has been sent: a reader that looks at
    once may be a moment too early."""

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
        """The newest picture with this number whose first packet was sent before this moment."""
        with self._lock:
            for sent in reversed(self._sent):
                if sent.number == number and sent.first <= before:
                    return sent
        return None
