"""Plays one film to each client from its start, and logs when."""
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
        film: The images.
        fps: Images per second.
        log: The log of the images that were sent.
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
        """Plays the film to a new client, until the server closes.

        Args:
            ended: Set when the server closes.
            send: Sends an image that is due; returns its number of packets.
        """
        client = next(self._clients)
        for due in Pace(self, self.film, self.fps).pictures(ended):
            first = time.monotonic()
            packets = send(due)
            times = (due.taken, first, time.monotonic())
            self.log.note(Sent(client, due.picture.number, due.place, *times, packets, 0))
