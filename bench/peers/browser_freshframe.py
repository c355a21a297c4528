"""freshframe: a node that sleeps 1 s per frame. `busy` also runs a Python thread that never waits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
import threading
import time

from browser_page import note_frame

import freshframe as ff


class Slow(ff.Node[ff.Frame, None]):
    """Takes 1 s per frame."""

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Reads the frame, then sleeps."""
        note_frame(sample.frame.luma)
        time.sleep(1)


def compute() -> None:
    """Computes endlessly, and releases the GIL only if another thread requests it."""
    number = 0
    while True:
        number = (number * 31 + 7) % 1_000_003


if __name__ == "__main__":
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("browser:", size=(1280, 720), fps=30), name="camera")
    pipeline.add(Slow(), camera)
    dashboard = pipeline.serve(port=int(sys.argv[1]))
    print(json.dumps({"link": dashboard.camera_url(camera)}), flush=True)
    if sys.argv[2] == "busy":
        threading.Thread(target=compute, daemon=True).start()
    pipeline.run()
