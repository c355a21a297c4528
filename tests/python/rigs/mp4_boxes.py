"""Writes an MP4 with the samples, edits and tables that a test chooses, based on a file from ffmpeg."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

SCALE = 1000  # ticks per second


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, *parts: bytes) -> bytes:
    return box(kind, bytes(4), *parts)


def find(content: bytes, kind: bytes) -> bytes:
    """Returns the first box of this type, anywhere in the file."""
    at = content.index(kind) - 4
    return content[at : at + int.from_bytes(content[at : at + 4], "big")]


@dataclass(frozen=True)
class Packet:
    data: bytes
    key: bool
    shown: int  # ticks from its decoding to its display
    lasts: int  # ticks to the next packet


@dataclass(frozen=True)
class Film:
    """One video track. `edits`: (ticks of the movie, ticks in the track or -1) of each edit."""

    entry: bytes  # the stsd box
    size: tuple[int, int]
    packets: tuple[Packet, ...]
    edits: tuple[tuple[int, int], ...] = ()

    def insert(self, place: int, data: bytes, key: bool = False) -> Film:
        """Inserts a packet that takes one tick from the previous one, so that the others keep their times."""
        before = self.packets[place - 1]
        given = (replace(before, lasts=before.lasts - 1), Packet(data, key, before.shown, 1))
        return replace(self, packets=(*self.packets[: place - 1], *given, *self.packets[place:]))

    def write(self, path: Path, handler: bytes = b"vide") -> Path:
        data = b"".join(packet.data for packet in self.packets)
        head = box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
        length = sum(packet.lasts for packet in self.packets)
        media = full_box(b"mdhd", struct.pack(">IIIIHH", 0, 0, SCALE, length, 0x55C4, 0))
        name = full_box(b"hdlr", bytes(4), handler, bytes(12), b"video\0")
        place = full_box(b"dref", struct.pack(">I", 1), box(b"url ", b"\0\0\0\1"))
        info = box(
            b"minf",
            full_box(b"vmhd", bytes(8)),
            box(b"dinf", place),
            box(b"stbl", *self._tables(len(head) + 8)),
        )
        shown = sum(ticks for ticks, _ in self.edits) or length
        edits = b"".join(struct.pack(">IiI", ticks, at, 0x10000) for ticks, at in self.edits)
        edit = box(b"edts", full_box(b"elst", struct.pack(">I", len(self.edits)), edits)) if edits else b""
        matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
        width, height = self.size
        track = box(
            b"tkhd",
            b"\0\0\0\3",
            struct.pack(">IIIII", 0, 0, 1, 0, shown) + bytes(16) + matrix,
            struct.pack(">II", width << 16, height << 16),
        )
        movie = full_box(
            b"mvhd",
            struct.pack(">IIIIIH", 0, 0, SCALE, shown, 0x10000, 0x100) + bytes(10) + matrix + bytes(24),
            struct.pack(">I", 2),
        )
        moov = box(b"moov", movie, box(b"trak", track, edit, box(b"mdia", media, name, info)))
        path.write_bytes(head + box(b"mdat", data) + moov)
        return path

    def _tables(self, start: int) -> list[bytes]:
        packets = self.packets
        count = struct.pack(">I", len(packets))
        keys = [place for place, packet in enumerate(packets, 1) if packet.key]
        # FFmpeg uses the durations of packets only if this table is missing.
        shown = [struct.pack(">Ii", 1, packet.shown) for packet in packets]
        offsets = [full_box(b"ctts", count, *shown)] if any(packet.shown for packet in packets) else []
        places, at = [], start
        for packet in packets:
            places.append(at)
            at += len(packet.data)
        return [
            self.entry,
            full_box(b"stts", count, *(struct.pack(">II", 1, packet.lasts) for packet in packets)),
            *offsets,
            full_box(b"stss", struct.pack(f">I{len(keys)}I", len(keys), *keys)),
            full_box(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
            full_box(b"stsz", bytes(4), count, *(struct.pack(">I", len(packet.data)) for packet in packets)),
            full_box(b"stco", count, struct.pack(f">{len(places)}I", *places)),
        ]


def read_film(path: Path) -> Film:
    """Returns the packets of an MP4 file from ffmpeg with one video stream."""
    entries = "packet=pts_time,dts_time,pos,size,flags"
    command = ["ffprobe", "-v", "error", "-ignore_editlist", "1", "-show_entries", entries, "-of", "csv=p=0"]
    lines = subprocess.run([*command, path], check=True, capture_output=True, text=True, timeout=60)
    content = path.read_bytes()
    rows = []
    for line in lines.stdout.split():
        shown, decoded, size, at, flags = line.split(",")[:5]
        data = content[int(at) : int(at) + int(size)]
        rows.append((round(float(shown) * SCALE), round(float(decoded) * SCALE), data, "K" in flags))
    step = rows[1][1] - rows[0][1]
    decoded_at = [row[1] for row in rows] + [rows[-1][1] + step]
    packets = tuple(
        Packet(data, key, shown - decoded, decoded_at[place + 1] - decoded)
        for place, (shown, decoded, data, key) in enumerate(rows)
    )
    track = find(content, b"tkhd")
    width, height = struct.unpack(">II", track[-8:])
    return Film(find(content, b"stsd"), (width >> 16, height >> 16), packets)
