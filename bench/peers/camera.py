"""The camera of the peers' runs: H.264 in live Matroska over TCP, frame n at t0 + n / fps.

    python camera.py make SIZE FRAMES FILE     encodes the stream once
    python camera.py send FILE FPS [--silent-after SECONDS]     serves it to one reader, prints its port

The stream has no B-frames and a keyframe every second. 20 blocks of 16x16 pixels along the top edge are the
bits of the frame's number, so that readers know which frame they really have.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

BITS = 20
BLOCK = 16
GOP = 60


def write_number(picture: Any, number: int) -> None:
    """Draws the number along the top edge of an (H, W, 3) image."""
    for bit in range(BITS):
        picture[:BLOCK, BLOCK * bit : BLOCK * (bit + 1)] = 235 if (number >> bit) & 1 else 16


def read_number(picture: Any) -> int:
    """Returns the number in a BGR, RGB or grey image."""
    row = picture[BLOCK // 2, BLOCK // 2 : BLOCK // 2 + BLOCK * BITS : BLOCK]
    if row.ndim == 2:
        row = row[:, 0]
    return int(((row > 127) << np.arange(BITS)).sum())


def pictures(width: int, height: int, count: int) -> Any:
    """Yields images of discs that move over a scrolling background, with camera noise."""
    random = np.random.default_rng(3)
    y, x = np.ogrid[:height, :width]
    waves = [random.uniform(-0.06, 0.06, 2) for _ in range(8)]  # radians per pixel
    ground = 100 + 6 * sum(np.sin(right * x + down * y)[:, :, None] for right, down in waves)
    ground = np.broadcast_to(ground, (height, width, 3)).astype(np.uint8)
    noise = [random.integers(0, 5, (height, width, 3), dtype=np.uint8) for _ in range(6)]
    for number in range(count):
        picture = np.roll(ground, 2 * number, axis=1) + noise[number % 6]
        for disc in range(3):
            at = width * (0.5 + 0.4 * np.sin(0.03 * number + 2 * disc))
            down = height * (0.55 + 0.3 * np.cos(0.023 * number + disc))
            radius = 30 + 12 * disc
            box = (
                slice(max(0, int(down) - radius), int(down) + radius + 1),
                slice(max(0, int(at) - radius), int(at) + radius + 1),
            )
            inside = (x[:, box[1]] - at) ** 2 + (y[box[0]] - down) ** 2 < radius**2
            picture[box][inside] = (40 + 80 * disc, 240 - 60 * disc, 230)
        write_number(picture, number)
        yield picture


class _Cuts(io.RawIOBase):
    """Stores the output of a muxer, and where each packet ends."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)


def make(size: str, frames: int, path: Path) -> None:
    """Encodes the stream. Records in FILE.json where each packet ends."""
    width, height = map(int, size.split("x"))
    encode(pictures(width, height, frames), width, height, path)


def encode(images: Iterable[Any], width: int, height: int, path: Path, rate: int = 60) -> None:
    """Encodes (H, W, 3) BGR images at `rate` per second. Records in FILE.json where each packet ends."""
    import av  # noqa: PLC0415  (send() must work without PyAV)

    sink = _Cuts()
    options = {"live": "1", "cluster_time_limit": "1", "flush_packets": "1"}
    container = av.open(sink, "w", format="matroska", options=options, buffer_size=1 << 10)
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.options = {"preset": "veryfast", "tune": "zerolatency", "g": str(GOP), "crf": "23"}
    ends = []
    for picture in images:
        for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
            container.mux(packet)
            ends.append(len(sink.data))
    container.close()
    ends = [*ends[1:], len(sink.data)]  # the muxer's output lags by one packet
    path.write_bytes(sink.data)
    path.with_suffix(".json").write_text(json.dumps(ends))


def send(path: Path, fps: float, silent_after: float) -> None:
    """Serves one reader. stdout: the port, then t0 on the clock of time.monotonic()."""
    data = path.read_bytes()
    ends = json.loads(path.with_suffix(".json").read_text())
    parent = os.getppid()
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.monotonic()
    print(repr(began), flush=True)
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for number, end in enumerate(ends):
            time.sleep(max(0.0, began + number / fps - time.monotonic()))
            while silent_after and number / fps > silent_after and os.getppid() == parent:
                time.sleep(0.1)  # the connection stays open
            connection.sendall(data[sent:end])
            sent = end


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("make")
    making.add_argument("size")
    making.add_argument("frames", type=int)
    making.add_argument("file", type=Path)
    sending = verbs.add_parser("send")
    sending.add_argument("file", type=Path)
    sending.add_argument("fps", type=float)
    sending.add_argument("--silent-after", type=float, default=0.0)
    options = parser.parse_args()
    if options.verb == "make":
        make(options.size, options.frames, options.file)
    else:
        send(options.file, options.fps, options.silent_after)


if __name__ == "__main__":
    main()
