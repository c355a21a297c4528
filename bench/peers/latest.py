"""A thread that reads and keeps only the latest frame, as users of OpenCV and PyAV eventually do.

A Condition wakes the consumers. `mode`: "cv2", "cv2 1 thread" (one decoder thread) or "pyav". Needs
opencv-python-headless, av.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import webcam
from measure import Running

Consumer = Callable[[Any], None]


def _cv2_pictures(url: str, threads: str | None) -> Iterator[Any]:
    if threads:
        os.environ["OPENCV_FFMPEG_THREADS"] = threads
    import cv2  # noqa: PLC0415  (one of two)

    capture = webcam.open_webcam(url) or cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    while True:
        found, picture = capture.read()
        if not found:
            return
        yield picture


def _pyav_pictures(url: str) -> Iterator[Any]:
    import av  # noqa: PLC0415

    with av.open(url, options={"fflags": "nobuffer"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            yield frame.to_ndarray(format="bgr24")


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, mode: str) -> Running:
    """See the module."""
    changed = threading.Condition()
    newest: tuple[int, Any] = (0, None)
    ended = threading.Event()
    pictures = (
        _pyav_pictures(url) if mode == "pyav" else _cv2_pictures(url, "1" if "1 thread" in mode else None)
    )

    def read() -> None:
        nonlocal newest
        for picture in pictures:
            if ended.is_set():
                return
            with changed:
                newest = (newest[0] + 1, picture)
                changed.notify_all()

    def consume(consumer: Consumer) -> None:
        seen = 0
        while not ended.is_set():
            with changed:
                changed.wait_for(lambda seen=seen: newest[0] != seen or ended.is_set(), 0.5)  # type: ignore[misc]
                number, picture = newest
            if number != seen and not ended.is_set():
                consumer(picture)
            seen = number

    threads = [threading.Thread(target=read, daemon=True)]
    threads += [threading.Thread(target=consume, args=(one,), daemon=True) for one in (fast, slow) if one]
    for thread in threads:
        thread.start()

    def stop() -> None:
        ended.set()
        with changed:
            changed.notify_all()
        for thread in threads:
            thread.join()

    return Running(stop)
