"""The pictures of a film at their times, with the pauses and the end that the server wants."""
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
    """The present conduct of a server, read for each picture."""

    network: Network
    log: SentLog
    flowing: threading.Event  # cleared: nothing is sent
    keeps: bool  # pictures due meanwhile are sent afterwards; else never
    skip: int  # pictures at the start of a film that are left out


class Due(NamedTuple):
    """A picture whose time has come.

    Attributes:
        picture: To be sent.
        slot: In decoding order, from the start of the film.
        place: In display order.
        taken: When the camera took it, by CLOCK_MONOTONIC.
    """

    picture: Picture
    slot: int
    place: int
    taken: float


class Pace:
    """One showing of a film, over and over."""

    def __init__(self, conduct: Conduct, film: Film, fps: float) -> None:
        self._conduct, self._film, self._fps = conduct, film, fps
        self.over = threading.Event()  # set when the client has gone
        self.reached = 0  # pictures that were handed out before the present one

    def pictures(self, ended: threading.Event) -> Iterator[Due]:
        """Yields pictures until it is over, the server has ended, or the network closes."""
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
        """False when the picture falls into a pause. A kept picture waits for the end of the pause."""
        flowing = self._conduct.flowing
        if flowing.is_set():
            return True
        if not self._conduct.keeps:
            return False
        while not (self.over.is_set() or ended.is_set()):
            if flowing.wait(0.05):
                return True
        return False
