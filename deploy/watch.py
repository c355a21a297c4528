"""Follows circles in a camera's stream and serves the page.

CAMERA=rtsp://HOST/NAME TOKEN=a-secret [PORT=8080] python3 watch.py
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
import sys

import freshframe as ff

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pipeline = ff.Pipeline("watch")
camera = pipeline.add(ff.open(os.environ["CAMERA"]))
drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), camera))
pipeline.serve(
    host="0.0.0.0", port=int(os.environ.get("PORT", "8080")), view=drawn, token=os.environ["TOKEN"]
)
pipeline.run()
