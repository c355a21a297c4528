"""Sends the images of a film to one RTSP client, and logs when."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import Protocol

from rigs.live.truth.log import Sent
from rigs.live.truth.pace import Conduct, Due, Pace
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.rtp import Stream, reports_loss
from rigs.live.truth.rtsp.transport import RTCP, RTP, Transport


class Speech(Conduct, Protocol):
    """The other messages that an RTSP server sends and receives."""

    lies: Lies
    manners: Manners
    picture_losses: int  # number of reports of lost images


class Sender:
    """Sends images to one client, from its PLAY to the end."""

    def __init__(self, speech: Speech, client: int, film: Film, fps: float, transport: Transport) -> None:
        self._speech, self._client, self._fps = speech, client, fps
        self._transport = transport
        self._stream = Stream(film.codec, speech.lies.stamped_fps or fps)
        self._reported = 0.0
        self.pace = Pace(speech, film, fps)
        self.receiver_reports = 0

    def run(self, ended: threading.Event) -> None:
        """Sends until the session ends, the client has disconnected, or the network closes the connection."""
        with contextlib.suppress(OSError):
            for due in self.pace.pictures(ended):
                self._send(due)

    def _send(self, due: Due) -> None:
        speech, stream = self._speech, self._stream
        for report in self._transport.heard():
            self.receiver_reports += 1
            speech.picture_losses += reports_loss(report)
        self._report(due)
        before = stream.count
        packets = stream.packets(due.picture, due.place, speech.lies)
        arriving = speech.network.arriving(packets, self.pace.reached, before)
        first = time.monotonic()
        if speech.network.spread and len(arriving) > 1:
            self._spread(arriving, speech.network.spread / self._fps)
        elif arriving:
            self._transport.send(RTP, arriving)
        last = time.monotonic()
        lost = len(packets) - len(arriving)
        times = (due.taken, first, last)
        speech.log.note(Sent(self._client, due.picture.number, due.place, *times, len(packets), lost))

    def _spread(self, packets: list[bytes], seconds: float) -> None:
        began = time.monotonic()
        for place, packet in enumerate(packets):
            at = began + seconds * place / (len(packets) - 1)
            if self.pace.over.wait(max(0.0, at - time.monotonic())):
                return
            self._transport.send(RTP, [packet])

    def _report(self, due: Due) -> None:
        interval, now = self._speech.manners.report_interval, time.monotonic()
        if interval and now >= self._reported + interval:
            self._reported = now
            unix = self._speech.lies.utc(time.time() - now + due.taken, due.place / self._fps)
            noise = self._speech.lies.report_noise * random.Random(due.place).uniform(-1, 1)
            self._transport.send(RTCP, [self._stream.report(due.place, unix + noise)])
