"""DepthAI v3 without a device: host nodes, inputs that keep one message.

Needs depthai, opencv-python-headless.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["OPENCV_FFMPEG_THREADS"] = "1"

import cv2
import depthai
import webcam
from measure import Running

Consumer = Callable[[Any], None]
HostNode: Any = depthai.node.ThreadedHostNode


class Camera(HostNode):  # type: ignore[misc]
    """Reads frames with OpenCV."""

    def __init__(self, url: str) -> None:
        HostNode.__init__(self)
        self.url = url
        self.output = self.createOutput()

    def run(self) -> None:
        capture = webcam.open_webcam(self.url) or cv2.VideoCapture(self.url, cv2.CAP_FFMPEG)
        while self.isRunning():
            found, picture = capture.read()
            if not found:
                return
            message = depthai.ImgFrame()
            message.setCvFrame(picture, depthai.ImgFrame.Type.BGR888i)
            self.output.send(message)


class Sink(HostNode):  # type: ignore[misc]
    """Passes frames to a consumer."""

    def __init__(self, consumer: Consumer) -> None:
        HostNode.__init__(self)
        self.consumer = consumer
        self.input = self.createInput()
        self.input.setBlocking(False)
        self.input.setMaxSize(1)

    def run(self) -> None:
        while self.isRunning():
            self.consumer(self.input.get().getCvFrame())


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, _mode: str) -> Running:
    """Uses one decoder thread."""
    pipeline = depthai.Pipeline(createImplicitDevice=False)
    camera = pipeline.create(Camera, url)
    for consumer in (fast, slow):
        if consumer:
            camera.output.link(pipeline.create(Sink, consumer).input)
    pipeline.start()

    def stop() -> None:
        pipeline.stop()
        pipeline.wait()

    return Running(stop)
