"""vidgear's CamGear with both consumers in its loop, as in its documentation.

`mode`: "" for its queue of 96 frames, or "latest". Needs vidgear, opencv-python-headless.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from measure import Running
from vidgear.gears import CamGear

Consumer = Callable[[Any], None]


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, mode: str) -> Running:
    """See the module."""
    options = {"THREADED_QUEUE_MODE": False} if mode == "latest" else {}
    stream = CamGear(source=url, logging=False, **options).start()
    ended = threading.Event()

    def loop() -> None:
        last = None
        while not ended.is_set():
            picture = stream.read()
            if picture is None:
                return
            if picture is last:
                time.sleep(0.0005)
                continue
            last = picture
            fast(picture)
            if slow:
                slow(picture)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        stream.stop()
        thread.join()

    return Running(stop)
