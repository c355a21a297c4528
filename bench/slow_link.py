"""Measures the age of frames at the far end of a link with half the bit rate of the stream.

A camera on loopback sends frames with their number in the pixels, and records when. `Publish` forwards its
packets over a link that passes half of their bytes per second and buffers 32 kB. At the far end, an FFmpeg
server passes them to a decoder, and the number in each frame determines its age. Server and decoder add a
frame or two. It is compared with `ffmpeg -c copy` over the same link.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
from _measure import ROOT, Result, Row, arguments

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.process import TruthProcess
from rigs.live.truth.reading.watch import find_number
from rigs.ports import free_port

FPS = 30
SHAPE = Shape(count=1800, size=(640, 360), key_interval=30, bit_rate=2_000_000)
WINDOW = 32768  # bytes that the link buffers
PUBLISH = """
import sys, freshframe as ff
pipeline = ff.Pipeline()
camera = pipeline.add(ff.open(sys.argv[1]))
port = pipeline.add(ff.Publish(sys.argv[2]), camera.packets)
with pipeline:
    sys.stdin.read()
    print(pipeline.stats().nodes[port.name].publish, flush=True)
"""
FORMATS = {"rtsp": "rtsp", "rtmp": "flv", "tcp": "mpegts"}


@contextlib.contextmanager
def slow_link(target: int, rate: float | Callable[[], float], *, down: bool = False) -> Iterator[int]:
    """Yields a port that forwards to the port `target` with a limited rate in one direction.

    Args:
        target: A port of 127.0.0.1.
        rate: Bytes per second, or a function that returns them.
        down: Limit the rate of bytes from `target`, instead of those to it.
    """
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def link_to(port: int) -> socket.socket:
        far = socket.socket()
        if down:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW // 2)  # Linux doubles it
        far.connect(("127.0.0.1", port))
        return far

    if not down:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW // 2)

    def slowly(near: socket.socket, far: socket.socket) -> None:
        free = 0.0  # when the link has passed everything so far
        with contextlib.suppress(OSError):
            while not over.is_set() and (piece := near.recv(2048)):
                speed = rate() if callable(rate) else rate
                free = max(free, time.monotonic() - 0.02) + len(piece) / speed  # unused time is not saved up
                over.wait(max(0.0, free - time.monotonic()))
                far.sendall(piece)
            far.shutdown(socket.SHUT_RDWR)

    def freely(near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := near.recv(65536):
                far.sendall(piece)
            far.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = link_to(target)
                for way, ends in ((slowly, (near, far)), (freely, (far, near))):
                    threading.Thread(target=way, args=ends[::-1] if down else ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        listener.close()


def server(scheme: str, port: int) -> subprocess.Popen[bytes]:
    """Starts a server that receives one stream and writes it to stdout."""
    url = f"{scheme}://127.0.0.1:{port}" + ("?listen" if scheme == "tcp" else "/live/a")
    listens = {"rtsp": ["-rtsp_flags", "listen"], "rtmp": ["-listen", "1"], "tcp": ["-f", "mpegts"]}[scheme]
    command = ["ffmpeg", "-v", "error", "-fflags", "nobuffer", "-analyzeduration", "200000", *listens]
    command += ["-i", url, "-c", "copy"]
    command += ["-muxdelay", "0", "-flush_packets", "1", "-f", "mpegts", "pipe:1"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def publisher(kind: str, camera: str, url: str) -> subprocess.Popen[bytes]:
    """Starts a program that publishes the camera's packets."""
    if kind == "freshframe":
        command = [sys.executable, "-c", PUBLISH, camera, url]
    else:
        way = ["-rtsp_transport", "tcp"]
        scheme = url.partition(":")[0]
        sends = [*(way if scheme == "rtsp" else []), "-f", FORMATS[scheme], url]
        command = ["ffmpeg", "-v", "error", *way, "-i", camera, "-c", "copy", *sends]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def ages(kind: str, scheme: str, truth: TruthProcess, seconds: float, rate: float) -> list[float]:
    """Returns the ages in seconds of the frames at the far end, without the first five seconds."""
    port = free_port()
    seen: list[tuple[float, int | None]] = []

    def watch(pipe: Any) -> None:
        quick = {"analyzeduration": "200000", "fflags": "nobuffer"}
        with (
            contextlib.suppress(av.FFmpegError),
            av.open(pipe, format="mpegts", mode="r", options=quick, buffer_size=1316) as container,
        ):
            container.streams.video[0].thread_type = "NONE"
            frames = container.decode(video=0)
            seen.extend((time.monotonic(), find_number(frame.to_ndarray(format="gray"))) for frame in frames)

    with slow_link(port, rate) as near:
        taker = server(scheme, port)
        time.sleep(1)
        path = "" if scheme == "tcp" else "/live/a"
        sender = publisher(kind, truth.url, f"{scheme}://127.0.0.1:{near}{path}")
        watcher = threading.Thread(target=watch, args=(taker.stdout,))
        watcher.start()
        try:
            time.sleep(5 + seconds)
        finally:
            assert sender.stdin is not None
            sender.stdin.close()
            time.sleep(0.5)
            for process in (sender, taker):
                process.kill()
                process.wait()
            watcher.join()
    log = truth.sent()
    last = seen[-1][0] if seen else 0.0
    whole = [(at, log.find(number, at)) for at, number in seen if number is not None and at > last - seconds]
    return [at - sent.first for at, sent in whole if sent is not None]


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "slow_link", rounds=1, seconds=20)
    outcome = Result(
        "slow_link",
        "age of pictures at the far end of a link with half the rate of the stream, painted numbers",
        {"seconds": options.seconds, "fps": FPS},
    )
    with tempfile.TemporaryDirectory() as name:
        made = film(SHAPE)
        size = sum(len(unit) for picture in made.pictures for unit in picture.units)
        rate = FPS * size / SHAPE.count / 2
        path = made.save(Path(name) / "film")
        for scheme in FORMATS:
            with TruthProcess({"a": path}, Path(name) / f"{scheme}.log", fps=FPS) as truth:
                figures: dict[str, float] = {}
                for kind in ("freshframe", "ffmpeg"):
                    found = ages(kind, scheme, truth, options.seconds, rate)
                    if len(found) < 2:
                        continue
                    figures |= {
                        f"{kind}_pictures": len(found),
                        f"{kind}_p50_s": statistics.median(found),
                        f"{kind}_p99_s": statistics.quantiles(found, n=100)[98],
                    }
            outcome.add(Row(scheme, figures, figures["freshframe_p99_s"], goal=1.5))
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
