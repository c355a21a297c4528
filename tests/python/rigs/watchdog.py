"""The limits of waits in tests. Only a hang reaches them, on a busy machine too."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os

# Seconds. Tests of instrumented or emulated programs are given more patience.
WATCHDOG = 100.0 * float(os.environ.get("FRESHFRAME_TEST_PATIENCE", "1"))
LONG_WATCHDOG = 10 * WATCHDOG  # for a compiler, a run of pytest, and a measurement that is repeated
