"""MPEG transport stream (ISO/IEC 13818-1) of a film, in one piece per image."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from rigs.live.truth.pace import Due
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.pictures.units import set_name

PACKET = 188
CLOCK = 90000
START = 10 * CLOCK  # start of the timestamps
HEAD_START = CLOCK // 10  # how far the timestamps are ahead of the stream's clock
PMT_PID, VIDEO_PID = 0x1000, 0x100
STREAM_TYPES = {"h264": 0x1B, "h265": 0x24}
# Access unit delimiters, required before each image.
DELIMITERS = {"h264": bytes((9, 0xF0)), "h265": bytes((70, 1, 0x50))}


class TsStream:
    """The packets of one client, or of one file.

    Args:
        film: The images.
        fps: Frame rate of the timestamps.
        lengths: The PES header of each image contains its length, if it fits; otherwise a reader finds the
            end of an image only at the next header, as with most encoders.
        pairs: One header is followed by two images.
        stuffed_within: The image with this index in decoding order has stuffing in its middle, too.
    """

    def __init__(
        self,
        film: Film,
        fps: float,
        *,
        lengths: bool = False,
        pairs: bool = False,
        stuffed_within: int | None = None,
    ) -> None:
        self._film, self._fps, self._lengths, self._pairs = film, fps, lengths, pairs
        self._stuffed_within = stuffed_within
        self.middle = 0  # bytes of the newest image up to the stuffing in its middle; 0 without such stuffing
        self._counters: dict[int, int] = {}
        self._first: tuple[bytes, Due] | None = None  # the first image of a pair

    def packets(self, due: Due) -> bytes:
        """Returns the packets of an image, after those of the tables, so that a reader that joins midway soon
        gets them.
        """
        codec = self._film.codec
        units = (DELIMITERS[codec], *due.picture.units)
        body = b"".join(b"\0\0\0\1" + unit for unit in units)
        if self._pairs:
            if self._first is None:
                self._first = body, due
                return b""
            (before, due), self._first = self._first, None
            body = before + body
        key = any(set_name(unit, codec) for unit in due.picture.units)
        decoded = START + round(due.slot * CLOCK / self._fps)
        shown = START + round((due.place + self._film.lead) * CLOCK / self._fps)
        times = _time(0b0011, shown) + _time(0b0001, decoded)
        length = 3 + len(times) + len(body)
        told = length if self._lengths and length < 1 << 16 else 0
        head = b"\0\0\1\xe0" + told.to_bytes(2, "big") + bytes((0x80, 0xC0, len(times))) + times
        clock = bytes((0x50 if key else 0x10,)) + _reference(decoded - HEAD_START)
        made, data = self._tables(), head + body
        self.middle = 0
        if due.slot != self._stuffed_within:
            return made + self._payload(VIDEO_PID, data, clock)
        half = len(data) // 2
        made += self._payload(VIDEO_PID, data[:half], clock)
        self.middle = len(made)
        return made + self._rest(VIDEO_PID, data[half:])

    def _tables(self) -> bytes:
        """Returns the program association table and the program map table."""
        programs = bytes((0, 1)) + (0xE000 | PMT_PID).to_bytes(2, "big")
        video = (0xE000 | VIDEO_PID).to_bytes(2, "big")
        program = video + b"\xf0\0" + bytes((STREAM_TYPES[self._film.codec],)) + video + b"\xf0\0"
        return self._table(0, 0, programs) + self._table(PMT_PID, 2, program)

    def _table(self, pid: int, kind: int, body: bytes) -> bytes:
        head = (0xB000 | len(body) + 9).to_bytes(2, "big")
        section = bytes((kind,)) + head + b"\0\1\xc1\0\0" + body
        section += crc(section).to_bytes(4, "big")
        whole = b"\0" + section
        return self._packet(pid, whole + b"\xff" * (PACKET - 4 - len(whole)), b"", start=True)

    def _payload(self, pid: int, data: bytes, clock: bytes) -> bytes:
        """Splits data into packets. The last one is stuffed."""
        room = PACKET - 5 - len(clock)
        return self._packet(pid, data[:room], clock, start=True) + self._rest(pid, data[room:])

    def _rest(self, pid: int, data: bytes) -> bytes:
        pieces = (data[begin : begin + PACKET - 4] for begin in range(0, len(data), PACKET - 4))
        return b"".join(self._packet(pid, piece, b"", start=False) for piece in pieces)

    def _packet(self, pid: int, payload: bytes, adaptation: bytes, *, start: bool) -> bytes:
        counter = self._counters.get(pid, 0)
        self._counters[pid] = (counter + 1) % 16
        field = _adaptation(adaptation, PACKET - 4 - len(payload))
        flags = (0x4000 * start | pid).to_bytes(2, "big")
        return b"\x47" + flags + bytes((0x10 | 0x20 * bool(field) | counter,)) + field + payload


def _adaptation(wanted: bytes, room: int) -> bytes:
    """Returns an adaptation field of `room` bytes: flags and data, or only stuffing."""
    if not room:
        return b""
    content = wanted or b"\0"[: room - 1]  # a field of one byte consists of its length, 0
    return bytes((room - 1,)) + content + b"\xff" * (room - 1 - len(content))


def _time(prefix: int, ticks: int) -> bytes:
    """Returns a 33-bit timestamp between marker bits."""
    ticks %= 1 << 33
    high, middle, low = ticks >> 30, ticks >> 15 & 0x7FFF, ticks & 0x7FFF
    value = prefix << 36 | high << 33 | 1 << 32 | middle << 17 | 1 << 16 | low << 1 | 1
    return value.to_bytes(5, "big")


def _reference(ticks: int) -> bytes:
    """Returns the program clock reference, without its 27 MHz extension."""
    return (ticks % (1 << 33) << 15 | 0x7E00).to_bytes(6, "big")


def crc(data: bytes) -> int:
    """Returns the CRC of a table (annex A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 * (value >> 31)) & 0xFFFFFFFF
    return value
