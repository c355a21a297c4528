"""Clips for the fake GPU, made by the ffmpeg command."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
from pathlib import Path

from rigs.watchdog import LONG_WATCHDOG

PICTURES = 20
KEY_INTERVAL = 5
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", str(KEY_INTERVAL))
H264 = {
    "b-frames": (*_X264, "-bf", "2", "-b_strategy", "0"),
    "no b-frames": (*_X264, "-bf", "0"),
    "interlaced": (*_X264, "-flags", "+ildct+ilme"),
}
OTHERS = {
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"),
    "vp9": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
    "av1": ("-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", "hierarchical-levels=3"),
    "mpeg2": ("-c:v", "mpeg2video", "-bf", "2"),
}


def clip(path: Path, options: tuple[str, ...], *, size: str = "320x240", pixels: str = "yuv420p") -> Path:
    """Writes a clip of PICTURES frames."""
    source = f"testsrc2=size={size}:rate=25:duration={PICTURES / 25}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *options]
    subprocess.run([*command, "-pix_fmt", pixels, str(path)], check=True, timeout=LONG_WATCHDOG)
    return path


def fields(path: Path) -> Path:
    """Writes an H.264 clip of PICTURES flat frames, with a packet for each field.

    FFmpeg has no encoder for separate fields.
    """
    stream = b"".join(_coded_fields(number) for number in range(PICTURES))
    raw = path.with_suffix(".h264")
    raw.write_bytes(stream)
    command = ["ffmpeg", "-v", "error", "-y", "-f", "h264", "-i", str(raw), "-c", "copy"]
    times = ("-bsf:v", "setts=ts=20*N")  # milliseconds
    subprocess.run([*command, *times, str(path)], check=True, timeout=LONG_WATCHDOG)
    return path


def _golomb(value: int) -> str:
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def _whole_bytes(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _unit(header: int, bits: str, more: bytes = b"") -> bytes:
    return b"\0\0\0\1" + bytes([header]) + _whole_bytes(bits) + more


def _coded_fields(number: int) -> bytes:
    """Returns both fields of a 32x32 frame, with the parameter sets (ITU-T H.264, 7.3).

    Each macroblock is I_PCM.
    """
    e = _golomb
    main, level = f"{77:08b}{0:08b}", f"{30:08b}"
    sequence = main + level + e(0) + e(0) + e(0) + e(4) + e(1) + "0" + e(1) + e(0) + "00100" + "1"
    picture = e(0) + e(0) + "00" + e(0) * 3 + "000" + e(0) * 3 + "000" + "1"
    coded = _unit(0x67, sequence) + _unit(0x68, picture)
    pcm = bytes([16 + 8 * number % 200]) * 256 + bytes([128]) * 128
    for bottom in (0, 1):
        place = f"1{bottom}" + ("" if bottom else e(number % 2)) + f"{bottom:08b}"
        slice_header = e(0) + e(7) + e(0) + "0000" + place + ("0" if bottom else "00") + e(0)
        blocks = pcm + _whole_bytes(e(25)) + pcm + b"\x80"
        coded += _unit(0x61 if bottom else 0x65, slice_header + e(25), blocks)
    return coded
