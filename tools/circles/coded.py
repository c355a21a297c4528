"""What a codec does to pictures: through H.264 or JPEG and back."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess

import cv2
import numpy as np
import numpy.typing as npt

FRAMES = 3  # of a run; the last one counts, so that H.264 has something to predict from
Rng = np.random.Generator


def through_h264(pictures: list[npt.NDArray[np.uint8]], quality: int) -> list[npt.NDArray[np.uint8]]:
    """Encodes runs of FRAMES pictures of one size and returns the luma plane of each run's last one."""
    height, width = pictures[0].shape
    raw = ["-f", "rawvideo", "-s", f"{width}x{height}"]
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(quality), "-g", str(FRAMES), "-bf", "0"]
    command = [
        "ffmpeg",
        "-loglevel",
        "error",
        *raw,
        "-pix_fmt",
        "gray",
        "-i",
        "-",
        *encode,
        "-sc_threshold",
        "0",
    ]
    command += ["-threads", "1", "-pix_fmt", "yuv420p", "-f", "h264", "-"]
    stream = subprocess.run(
        command, input=b"".join(p.tobytes() for p in pictures), capture_output=True, check=True
    )
    command = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-f",
        "h264",
        "-i",
        "-",
        "-pix_fmt",
        "yuv420p",
        "-f",
        "rawvideo",
        "-",
    ]
    planes = subprocess.run(command, input=stream.stdout, capture_output=True, check=True).stdout
    frames = np.frombuffer(planes, np.uint8).reshape(len(pictures), height * 3 // 2, width)
    return [np.ascontiguousarray(f[:height]) for f in frames[FRAMES - 1 :: FRAMES]]


def through_jpeg(rng: Rng, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Encodes one picture and returns its decoded luma."""
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
