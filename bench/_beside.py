"""Processes that compute beside a measurement."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def beside(processes: int) -> Iterator[None]:
    """So many processes that compute, at normal priority."""
    code = "import os; os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))\nwhile True: pass"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
