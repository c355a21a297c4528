"""The clock by which a controller decides."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time


def boot_time() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
