"""An RTSP server with unusual timestamps, markers and NAL units."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rigs.live.rtsp import RtspServer
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.pictures.units import Piece, pieces

CLOCK = 90000
FPS = 40.0
STEP = round(CLOCK / FPS)
NAMES = {
    "h264": "H264",
    "h265": "H265",
    "mjpeg": "JPEG",
    "mpeg4": "MP4V-ES",
    "vp8": "VP8",
    "vp9": "VP9",
}
Units = Callable[[tuple[bytes, ...], int], list[bytes]]


@dataclass(frozen=True)
class Odd:
    """How a sender deviates from the usual.

    Attributes:
        stamp: Returns the timestamp of a packet, given the numbers of its image and of the packet in it.
        marked: Returns whether a packet has the marker, given its image, its number, and their count.
        units: Returns the NAL units of an image, given the usual ones and the number of the image.
        cut: Returns the packets of an image, given its units and its number.
        lost: Returns whether a packet is lost, given the numbers of its image and of the packet in it.
    """

    stamp: Callable[[int, int], int] = lambda n, _: 4321 + STEP * n
    marked: Callable[[int, int, int], bool] = lambda _, at, count: at == count - 1
    units: Units = lambda units, _: list(units)
    cut: Callable[[list[bytes], int], list[bytes]] | None = None
    lost: Callable[[int, int], bool] = lambda _, __: False


def scrambled(number: int, at: int = 0) -> int:
    """Returns a 32-bit number that looks random."""
    return random.Random(1000 * number + at).getrandbits(32)


STAMPS: dict[str, Callable[[int, int], int]] = {
    "good": Odd().stamp,
    "all-0": lambda *_: 0,
    "all-the-same": lambda *_: 777,
    "per-second": lambda n, _: CLOCK * int(n / FPS),
    "per-group": lambda n, _: STEP * 12 * (n // 12),
    "in-pairs": lambda n, _: STEP * (n // 2),
    "two-in-turn": lambda n, _: 1000 + n % 2 * STEP,
    "numbers": lambda n, _: n,
    "milliseconds": lambda n, _: round(1000 * n / FPS),
    "microseconds": lambda n, _: round(1e6 * n / FPS) & 0xFFFFFFFF,
    "begin-again-per-group": lambda n, _: STEP * (n % 12),
    "back": lambda n, _: (1 << 31) - STEP * n,
    "random": lambda n, _: scrambled(n),
    "per-packet": lambda n, at: 4321 + STEP * n + at,
    "random-per-packet": scrambled,
    "of-the-next-on-the-last": lambda n, at: 4321 + STEP * (n + (at > 2)),
    "wrapping": lambda n, _: ((1 << 32) - 20 * STEP + STEP * n) & 0xFFFFFFFF,
    "half-rate": lambda n, _: STEP * n // 2,
    "jumps-once": lambda n, _: STEP * n + (n > 30) * 100 * CLOCK,
}
MARKS: dict[str, Callable[[int, int, int], bool]] = {
    "last": Odd().marked,
    "never": lambda *_: False,
    "always": lambda *_: True,
    "first": lambda _, at, __: at == 0,
    "second": lambda _, at, __: at == 1,
    "keyframes-only": lambda n, at, count: at == count - 1 and n % 12 == 0,
    "not-on-keyframes": lambda n, at, count: at == count - 1 and n % 12 != 0,
    "sometimes": lambda n, at, count: at == count - 1 and n % 3 != 0,
    "random": lambda n, at, _: random.Random(100 * n + at).random() < 0.3,
}


class OddServer(RtspServer):
    """Plays a film once per connection, and then keeps the connection open.

    Attributes:
        MORE: Images after the film, because without a marker an image ends where the next one starts.
    """

    MORE = 2

    def __init__(self, film: Film, odd: Odd) -> None:
        self._film, self._odd = film, odd
        super().__init__()

    def _sdp(self) -> str:
        name = NAMES[self._film.codec]
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:*\r\n"
            f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {name}/{CLOCK}\r\na=control:track1\r\n"
        )

    def packets(self, number: int) -> list[bytes]:
        """Returns the payloads of the image with this number."""
        codec, odd = self._film.codec, self._odd
        picture = self._film.pictures[number % len(self._film.pictures)]
        units = odd.units(picture.units, number)
        if odd.cut is not None:
            return odd.cut(units, number)
        made: list[Piece] = [piece for unit in units for piece in pieces(unit, codec)]
        return [piece.data for piece in made]

    def _play(self, send: object, connection: socket.socket) -> None:
        assert callable(send)
        with contextlib.suppress(OSError):
            for header, payload in self._timed():
                send(0, header + payload)
            self._ended.wait()

    def _timed(self) -> Iterator[tuple[bytes, bytes]]:
        sequence, began, odd = 100, time.monotonic(), self._odd
        for number in range(len(self._film.pictures) + self.MORE):
            if self._ended.wait(max(0.0, began + number / FPS - time.monotonic())):
                return
            made = self.packets(number)
            for at, payload in enumerate(made):
                marker = 0x80 if odd.marked(number, at, len(made)) else 0
                stamp = odd.stamp(number, at) & 0xFFFFFFFF
                sequence += 1
                if not odd.lost(number, at):
                    yield struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, stamp, 7), payload
