"""Makes the clips of report.py in a folder, by the ffmpeg command: clips.py FOLDER."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SECONDS = 3
SMALL, FULL = "640x360", "1920x1080"
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", "1M")
CLIPS = {
    "h264.mp4": (SMALL, (*_X264, "-bf", "3", "-g", "25")),
    "h264_interlaced.mp4": (SMALL, (*_X264, "-flags", "+ildct+ilme")),
    "h264_odd.mp4": ("322x242", (*_X264, "-bf", "0")),
    "hevc.mp4": (SMALL, ("-c:v", "libx265", "-x265-params", "log-level=none", "-b:v", "1M")),
    "vp9.webm": (SMALL, ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M")),
    "av1.mkv": (SMALL, ("-c:v", "libsvtav1", "-preset", "10", "-b:v", "1M")),
    "mpeg2.ts": (SMALL, ("-c:v", "mpeg2video", "-bf", "2", "-b:v", "2M")),
    "full.mp4": (FULL, ("-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "50", "-b:v", "3M")),
}


def make(folder: Path, names: tuple[str, ...] = tuple(CLIPS)) -> None:
    """Makes these clips."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        size, options = CLIPS[name]
        source = f"testsrc2=size={size}:rate=25:duration={SECONDS}"
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *options]
        subprocess.run([*command, "-pix_fmt", "yuv420p", str(folder / name)], check=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
