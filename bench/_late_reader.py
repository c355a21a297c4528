"""Reads a stream with freshframe and prints when each frame arrived. A child process of late.py.

Usage: _late_reader.py URL SECONDS. Each line has the CLOCK_MONOTONIC time, the number in the frame's pixels
(-1: torn), `captured`, and the source's lag or nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

from rigs.live.truth.reading.watch import Watch


def main() -> None:
    """Reads for that many seconds after the first frame."""
    url, seconds = sys.argv[1:]
    with Watch(url) as camera:
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            for seen in camera.read(1):
                behind = camera.stats.behind
                number = -1 if seen.number is None else seen.number
                print(seen.now, number, seen.captured, "" if behind is None else behind, flush=True)


if __name__ == "__main__":
    main()
