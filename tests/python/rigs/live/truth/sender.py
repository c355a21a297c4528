"""Sends the pictures of a film to one client, each at its time, and notes when."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from typing import Protocol

from rigs.live.truth.film import Film
from rigs.live.truth.lies import Lies
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.manners import Manners
from rigs.live.truth.network import Network
from rigs.live.truth.rtp import Stream
from rigs.live.truth.transport import RTCP, RTP, Transport


class Conduct(Protocol):
    """What a server does now; each picture asks anew."""

    lies: Lies
    network: Network
    manners: Manners
    log: SentLog
    flowing: threading.Event  # cleared: nothing is sent
    keeps: bool  # what is due meanwhile is sent afterwards; else never
    skip: int  # pictures at the start of a film that are left out


class Sender:
    """The pictures of one client, from its PLAY to its end."""

    def __init__(self, conduct: Conduct, client: int, film: Film, fps: float, transport: Transport) -> None:
        self._conduct, self._client, self._film, self._fps = conduct, client, film, fps
        self._transport = transport
        self._stream = Stream(film.codec, fps)
        self._reported = 0.0
        self.over = threading.Event()  # set by the session
        self.reached = 0  # pictures that were sent
        self.receiver_reports = 0

    def run(self, ended: threading.Event) -> None:
        """Until the session is over, the client has gone, or the network closes."""
        pictures = self._film.pictures
        skip = self._conduct.skip
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for slot in itertools.count(skip):
                if self.over.wait(max(0.0, began + (slot - skip) / self._fps - time.monotonic())):
                    return
                if not self._may_send(ended):
                    continue
                if self.reached == self._conduct.network.close_after:
                    return
                picture = pictures[slot % len(pictures)]
                place = slot - slot % len(pictures) + picture.number
                self._send(slot, place, began + (place - self._film.lead - skip) / self._fps)

    def _may_send(self, ended: threading.Event) -> bool:
        """False when the picture falls into a pause. One that is kept waits for the end of the pause."""
        flowing = self._conduct.flowing
        if flowing.is_set():
            return True
        if not self._conduct.keeps:
            return False
        while not (self.over.is_set() or ended.is_set()):
            if flowing.wait(0.05):
                return True
        return False

    def _send(self, slot: int, place: int, due: float) -> None:
        conduct, stream = self._conduct, self._stream
        self.receiver_reports += self._transport.heard()
        self._report(place, due)
        before = stream.count
        picture = self._film.pictures[slot % len(self._film.pictures)]
        packets = stream.packets(picture, place, conduct.lies)
        arriving = conduct.network.arriving(packets, self.reached, before)
        first = time.monotonic()
        if conduct.network.spread and len(arriving) > 1:
            self._spread(arriving, conduct.network.spread / self._fps)
        elif arriving:
            self._transport.send(RTP, arriving)
        last = time.monotonic()
        lost = len(packets) - len(arriving)
        conduct.log.note(Sent(self._client, picture.number, place, due, first, last, len(packets), lost))
        self.reached += 1

    def _spread(self, packets: list[bytes], seconds: float) -> None:
        began = time.monotonic()
        for place, packet in enumerate(packets):
            at = began + seconds * place / (len(packets) - 1)
            if self.over.wait(max(0.0, at - time.monotonic())):
                return
            self._transport.send(RTP, [packet])

    def _report(self, place: int, due: float) -> None:
        interval, now = self._conduct.manners.report_interval, time.monotonic()
        if interval and now >= self._reported + interval:
            self._reported = now
            self._transport.send(RTCP, [self._stream.report(place, time.time() - now + due)])
