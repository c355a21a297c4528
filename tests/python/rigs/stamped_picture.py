"""Images that contain the number of a camera and of a frame, for `./dev test-fleet --check`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
import itertools
import struct
import zlib

import numpy as np
import numpy.typing as npt

BLOCK = 8  # pixels: each block of the JPEG is black or white
COLUMNS, ROWS = 20, 15
WIDTH, HEIGHT = COLUMNS * BLOCK, ROWS * BLOCK
_PAYLOAD = struct.Struct(">IHH")  # frame, camera, checksum
_BITS = 8 * _PAYLOAD.size


def stamped_jpeg(camera: int, frame: int, *, rows: int = ROWS) -> bytes:
    """Returns a grey baseline JPEG (ITU-T T.81), 160 pixels wide, that encodes a camera and a frame number.

    Args:
        camera: 0 to 65535.
        frame: 0 to 4294967295.
        rows: Height in blocks of 8 pixels, 4 to 15.
    """
    head = struct.pack(">IH", frame, camera)
    payload = int.from_bytes(head + struct.pack(">H", zlib.crc32(head) & 0xFFFF), "big")
    return _header(8 * rows) + _entropy_coded(payload, COLUMNS * rows) + b"\xff\xd9"


def read_stamp(luma: npt.NDArray[np.uint8]) -> tuple[int, int] | None:
    """Returns the camera and the frame number in an image's luma, or None if it is not a whole stamped image.

    Args:
        luma: (32 to 120, 160) uint8.
    """
    if luma.shape[1] != WIDTH or not 4 * BLOCK <= luma.shape[0] <= HEIGHT:
        return None
    centres = luma[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK].reshape(-1)[:_BITS]
    packed = np.packbits(centres > 127).tobytes()
    frame, camera, checksum = _PAYLOAD.unpack(packed)
    return (camera, frame) if zlib.crc32(packed[:6]) & 0xFFFF == checksum else None


# Each block has only a DC coefficient. Quantised by 8 it is -128 (black) or 127 (white), so the difference to
# the previous block is 0 or 255. The codes of DC differences are 0 for "none", 10 for "8 more bits", 110 for
# "7 more bits", and then 0 for the end of the block.
_SAME = "00"
_TO_WHITE = "10" + f"{255:08b}" + "0"
_TO_BLACK = "10" + f"{0:08b}" + "0"
_FIRST_BLACK = "10" + f"{127:08b}" + "0"  # -128 from 0
_FIRST_WHITE = "110" + f"{127:07b}" + "0"  # 127 from 0: category 7


def _entropy_coded(payload: int, blocks: int) -> bytes:
    bits = f"{payload:0{_BITS}b}" + "0" * (blocks - _BITS)
    code = [_FIRST_WHITE if bits[0] == "1" else _FIRST_BLACK]
    for before, now in itertools.pairwise(bits):
        code.append(_SAME if before == now else _TO_WHITE if now == "1" else _TO_BLACK)
    text = "".join(code)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _codes(lengths: list[int], symbols: list[int]) -> bytes:
    """Returns a Huffman table: how many codes have 1, 2, ... 16 bits, then their symbols."""
    return bytes(lengths + [0] * (16 - len(lengths)) + symbols)


@functools.cache
def _header(height: int) -> bytes:
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
        + _segment(0xDB, b"\0" + bytes([8] * 64))
        + _segment(0xC0, struct.pack(">BHHB", 8, height, WIDTH, 1) + b"\1\x11\0")
        + _segment(0xC4, b"\x00" + _codes([1, 1, 1], [0, 8, 7]))
        + _segment(0xC4, b"\x10" + _codes([1], [0]))
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
    )
