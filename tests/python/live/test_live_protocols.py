"""RTMP, SRT and RTP, which FFmpeg reads: from the program ffmpeg, and from PyAV."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from rigs.live.camera import Camera
from rigs.live.faulty_server import Faults
from rigs.live.servers import HttpServer
from rigs.ports import free_port

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which sends RTP")

RATE = 30
SIZE = (160, 120)
LISTENERS = {
    "rtmp": ("rtmp://127.0.0.1:{port}/live/camera", ["-f", "flv", "-listen", "1"], "", "flv"),
    "srt": ("srt://127.0.0.1:{port}", ["-f", "mpegts"], "?mode=listener", "mpegts"),
}


@contextlib.contextmanager
def listening(url: str, form: list[str]) -> Iterator[None]:
    """Runs the program ffmpeg, which waits for one reader at this URL."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("needs the program ffmpeg")
    film = ["-re", "-f", "lavfi", "-i", f"testsrc=size={SIZE[0]}x{SIZE[1]}:rate={RATE}"]
    codec = ["-c:v", "libx264", "-tune", "zerolatency", "-preset", "ultrafast", "-g", "15"]
    process = subprocess.Popen(
        [program, "-loglevel", "error", *film, *codec, "-pix_fmt", "yuv420p", *form, url],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTENERS)
def test_a_stream_of_another_protocol_is_read(name: str) -> None:
    pattern, form, query, container = LISTENERS[name]
    port = free_port(socket.SOCK_DGRAM if name == "srt" else socket.SOCK_STREAM)
    url = pattern.format(port=port)
    try:
        camera = Camera(url)
    except ff.OptionError as error:
        pytest.skip(str(error))
    with listening(url + query, form), camera:
        samples = camera.read(12)
        info = camera.source.info
    assert (info.codec, info.container) == ("h264", container)
    assert {(one.value.width, one.value.height) for one in samples} == {SIZE}
    assert all(a.seq < b.seq and a.pts < b.pts for a, b in itertools.pairwise(samples))


class Sender(threading.Thread):
    """Sends frames as RTP to a UDP port, with PyAV, until the `with` block ends."""

    def __init__(self, port: int, form: str) -> None:
        super().__init__()
        self._url, self._form = f"rtp://127.0.0.1:{port}", form
        self._ended = threading.Event()

    def run(self) -> None:
        with av.open(self._url, "w", format=self._form) as out:
            options = {"tune": "zerolatency", "preset": "ultrafast", "g": "15"}
            stream = out.add_stream("libx264", rate=RATE, options=options)
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            began = time.monotonic()
            for number in itertools.count():
                if self._ended.wait(max(0.0, began + number / RATE - time.monotonic())):
                    return
                picture = np.full((SIZE[1], SIZE[0], 3), number % 200, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number
                for packet in stream.encode(frame):
                    out.mux(packet)

    def __enter__(self) -> Sender:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self.join()


@pytest.mark.slow
def test_a_transport_stream_in_rtp_is_read() -> None:
    port = free_port(socket.SOCK_DGRAM)
    with Sender(port, "rtp_mpegts"), Camera(f"rtp://127.0.0.1:{port}") as camera:
        samples = camera.read(12)
        assert camera.source.info.container == "rtp"
    assert {(one.value.width, one.value.height) for one in samples} == {SIZE}


@pytest.mark.slow
def test_the_description_of_rtp_is_read_from_a_web_server() -> None:
    port = free_port(socket.SOCK_DGRAM)
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "c=IN IP4 127.0.0.1", "t=0 0"]
    lines += [f"m=video {port} RTP/AVP 96", "a=rtpmap:96 H264/90000", "a=fmtp:96 packetization-mode=1", ""]
    body = "\r\n".join(lines)
    head = f"HTTP/1.0 200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        HttpServer(faults=Faults(answer=(head + body).encode())) as server,
        Sender(port, "rtp"),
        Camera(f"http://127.0.0.1:{server.port}/camera.sdp") as camera,
    ):
        samples = camera.read(12)
        assert camera.source.info.container == "sdp"
    assert {(one.value.width, one.value.height) for one in samples} == {SIZE}


def test_a_scheme_that_ffmpeg_does_not_read_is_refused_at_once() -> None:
    with pytest.raises(ff.OptionError, match=r"'gopher' is not supported;.*rtmp, rtmps, srt, rtp"):
        ff.open("gopher://127.0.0.1/a")
