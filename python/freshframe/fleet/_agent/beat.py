"""An agent's beat: an event each second while its Python runs. Renewals are native and come without it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable

_EVERY = 1.0  # seconds
_TRACE_AFTER = 0.8  # of the time after which an agent is killed that keeps its GIL


def begin_beat(tell: Callable[[], None], gil_timeout: float | None) -> None:
    """From now on, on a thread of its own.

    When it stands still for long, the stacks of all threads go to stderr: they are read without the GIL.
    """
    threading.Thread(target=_run, args=(tell, gil_timeout), name="beat", daemon=True).start()


def _run(tell: Callable[[], None], gil_timeout: float | None) -> None:
    while True:
        if gil_timeout is not None:
            faulthandler.dump_traceback_later(_TRACE_AFTER * gil_timeout)
        tell()
        time.sleep(_EVERY)
