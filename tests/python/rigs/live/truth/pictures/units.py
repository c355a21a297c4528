"""Splits NAL units of H.264 and H.265, and images of other codecs, into RTP payloads.

Payloads: RFC 6184 5.6 and 5.8 (single unit, FU-A), RFC 7798 4.4.1 and 4.4.3 (single unit, FU),
RFC 7741 4.2 (VP8), RFC 9628 4.2 (VP9), RFC 2435 3.1 (JPEG), RFC 6416 5.2 (MPEG-4).
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Codec = Literal["h264", "h265", "mjpeg", "mpeg4", "vp8", "vp9"]
WHOLE: tuple[Codec, ...] = ("mjpeg", "mpeg4", "vp8", "vp9")  # codecs whose images are not split into units
MOST = 1400  # bytes of a payload
FU_A, FU = 28, 49
# Types of coded slices, from table 7-1 of each standard, without H.264's data partitions, which cameras do
# not send.
H264_SLICES = (1, 5)
H265_VCL = range(32)
H264_SETS = {7: "sps", 8: "pps"}
H265_SETS = {32: "vps", 33: "sps", 34: "pps"}


def split(stream: bytes) -> list[bytes]:
    """Returns the units between start codes."""
    return [unit for unit in (part.rstrip(b"\0") for part in re.split(b"\0\0\1", stream)) if unit]


def kind(unit: bytes, codec: Codec) -> int:
    """Returns the NAL unit type."""
    return unit[0] >> 1 & 63 if codec == "h265" else unit[0] & 31


def is_slice(unit: bytes, codec: Codec) -> bool:
    """Returns True if the unit holds part of the image, unlike parameter sets, SEI and delimiters."""
    return kind(unit, codec) in (H265_VCL if codec == "h265" else H264_SLICES)


def is_idr(unit: bytes, codec: Codec) -> bool:
    """Returns True for a slice of an IDR image, after which nothing refers to earlier images."""
    return kind(unit, codec) in ((19, 20) if codec == "h265" else (5,))


def set_name(unit: bytes, codec: Codec) -> str | None:
    """Returns "vps", "sps" or "pps", or None for other units."""
    return (H265_SETS if codec == "h265" else H264_SETS).get(kind(unit, codec))


@dataclass(frozen=True)
class Piece:
    """An RTP payload.

    Attributes:
        data: The payload.
        ends_unit: True for a whole unit, or for its last fragment.
        of_slice: True if the unit is a slice.
    """

    data: bytes
    ends_unit: bool
    of_slice: bool


def pieces(unit: bytes, codec: Codec, most: int = MOST) -> list[Piece]:
    """Returns the payloads that carry a unit."""
    if codec == "vp8":
        return list(_vp8_pieces(unit, most))
    if codec == "mjpeg":
        return list(_jpeg_pieces(unit, most))
    if codec == "vp9":
        return list(_vp9_pieces(unit, most))
    if codec == "mpeg4":
        return [Piece(unit[at : at + most], at + most >= len(unit), True) for at in range(0, len(unit), most)]
    of_slice = is_slice(unit, codec)
    if len(unit) <= most:
        return [Piece(unit, True, of_slice)]
    header = 2 if codec == "h265" else 1
    body = unit[header:]
    length = most - header - 1
    parts = [body[begin : begin + length] for begin in range(0, len(body), length)]
    made = []
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        flags = 0x80 * (place == 0) | 0x40 * last | kind(unit, codec)
        if codec == "h265":
            head = bytes((unit[0] & 0x81 | FU << 1, unit[1], flags))
        else:
            head = bytes((unit[0] & 0xE0 | FU_A, flags))
        made.append(Piece(head + part, last, of_slice))
    return made


def _vp8_pieces(picture: bytes, most: int) -> Iterator[Piece]:
    for begin in range(0, len(picture), most - 1):
        part = picture[begin : begin + most - 1]
        yield Piece(bytes([0x00 if begin else 0x10]) + part, begin + len(part) == len(picture), True)


def _vp9_pieces(picture: bytes, most: int) -> Iterator[Piece]:
    is_key = picture[0] >> 2 & 1 == 0  # frame_type, in profile 0
    for begin in range(0, len(picture), most - 1):
        part = picture[begin : begin + most - 1]
        ends = begin + len(part) == len(picture)
        yield Piece(bytes([0x40 * (not is_key) | 0x08 * (begin == 0) | 0x04 * ends]) + part, ends, True)


def _jpeg_pieces(picture: bytes, most: int) -> Iterator[Piece]:
    """Yields the scan of a baseline JPEG in 4:2:0. The receiver already has the standard Huffman tables."""
    tables, width, height, place, marker = b"", 0, 0, 2, 0
    while marker != 0xDA:  # the scan's header
        marker, length = picture[place + 1], int.from_bytes(picture[place + 2 : place + 4], "big")
        body = picture[place + 4 : place + 2 + length]
        if marker == 0xDB:  # quantization
            tables += b"".join(body[begin + 1 : begin + 65] for begin in range(0, len(body), 65))
        elif marker == 0xC0:  # the frame's header
            height, width = (int.from_bytes(body[begin : begin + 2], "big") for begin in (1, 3))
        place += 2 + length
    tables = tables if len(tables) == 128 else 2 * tables  # luma and chroma may share a table
    scan = picture[place : picture.rindex(b"\xff\xd9")]
    told = b"\0\0" + len(tables).to_bytes(2, "big") + tables
    begin = 0
    while begin < len(scan):
        head = b"\0" + begin.to_bytes(3, "big") + bytes((1, 255, width // 8, height // 8))
        head += told if begin == 0 else b""
        part = scan[begin : begin + most - len(head)]
        begin += len(part)
        yield Piece(head + part, begin == len(scan), True)
