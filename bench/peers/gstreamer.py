"""GStreamer: a tee, a leaky queue and an appsink that keeps one buffer per branch.

Needs NumPy, psutil and Debian's python3-gi, gir1.2-gst-plugins-base-1.0, gstreamer1.0-libav,
gstreamer1.0-plugins-good and -bad.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import gi
import numpy as np
import webcam
from measure import Running

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401  (after require_version)

Consumer = Callable[[Any], None]
BRANCH = (
    "t. ! queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 "
    "! appsink name={} max-buffers=1 drop=true sync=false"
)


def start(url: str, size: tuple[int, int], fast: Consumer, slow: Consumer | None, _mode: str) -> Running:
    """Uses one decoder thread, because more threads increase the age."""
    Gst.init(None)
    consumers = {"fast": fast, **({"slow": slow} if slow else {})}
    camera = webcam.open_webcam(url)
    port = url.rsplit(":", 1)[1]
    head = (
        f"appsrc name=camera is-live=true format=time max-buffers=2 leaky-type=downstream block=false "
        f"caps=video/x-raw,format=BGR,width={size[0]},height={size[1]},framerate=60/1"
        if camera
        else f"tcpclientsrc host=127.0.0.1 port={port} ! matroskademux ! h264parse "
        "! avdec_h264 max-threads=1 ! videoconvert ! video/x-raw,format=BGR"
    )
    pipeline = Gst.parse_launch(f"{head} ! tee name=t {' '.join(map(BRANCH.format, consumers))}")
    ended = threading.Event()

    def push() -> None:
        source = pipeline.get_by_name("camera")
        while not ended.is_set():
            _, picture = camera.read()
            source.push_buffer(Gst.Buffer.new_wrapped(picture.tobytes()))

    def consume(name: str, consumer: Consumer) -> None:
        sink = pipeline.get_by_name(name)
        while not ended.is_set():
            sample = sink.try_pull_sample(Gst.SECOND // 5)
            if sample is None:
                continue
            buffer = sample.get_buffer()
            _, view = buffer.map(Gst.MapFlags.READ)
            consumer(np.frombuffer(view.data, np.uint8).reshape(size[1], size[0], 3))
            buffer.unmap(view)

    threads = [threading.Thread(target=consume, args=pair, daemon=True) for pair in consumers.items()]
    if camera:
        threads.append(threading.Thread(target=push, daemon=True))
    pipeline.set_state(Gst.State.PLAYING)
    for thread in threads:
        thread.start()

    def stop() -> None:
        ended.set()
        for thread in threads:
            thread.join()
        pipeline.set_state(Gst.State.NULL)

    return Running(stop)
