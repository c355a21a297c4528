"""Timeouts of tests, so long that only a hang reaches them, even on a busy machine."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Any

# Seconds. FRESHFRAME_TEST_PATIENCE is larger for instrumented or emulated programs.
WATCHDOG = 100.0 * float(os.environ.get("FRESHFRAME_TEST_PATIENCE", "1"))
LONG_WATCHDOG = 10 * WATCHDOG  # for a compiler, a run of pytest, or a repeated measurement


def run_to_end(
    command: Sequence[Any], *, timeout: float = WATCHDOG, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a command and returns the completed process, with its output as text.

    `options` are passed to subprocess.run().
    """
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=check, **options)
