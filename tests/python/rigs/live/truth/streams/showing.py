"""One film that a server shows to each client from its start, and the log of when it did."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pace import Due, Pace
from rigs.live.truth.pictures.film import Film


class Showing:
    """A camera that never stops, with a perfect network.

    Args:
        film: Its pictures.
        fps: Pictures per second.
        log: Of the pictures that were sent.
    """

    def __init__(self, film: Film, fps: float, log: SentLog) -> None:
        self.film, self.fps = film, fps
        self.log = log
        self.network = Network()
        self.flowing = threading.Event()
        self.flowing.set()
        self.keeps = True
        self.skip = 0
        self._clients = itertools.count()

    def show(self, ended: threading.Event, send: Callable[[Due], int]) -> None:
        """To a new client, until the server has ended.

        Args:
            ended: Set when the server ends.
            send: Sends a picture whose time has come; returns of how many packets it is made.
        """
        client = next(self._clients)
        for due in Pace(self, self.film, self.fps).pictures(ended):
            first = time.monotonic()
            packets = send(due)
            times = (due.taken, first, time.monotonic())
            self.log.note(Sent(client, due.picture.number, due.place, *times, packets, 0))
