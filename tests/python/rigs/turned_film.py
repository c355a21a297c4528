"""A clip that its reader has to rotate, as phones record it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

_PLAIN = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _matrix(numbers: tuple[int, ...]) -> bytes:
    return b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)


def turn(path: Path, height: int) -> None:
    """Writes a rotation by 90 degrees into the track header of an MP4 of `height` pixels.

    The ffmpeg option for this differs between versions.
    """
    content = path.read_bytes()
    at = content.index(_matrix(_PLAIN), content.index(b"tkhd"))
    turned = _matrix((0, 0x10000, 0, -0x10000, 0, 0, height << 16, 0, 0x40000000))
    path.write_bytes(content[:at] + turned + content[at + len(turned) :])
