"""Streams with several videos: which one is read, and where the others are listed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fractions
import functools
import io
from typing import Any

import numpy as np
import pytest
from rigs.command_line import Command, records
from rigs.live.camera import PATIENT
from rigs.live.faulty_server import FPS, Clip
from rigs.live.servers import TcpServer
from support import WATCHDOG

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which makes the stream")

SIZES = [(160, 120), (320, 240), (240, 180)]
COUNT = 60  # images


@functools.cache
def cameras() -> Clip:
    """Returns a transport stream with three videos."""
    out = io.BytesIO()
    container = av.open(out, "w", format="mpegts", options={"flush_packets": "1"})
    streams = []
    for width, height in SIZES:
        stream = container.add_stream("libx264", rate=FPS, options={"tune": "zerolatency", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        streams.append(stream)
    pieces = []
    for number in range(COUNT):
        begin = out.tell()
        for stream in streams:
            pixels = np.full((stream.height * 3 // 2, stream.width), 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts, frame.time_base = number, fractions.Fraction(1, FPS)
            container.mux(stream.encode(frame))
        pieces.append(out.getvalue()[begin:])
    container.close()
    return Clip("mpegts", b"", pieces, [number % 10 == 0 for number in range(COUNT)])


def first_size(url: str, **options: Any) -> tuple[int, int]:
    """Returns the size of the first frame."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(url, **(PATIENT | options))))
    with pipeline:
        frame = reader.get(timeout=WATCHDOG).value
    return frame.width, frame.height


@pytest.mark.parametrize(
    ("rendition", "size"),
    [("best", SIZES[1]), ("worst", SIZES[0]), ("200p", SIZES[2]), ("100p", SIZES[0]), (2, SIZES[2])],
)
def test_a_rendition_is_chosen(rendition: str | int, size: tuple[int, int]) -> None:
    with TcpServer(cameras()) as server:
        assert first_size(server.url, rendition=rendition) == size


def test_a_rendition_that_is_not_there_is_an_error_that_says_which_are() -> None:
    with TcpServer(cameras()) as server:
        pipeline = ff.Pipeline()
        pipeline.reader(pipeline.add(ff.open(server.url, rendition=240, **(PATIENT | {"reconnect": False}))))
        with pytest.raises(ff.SourceError, match=r"rendition=240 .* 0: 160x120 h264, 1: 320x240 h264, 2:"):
            pipeline.start()


@pytest.mark.slow
def test_probe_lists_the_renditions(freshframe: Command) -> None:
    with TcpServer(cameras()) as server:
        code, page, _ = freshframe("probe", server.url)
        assert code == 0
        _, out, _ = freshframe("probe", server.url, "--json")
    assert "0: 160x120 h264; 1: 320x240 h264; 2: 240x180 h264" in page
    assert records(out)[0]["renditions"] == ["160x120 h264", "320x240 h264", "240x180 h264"]


@pytest.mark.parametrize("rendition", ["", "hd", "-1", -1, "7\udcff2"])
def test_a_rendition_is_a_word_a_height_or_a_number(rendition: str | int) -> None:
    with pytest.raises(ff.OptionError, match=r"rendition must be"):
        ff.open("tcp://127.0.0.1:1", rendition=rendition)


@pytest.mark.parametrize("rendition", [None, True, 1.5])
def test_a_rendition_has_a_type(rendition: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match=r"rendition must be"):
        ff.open("tcp://127.0.0.1:1", rendition=rendition)


@pytest.mark.parametrize("url", ["clip.mp4", "demo:circles", "0"])
def test_only_network_streams_have_renditions(url: str) -> None:
    with pytest.raises(ff.OptionError, match="rendition is for live network streams"):
        ff.open(url, rendition="worst")
