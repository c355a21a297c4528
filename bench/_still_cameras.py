"""Paints and encodes the images of live cameras, in a separate process, for `still_live`.

    python bench/_still_cameras.py

Each of SCENES is painted four times per second, encoded with each of CODINGS, and served on one TCP port per
coding on loopback. Prints the ports as JSON, by scene. After a line on stdin, each scene freezes in its own
way. All of them end when stdin is closed. Each port serves one client, and ends when that disconnects.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import queue
import socket
import sys
import threading
import time
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 640, 360, 4
GROUP = 2 * FPS  # a keyframe every 2 s
LOOP = 7 * GROUP  # pictures

Luma = NDArray[np.uint8]


class Scene(NamedTuple):
    """Describes the scene of a camera, and how it freezes later.

    Attributes:
        noise: Standard deviation of the sensor's noise, in levels.
        gain: Gain of the scene's contrast.
        masked: Whether the upper nine tenths are grey.
        moving: Whether a person walks through it.
        ends_as: The kind that `frozen` must report after it has frozen.
    """

    noise: float
    gain: float = 1.0
    masked: bool = False
    moving: bool = False
    ends_as: str = "frozen"


SCENES = {
    "static": Scene(1),
    "noisy": Scene(3, ends_as="flat"),
    "night": Scene(1, gain=0.2, ends_as="flat"),
    "masked": Scene(2, masked=True),
    "moving": Scene(1, moving=True, ends_as="loop"),
}
_X264 = {"preset": "ultrafast", "tune": "zerolatency"}
CODINGS: dict[str, tuple[str, dict[str, str]]] = {
    "MJPEG": ("mjpeg", {}),
    "x264 crf 23": ("libx264", _X264 | {"crf": "23"}),
    "x264 CBR": ("libx264", _X264 | {"b": "500k", "maxrate": "500k", "bufsize": "500k"}),
    "x264 VBR": ("libx264", _X264 | {"b": "250k", "maxrate": "700k", "bufsize": "1M"}),
}


class Painter:
    """Paints the images of one scene."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene, self.random, self.number = scene, np.random.default_rng(seed), 0
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        self.shapes = 90 + 40 * np.sin(columns / 23) + 25 * np.cos(rows / 17)
        self.film: list[Luma] = []  # the newest LOOP images

    def sound(self) -> Luma:
        """Returns the next image of a working camera."""
        seen = 16 + self.scene.gain * self.shapes
        if self.scene.moving:
            left = 20 + self.number * 9 % 560
            seen[180:290, left : left + 40] = 60
        self.number += 1
        self.film = [*self.film[1 - LOOP :], self._levels(seen, self.scene.noise)]
        return self.film[-1]

    def ill(self, after: int) -> Luma:
        """Returns image number `after` since the camera froze."""
        if self.scene.ends_as == "loop":
            return self.film[after % len(self.film)]
        if self.scene.ends_as == "flat":  # a covered lens; the noisy camera amplifies
            return self._levels(np.full((HEIGHT, WIDTH), 16, np.float32), self.scene.noise)
        return self.film[-1]

    def _levels(self, seen: NDArray[np.float32], noise: float) -> Luma:
        noisy = seen + noise * self.random.standard_normal(seen.shape, dtype=np.float32)
        levels = np.clip(noisy, 16, 235).round().astype(np.uint8)
        if self.scene.masked:
            levels[: HEIGHT * 9 // 10] = 128
        return levels


class Camera:
    """Encodes images for the client of one port, on its own thread."""

    def __init__(self, coding: str) -> None:
        self.encoder, self.options = CODINGS[coding]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.pictures: queue.Queue[Luma | None] = queue.Queue(GROUP)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def close(self) -> None:
        """Ends the stream, even if no client is connected."""
        self.listener.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(queue.Empty):  # the client may have stopped reading
            while True:
                self.pictures.get_nowait()
        self.pictures.put(None)
        self.thread.join()
        self.listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was shut down
            client, _ = self.listener.accept()
            with client, client.makefile("wb") as out:
                self._send(out)

    def _send(self, out: Any) -> None:
        live = {"live": "1", "cluster_time_limit": "0"}
        with av.open(out, "w", format="matroska", options=live) as container:
            stream: Any = container.add_stream(self.encoder, rate=FPS, options=self.options)
            stream.width, stream.height, stream.gop_size = WIDTH, HEIGHT, GROUP
            stream.pix_fmt = "yuvj420p" if self.encoder == "mjpeg" else "yuv420p"
            stream.time_base = Fraction(1, FPS)
            number = 0
            while (levels := self.pictures.get()) is not None:
                chroma = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
                picture: Any = av.VideoFrame.from_ndarray(np.vstack([levels, chroma]), stream.pix_fmt)
                picture.pts, picture.time_base = number, Fraction(1, FPS)
                number += 1
                for packet in stream.encode(picture):
                    container.mux(packet)
                out.flush()


def paint(cameras: dict[str, list[Camera]], stands: threading.Event, over: threading.Event) -> None:
    """Passes each scene's images to its cameras, four times per second."""
    painters = {name: Painter(scene, seed) for seed, (name, scene) in enumerate(SCENES.items())}
    began, number, after = time.monotonic(), 0, -1
    while not over.wait(max(0.0, began + number / FPS - time.monotonic())):
        number += 1
        after += stands.is_set()
        for name, painter in painters.items():
            levels = painter.sound() if after < 0 else painter.ill(after)
            for camera in cameras[name]:
                if not camera.pictures.full():  # no client has connected, or the encoder is late
                    camera.pictures.put(levels)


def main() -> None:
    """Serves the cameras until stdin ends."""
    cameras = {scene: [Camera(coding) for coding in CODINGS] for scene in SCENES}
    ports = {scene: [camera.port for camera in row] for scene, row in cameras.items()}
    print(json.dumps(ports), flush=True)
    stands, over = threading.Event(), threading.Event()
    painter = threading.Thread(target=paint, args=(cameras, stands, over))
    painter.start()
    sys.stdin.readline()
    stands.set()
    sys.stdin.read()
    over.set()
    painter.join()
    for camera in (one for row in cameras.values() for one in row):
        camera.close()


if __name__ == "__main__":
    main()
