"""Reads a stream with one library and says when it had each picture: a child process of freshness.py.

Usage: _freshness_reader.py LIBRARY URL WAY SECONDS. A line per picture: CLOCK_MONOTONIC, the number in
its pixels (-1: torn), and `captured` where the library says one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

from rigs.live.truth.pictures.number import read_number

LIMIT = 20.0  # seconds to the first picture
TRANSPORTS = {"RTSP over TCP": "tcp", "RTSP over UDP": "udp"}

# What a reader yields: when, the picture's luma or what stands for it, captured.
Look = tuple[float, Any, float | None]


def read_freshframe(url: str, way: str) -> Iterator[Look]:
    """With its defaults."""
    import freshframe as ff  # noqa: PLC0415  each child loads one library

    pipeline = ff.Pipeline()
    options = {"rtsp_transport": TRANSPORTS[way]} if way in TRANSPORTS else {}
    reader = pipeline.reader(pipeline.add(ff.open(url, options=options)))
    with pipeline:
        while True:
            sample = reader.get(timeout=LIMIT)
            yield time.monotonic(), sample.value.luma, sample.captured


def read_bursts(url: str, way: str) -> Iterator[Look]:
    """HLS as it comes."""
    import freshframe as ff  # noqa: PLC0415

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(url, pace="burst"))
    reader = pipeline.reader(camera, queue=ff.Queue(512))
    with pipeline:
        while True:
            sample = reader.get(timeout=LIMIT)
            yield time.monotonic(), sample.value.luma, sample.captured


def read_cv2(url: str, way: str) -> Iterator[Look]:
    """A loop over read()."""
    if way in TRANSPORTS:
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{TRANSPORTS[way]}"
    import cv2  # noqa: PLC0415

    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    while True:
        good, picture = capture.read()
        now = time.monotonic()
        if not good:
            raise SystemExit("read() is False")
        yield now, picture[:, :, 1], None


def read_av(url: str, way: str) -> Iterator[Look]:
    """With what its users are advised to set for low latency, and one decoder thread."""
    import av  # noqa: PLC0415
    from av.codec.context import Flags  # noqa: PLC0415

    options = {"fflags": "nobuffer", "probesize": "32768", "analyzeduration": "0"}
    options |= {"rtsp_transport": TRANSPORTS[way]} if way in TRANSPORTS else {}
    with av.open(url, options=options, timeout=LIMIT) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.flags |= Flags.low_delay
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:  # before the first key picture
                continue
            for frame in frames:
                now = time.monotonic()
                yield now, frame.to_ndarray()[: frame.height, : frame.width], None


READERS: dict[str, Callable[[str, str], Iterator[Look]]] = {
    "freshframe": read_freshframe,
    "pace=burst": read_bursts,
    "PyAV": read_av,
    "cv2": read_cv2,
}


def main() -> None:
    """Reads for so many seconds, counted from the first picture."""
    import numpy as np  # noqa: PLC0415

    library, url, way, seconds = sys.argv[1:]
    end = None
    for now, luma, captured in READERS[library](url, way):
        height, width = luma.shape
        number = read_number(np.ascontiguousarray(luma).data.cast("B"), width, height, width)
        print(now, -1 if number is None else number, "" if captured is None else captured, flush=True)
        end = end or now + float(seconds)
        if now >= end:
            return


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # a library's goodbye is not measured
