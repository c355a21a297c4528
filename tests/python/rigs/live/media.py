"""Encodes video for the servers of the live tests: once per run, with PyAV, in memory."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import fractions
import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rigs.live.faulty_server import FPS, Clip

av = pytest.importorskip("av", reason="needs PyAV, which encodes the video of the servers")
KEY_INTERVAL = 10
FRAGMENTS = "frag_every_frame+empty_moov+default_base_moof"
# Options of a fast encoder: a keyframe every KEY_INTERVAL frames, and no B-frames.
QUICK = {
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "bf": "0"},
    "libx265": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x265-params": f"log-level=none:keyint={KEY_INTERVAL}:bframes=0",
    },
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
    "libsvtav1": {"preset": "10", "svtav1-params": "pred-struct=1:lookahead=0"},
}


def picture(number: int, width: int, height: int) -> Any:
    """Returns the image with this number: brighter than the previous one, with a moving bar."""
    pixels = np.full((height, width, 3), 20 + number % 100 * 2, np.uint8)
    left = number * 4 % width
    pixels[:, left : left + 8] = 255
    return pixels


class _Silence:
    """An audio stream of silence."""

    RATE = 48_000  # samples per second
    SIZE = 1024  # samples per packet

    def __init__(self, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=self.RATE)
        self._next = 0

    def mux(self, until: float) -> None:
        """Writes all packets up to this time in seconds."""
        self._next = self._next or round(until * self.RATE)
        while self._next < until * self.RATE:
            frame = av.AudioFrame("fltp", "mono", self.SIZE)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts = self.RATE, self._next
            frame.time_base = fractions.Fraction(1, self.RATE)
            self._container.mux(self._stream.encode(frame))
            self._next += self.SIZE


def encode(
    kind: str,
    count: int = 300,
    *,
    size: tuple[int, int] = (160, 120),
    start: float = 0.0,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    draw: Callable[[int, int, int], Any] = picture,
    sound: str = "",
) -> Clip:
    """Encodes `count` frames without reordering, with a keyframe every KEY_INTERVAL frames, or as JPEGs.

    In NUT they are raw, in a pixel format that libswscale cannot read.

    Args:
        kind: As Clip.kind.
        count: Number of frames.
        size: Width and height in pixels.
        start: Timestamp of the first frame in seconds.
        codec: One of QUICK.
        options: Options of the encoder.
        draw: Returns the image for a number, a width and a height, as (h, w, 3) uint8.
        sound: Adds silence "before" or "after" the video in the list of streams.
    """
    width, height = size
    out = io.BytesIO()
    muxing = {"matroska": {"live": "1", "cluster_time_limit": "1"}, "mp4": {"movflags": FRAGMENTS}}
    container = av.open(out, "w", format=kind, options={"flush_packets": "1"} | muxing.get(kind, {}))
    silence = [_Silence(container)] if sound == "before" else []
    if kind == "mjpeg":
        stream = container.add_stream("mjpeg", rate=FPS)
        stream.pix_fmt = "yuvj420p"
    elif kind == "nut":
        stream = container.add_stream("rawvideo", rate=FPS)
        stream.pix_fmt = "rgb4"
    else:
        settings = QUICK[codec] | {"g": str(KEY_INTERVAL)}
        stream = container.add_stream(codec, rate=FPS, options=settings | (options or {}))
        stream.pix_fmt = "yuv420p"
    stream.width, stream.height = width, height
    stream.codec_context.time_base = fractions.Fraction(1, FPS)
    if sound == "after":
        silence = [_Silence(container)]
    packets = []
    for number in range(count):
        if kind == "nut":
            frame = av.VideoFrame(width, height, "rgb4")
        else:
            frame = av.VideoFrame.from_ndarray(draw(number, width, height), format="rgb24")
        frame.pts = number + round(start * FPS)
        frame.time_base = fractions.Fraction(1, FPS)
        packets += stream.encode(frame)
    packets += stream.encode(None)
    ends, keys = [], []
    container.start_encoding()
    begin = out.tell()
    for packet in packets:
        if packet.size == 0:
            continue
        keys.append(packet.is_keyframe)
        for each in silence:
            each.mux(
                float(packet.pts * packet.time_base) + 0.2
            )  # the muxer waits for packets of both streams
        container.mux(packet)
        ends.append(out.tell())
    container.close()
    data = out.getvalue()
    starts = [begin, *ends[:-1]]
    return Clip(kind, data[:begin], [data[a:b] for a, b in zip(starts, ends, strict=True)], keys)


def lying(media: Clip) -> Clip:
    """Returns an MP4 clip whose metadata says that it must be rotated clockwise by 90 degrees."""
    one, whole = 1 << 16, 1 << 30
    upright = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, whole)
    quarter = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, whole)
    track = media.header.index(b"tkhd")
    header = media.header[:track] + media.header[track:].replace(upright, quarter, 1)
    assert header != media.header
    return dataclasses.replace(media, header=header)
