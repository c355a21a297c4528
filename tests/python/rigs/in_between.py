"""Stops a call before one of its lines and lets another thread run there, to test races."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_PATIENCE = 0.05  # seconds for the other thread, which may wait for a lock held by the stopped call


def stopped(call: Callable[[], Any], line: int, other: Callable[[], Any], *functions: Any) -> bool:
    """Runs the call, and runs ``other`` before the n-th line that the call executes in one of the functions.

    Returns:
        True if the call executed that many lines.
    """
    codes = {getattr(each, "__func__", each).__code__ for each in functions}
    done = 0
    errors: list[BaseException] = []
    threads: list[threading.Thread] = []

    def come() -> None:
        try:
            other()
        except BaseException as error:
            errors.append(error)

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal done
        if frame.f_code not in codes:
            return None
        if event == "line":
            if done == line:
                threads.append(threading.Thread(target=come))
                threads[0].start()
                threads[0].join(_PATIENCE)
            done += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return bool(threads)
