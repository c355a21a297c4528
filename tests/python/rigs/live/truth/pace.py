"""Yields the images of a film when they are due, with pauses, until the server stops it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from rigs.live.truth.log import SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.film import Film, Picture


class Conduct(Protocol):
    """How a server behaves now. Read again for each image."""

    network: Network
    log: SentLog
    flowing: threading.Event  # cleared while nothing is sent
    keeps: bool  # whether images that are due during a pause are sent after it; otherwise they are dropped
    skip: int  # number of images that are left out at the start of a film


class Due(NamedTuple):
    """An image that is due.

    Attributes:
        picture: The image.
        slot: Its index in decoding order, from the start of the film.
        place: Its index in display order.
        taken: When the camera captured it, by CLOCK_MONOTONIC.
    """

    picture: Picture
    slot: int
    place: int
    taken: float


class Pace:
    """Plays a film in a loop for one client."""

    def __init__(self, conduct: Conduct, film: Film, fps: float) -> None:
        self._conduct, self._film, self._fps = conduct, film, fps
        self.over = threading.Event()  # set when the client has disconnected
        self.reached = 0  # number of images yielded before the current one

    def pictures(self, ended: threading.Event) -> Iterator[Due]:
        """Yields images until `over` or `ended` is set, or the network closes the connection."""
        pictures = self._film.pictures
        skip = self._conduct.skip
        began = time.monotonic()
        for slot in itertools.count(skip):
            if self.over.wait(max(0.0, began + (slot - skip) / self._fps - time.monotonic())):
                return
            if not self._may_send(ended):
                continue
            if ended.is_set() or self.reached == self._conduct.network.close_after:
                return
            picture = pictures[slot % len(pictures)]
            place = slot - slot % len(pictures) + picture.number
            yield Due(picture, slot, place, began + (place - self._film.lead - skip) / self._fps)
            self.reached += 1

    def _may_send(self, ended: threading.Event) -> bool:
        """Returns False for an image that is due during a pause.

        With `keeps`, waits for the end of the pause instead.
        """
        flowing = self._conduct.flowing
        if flowing.is_set():
            return True
        if not self._conduct.keeps:
            return False
        while not (self.over.is_set() or ended.is_set()):
            if flowing.wait(0.05):
                return True
        return False
