"""A simulated webcam in this process. It has four driver buffers, and loses frames silently if all are full.

Like that of camera.py, it captures frame n at t0 + n / fps and draws n into the pixels.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import collections
import time
from typing import Any

import numpy as np
from camera import write_number

BUFFERS = 4  # as many as OpenCV requests from V4L2
SCHEME = "webcam:"


def make_url(width: int, height: int, fps: float, t0: float) -> str:
    """Returns a URL for open_webcam()."""
    return f"{SCHEME}{width}x{height}@{fps}@{t0!r}"


def open_webcam(url: str) -> Any:
    """Returns the webcam for a URL of make_url(), or None for any other URL."""
    return Webcam(url) if url.startswith(SCHEME) else None


class Webcam:
    """Implements the part of cv2.VideoCapture that the peers use."""

    def __init__(self, url: str) -> None:
        """`url`: from make_url()."""
        size, fps, t0 = url.removeprefix(SCHEME).split("@")
        width, height = map(int, size.split("x"))
        self._t0, self._fps = float(t0), float(fps)
        self._picture = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
        self._buffers: collections.deque[int] = collections.deque()
        self._taken = int((time.monotonic() - self._t0) * self._fps)
        self._open = True

    def read(self) -> tuple[bool, Any]:
        """Returns the oldest frame in the buffers. Waits if there is none."""
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
        """Makes read() return False."""
        self._open = False
