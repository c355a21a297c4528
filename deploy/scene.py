"""Sends a built-in scene to a media server, as a camera would: SERVER=rtsp://HOST/NAME python3 scene.py."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
import sys

import freshframe as ff

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pipeline = ff.Pipeline("scene")
pipeline.add(ff.Publish(os.environ["SERVER"]), pipeline.add(ff.open("demo:circles?fps=25&size=640x360")))
pipeline.run()
