"""multiprocessing with shared memory: a camera process writes to four slots, consumers use the latest.

The slow consumer has its own process. Needs opencv-python-headless.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import webcam
from measure import Running

Consumer = Callable[[Any], None]
SLOTS = 4


class _Shared:
    """The memory that the processes share."""

    def __init__(self, size: tuple[int, int]) -> None:
        context = multiprocessing.get_context("fork")
        self.shape = (SLOTS, size[1], size[0], 3)
        self.name = ""
        self.changed = context.Condition()
        self.newest = context.Value("q", 0)
        self.runs = context.Value("b", 1)

    def slots(self) -> tuple[SharedMemory, Any]:
        memory = SharedMemory(self.name)
        return memory, np.ndarray(self.shape, np.uint8, memory.buf)


def _read(shared: _Shared, url: str, threads: str) -> None:
    if threads:
        os.environ["OPENCV_FFMPEG_THREADS"] = threads
    import cv2  # noqa: PLC0415  (in this process only)

    memory, slots = shared.slots()
    capture = webcam.open_webcam(url) or cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    number = 0
    while shared.runs.value:
        found, picture = capture.read()
        if not found:
            break
        number += 1
        slots[number % SLOTS] = picture
        with shared.changed:
            shared.newest.value = number
            shared.changed.notify_all()
    del slots
    memory.close()


def _consume(shared: _Shared, consumer: Consumer) -> None:
    memory, slots = shared.slots()
    seen = 0
    while shared.runs.value:
        with shared.changed:
            if shared.newest.value == seen and shared.runs.value:
                shared.changed.wait(0.3)
            number = shared.newest.value
        if number != seen and shared.runs.value:
            consumer(slots[number % SLOTS].copy())
        seen = number
    del slots
    memory.close()


def start(url: str, size: tuple[int, int], fast: Consumer, slow: Consumer | None, mode: str) -> Running:
    """`mode`: "1 thread" for a single decoder thread, or ""."""
    context = multiprocessing.get_context("fork")
    memory = SharedMemory(create=True, size=SLOTS * size[0] * size[1] * 3)
    shared = _Shared(size)
    shared.name = memory.name
    processes = [context.Process(target=_read, args=(shared, url, "1" if mode else ""), daemon=True)]
    if slow:
        processes.append(context.Process(target=_consume, args=(shared, slow), daemon=True))
    for process in processes:
        process.start()
    thread = threading.Thread(target=_consume, args=(shared, fast), daemon=True)
    thread.start()

    def stop() -> None:
        shared.runs.value = 0
        with shared.changed:
            shared.changed.notify_all()
        thread.join()
        for process in processes:
            process.join()
        memory.close()
        memory.unlink()

    return Running(stop)
