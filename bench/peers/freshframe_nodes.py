"""freshframe: two Python nodes downstream of a live source.

`mode`: "latest" or "next" is the queue of both branches. With "process", the slow branch is a worker process.
With "unrelated", another program computes instead of it. With "native", the fast branch is a C function.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import webcam
from measure import Branch, Running

import freshframe as ff


class Step(ff.Node[ff.Frame, None]):
    """Passes the same pixels to a branch as the other peers do."""

    def __init__(self, branch: Branch) -> None:
        """`branch`: called with each frame."""
        self.branch = branch

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Converts each frame to BGR."""
        self.branch(sample.value.bgr, sample.dropped)


def _native(branch: Branch) -> Any:
    """Compiles the fast branch as a C function."""
    folder = tempfile.mkdtemp(prefix="freshframe-")
    library = f"{folder}/native_branch.so"
    include, source = f"-I{ff.native.get_include()}", str(Path(__file__).with_name("native_branch.c"))
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", include, source, "-o", library], check=True)
    notes = os.open(branch.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    node = ff.native.load(library, "note", out=(), format="bgr", state=struct.pack("=i", notes))
    shutil.rmtree(folder)
    return node


class _Webcam(ff.Source[ff.Frame]):
    """Reads the simulated webcam."""

    def __init__(self, url: str) -> None:
        self.url = url

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        capture = webcam.open_webcam(self.url)
        number = 0
        while not self.stop_token.stopped:
            _, picture = capture.read()
            yield ff.Frame.from_array(picture, copy=False), number / 60
            number += 1


def _compute(work: Branch) -> subprocess.Popen[bytes]:
    """Starts another program with the slow branch's load."""
    loop = f"for step in range({work.steps}): value = (value * 3 + step) & 0xFFFF"
    program = f"while True:\n    value = 0\n    {loop}"
    return subprocess.Popen([sys.executable, "-c", program])


def start(url: str, _size: tuple[int, int], fast: Branch, slow: Branch | None, mode: str) -> Running:
    """See the module."""
    queue = ff.NEXT if "next" in mode else ff.LATEST
    pipeline = ff.Pipeline()
    source: Any = _Webcam(url) if webcam.open_webcam(url) else ff.open(url)
    camera = pipeline.add(source, name="camera")
    pipeline.add(_native(fast) if "native" in mode else Step(fast), camera, name="fast", queue=queue)
    other = _compute(slow) if slow and "unrelated" in mode else None
    if slow and not other:
        process = "process" in mode
        pipeline.add(Step(slow), camera, name="slow", queue=queue, process=process)
    pipeline.start()

    def stop() -> None:
        if other:
            other.kill()
        pipeline.stop()

    return Running(stop)
