"""A ThreadPoolExecutor task per frame and consumer, as described in examples/1_slow_consumer.

Needs opencv-python-headless.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import webcam
from measure import Running

Consumer = Callable[[Any], None]


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, _mode: str) -> Running:
    """Uses 10 workers and an unbounded queue."""
    capture = webcam.open_webcam(url) or cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    pool = ThreadPoolExecutor(10)
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            found, picture = capture.read()
            if not found:
                return
            for consumer in (fast, slow):
                if consumer:
                    pool.submit(consumer, picture)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        thread.join()
        pool.shutdown()

    return Running(stop)
