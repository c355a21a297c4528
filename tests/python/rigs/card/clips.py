"""Clips for the fake card, made by the ffmpeg command."""
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
    """Makes a clip of PICTURES pictures."""
    source = f"testsrc2=size={size}:rate=25:duration={PICTURES / 25}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *options]
    subprocess.run([*command, "-pix_fmt", pixels, str(path)], check=True, timeout=LONG_WATCHDOG)
    return path
