"""Sequence numbers and timestamps of an RTP stream (RFC 3550): packets of an image, sender reports."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import struct

from rigs.live.truth.pictures.film import Picture
from rigs.live.truth.pictures.units import Codec, pieces
from rigs.live.truth.rtsp.lies import Lies

CLOCK = 90000
PAYLOAD_TYPE = 96
SOURCE = 0x7275_6C65
FIRST_SEQUENCE = 65500  # so that sequence numbers and timestamps wrap early in every run
FIRST_STAMP = (1 << 32) - 2 * CLOCK
NTP_TO_UNIX = 2208988800  # NTP counts from 1900
MARKER = 0x80


class Stream:
    """The packets of one client."""

    def __init__(self, codec: Codec, fps: float) -> None:
        self.codec = codec
        self.fps = fps
        self.count = 0  # number of packets made
        self._octets = 0
        self._pictures = 0
        self._stamp_before = FIRST_STAMP

    def stamp(self, place: float) -> int:
        """Returns the RTP timestamp of the image at this index in display order."""
        return (FIRST_STAMP + round(place * CLOCK / self.fps)) % (1 << 32)

    def packets(self, picture: Picture, place: int, lies: Lies) -> list[bytes]:
        """Returns the packets of the image at this index in display order."""
        stamp = self.stamp(self._pictures if lies.sent_stamps else place)
        self._pictures += 1
        made = [piece for unit in picture.units for piece in pieces(unit, self.codec)]
        packets = []
        for piece in made:
            marker = MARKER if lies.marked(piece, last=piece is made[-1]) else 0
            told = self._stamp_before if lies.old_stamps and not piece.of_slice else stamp
            sequence = (FIRST_SEQUENCE + self.count) % (1 << 16)
            packets.append(
                struct.pack(">BBHII", 0x80, marker | PAYLOAD_TYPE, sequence, told, SOURCE) + piece.data
            )
            self.count += 1
            self._octets += len(piece.data)
        self._stamp_before = stamp
        return packets

    def report(self, place: float, unix: float) -> bytes:
        """Returns a sender report that maps an index in display order to a Unix time."""
        seconds = unix + NTP_TO_UNIX
        return struct.pack(
            ">BBHIIIIII",
            0x80,
            200,
            6,
            SOURCE,
            int(seconds),
            int(seconds % 1 * 2**32),
            self.stamp(place),
            self.count,
            self._octets % (1 << 32),
        )


def reports_loss(report: bytes) -> bool:
    """Returns True if a compound RTCP packet ends with a PLI (RFC 4585, 6.3.1)."""
    return report[-12:-8] == b"\x81\xce\0\2"
