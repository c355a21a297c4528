"""The GIL watch without the engine, as gil-budget has it: for interpreters without freshframe."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from gil_budget._gil_watch.interpreter import native_module
from gil_budget._gil_watch.running import Running
from gil_budget._gil_watch.stalls import GilStall, make_stall
from rigs.watchdog import LONG_WATCHDOG


@contextlib.contextmanager
def watching(threshold: float = 0.01) -> Iterator[list[GilStall]]:
    """The stalls that the watch finds meanwhile; complete after the block."""
    running = Running(native_module(), threshold, {})
    stalls: list[GilStall] = []
    leave = running.listen(threshold, lambda raw: stalls.append(make_stall(raw)))
    try:
        yield stalls
        running.settle(LONG_WATCHDOG)
    finally:
        leave()
        running.stop()


def seen(call: Callable[[], object], native: str) -> GilStall:
    """The first stall of a native function, which `call` holds; again when a busy machine has hidden it."""
    deadline = time.monotonic() + LONG_WATCHDOG
    with watching() as stalls:
        while not (found := [stall for stall in stalls if stall.native == native and stall.python_stack]):
            assert time.monotonic() < deadline, [str(stall) for stall in stalls]
            call()
            time.sleep(0.01)
    return found[0]
