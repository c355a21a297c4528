"""A thread that reads into a queue.Queue per consumer: unbounded, or with 10 places.

Needs opencv-python-headless.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import cv2
import webcam
from measure import Running

Consumer = Callable[[Any], None]


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, mode: str) -> Running:
    """`mode`: the size of the queues; "" for unbounded ones."""
    capture = webcam.open_webcam(url) or cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    consumers = [consumer for consumer in (fast, slow) if consumer]
    queues: list[queue.Queue[Any]] = [queue.Queue(int(mode or 0)) for _ in consumers]
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            found, picture = capture.read()
            if not found:
                break
            for one in queues:
                one.put(picture)
        for one in queues:
            one.put(None)

    def consume(consumer: Consumer, one: queue.Queue[Any]) -> None:
        while (picture := one.get()) is not None:
            consumer(picture)

    threads = [threading.Thread(target=read, daemon=True)]
    threads += [
        threading.Thread(target=consume, args=pair, daemon=True)
        for pair in zip(consumers, queues, strict=True)
    ]
    for thread in threads:
        thread.start()

    def stop() -> None:
        ended.set()
        for thread in threads:
            thread.join()
        capture.release()

    return Running(stop)
