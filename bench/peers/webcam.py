"""A webcam of this process: four driver buffers, and a new frame is lost without a word when all are full.

Like that of camera.py it takes frame n at t0 + n / fps and writes n into the pixels.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import collections
import time
from typing import Any

import numpy as np
from camera import write_number

BUFFERS = 4  # buffers of V4L2 through OpenCV
SCHEME = "webcam:"


def make_url(width: int, height: int, fps: float, t0: float) -> str:
    """Makes the URL that open_webcam() opens."""
    return f"{SCHEME}{width}x{height}@{fps}@{t0!r}"


def open_webcam(url: str) -> Any:
    """The webcam of a URL; None means the URL names something else."""
    return Webcam(url) if url.startswith(SCHEME) else None


class Webcam:
    """Has the part of cv2.VideoCapture that the peers use."""

    def __init__(self, url: str) -> None:
        """Opens what make_url() returned."""
        size, fps, t0 = url.removeprefix(SCHEME).split("@")
        width, height = map(int, size.split("x"))
        self._t0, self._fps = float(t0), float(fps)
        self._picture = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
        self._buffers: collections.deque[int] = collections.deque()
        self._taken = int((time.monotonic() - self._t0) * self._fps)
        self._open = True

    def read(self) -> tuple[bool, Any]:
        """Waits for the oldest frame in the buffers."""
        while self._open:
            now = int((time.monotonic() - self._t0) * self._fps)
            while self._taken < now:
                self._taken += 1
                if len(self._buffers) < BUFFERS:
                    self._buffers.append(self._taken)
            if self._buffers:
                picture = self._picture.copy()
                write_number(picture, self._buffers.popleft())
                return True, picture
            time.sleep(max(0.0, self._t0 + (self._taken + 1) / self._fps - time.monotonic()))
        return False, None

    def release(self) -> None:
        """Ends the reading."""
        self._open = False
