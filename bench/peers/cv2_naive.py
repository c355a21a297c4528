"""A loop over cv2.VideoCapture, as in every tutorial. Needs opencv-python-headless."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import webcam
from measure import Running

Consumer = Callable[[Any], None]


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, _mode: str) -> Running:
    """Reads and processes frames alternately, on one thread."""
    capture = webcam.open_webcam(url) or cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            found, picture = capture.read()
            if not found:
                return
            fast(picture)
            if slow:
                slow(picture)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        thread.join()
        capture.release()

    return Running(stop)
