"""Test cameras in a separate process that misbehave on request: MJPEG over HTTP, and H.264 over RTSP.

`python -m night.chaos.cameras MJPEG RTSP FPS` prints the URLs as JSON and ends with its standard input. A
line of that is an object: a camera, a fault and its seconds. Picture n is due n / FPS seconds after the
start, and carries its camera and n. An RTSP camera counts to 100, again and again; a session begins anywhere,
also between two keyframes.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, Any, Literal, get_args

import numpy as np
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from rigs.stamped_picture import HEIGHT, WIDTH, stamped_jpeg

CameraFault = Literal["away", "silent", "refused", "stall", "still", "half", "garbage", "resized"]
CAMERA_FAULTS: tuple[CameraFault, ...] = get_args(CameraFault)
LOOP = 100  # pictures of an RTSP camera
_LOW = 4  # rows of blocks in a picture of the other size


class Cameras:
    """The cameras for the rig. They are counted from 0, MJPEG first."""

    def __init__(self, mjpeg: int, rtsp: int, fps: float) -> None:
        """Starts them."""
        command = [sys.executable, "-m", "night.chaos.cameras", str(mjpeg), str(rtsp), str(fps)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._in, self._out = _piped(self._process.stdin), _piped(self._process.stdout)
        self.urls: list[str] = json.loads(self._out.readline())

    def fault(self, camera: int, fault: CameraFault, seconds: float) -> None:
        """Begins a fault of one camera for a time."""
        self._in.write(json.dumps({"camera": camera, "fault": fault, "seconds": seconds}) + "\n")
        self._in.flush()

    def suspend(self, running: bool) -> None:
        """Stops the whole process, or lets it go on."""
        self._process.send_signal(signal.SIGCONT if running else signal.SIGSTOP)

    def close(self) -> None:
        """Ends the process."""
        self.suspend(running=True)
        self._in.close()
        self._process.wait()
        self._out.close()


def _piped(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


class _Faulty:
    """The common part of both kinds: the fault of the moment."""

    def __init__(self, camera: int, fps: float) -> None:
        self.camera, self.fps, self.began = camera, fps, time.monotonic()
        self.fault: CameraFault | None = None
        self.over_at = 0.0

    def begin(self, fault: CameraFault, seconds: float) -> None:
        self.fault, self.over_at = fault, time.monotonic() + seconds

    @property
    def now(self) -> CameraFault | None:
        return self.fault if time.monotonic() < self.over_at else None

    def due(self, ended: Any) -> Iterator[int]:
        """The numbers of pictures, each when it is due."""
        while True:
            number = int((time.monotonic() - self.began) * self.fps) + 1
            while (left := self.began + number / self.fps - time.monotonic()) > 0:
                if ended.wait(left):
                    return
            yield number

    def may_talk(self, ended: Any) -> bool:
        while self.now == "silent":
            if ended.wait(0.05):
                return False
        return self.now not in ("away", "refused")


def _faulty(state: _Faulty, ended: Any, picture: Any) -> Iterator[tuple[int, bytes]]:
    last = b""
    for number in state.due(ended):
        fault = state.now
        if fault in ("stall", "silent"):
            continue
        if fault in ("away", "refused"):
            return
        data = picture(number, fault)
        if fault == "still":
            data = last or data
        last = data
        if fault == "half":
            yield number, data[: len(data) // 2]
            return
        yield number, os.urandom(len(data)) if fault == "garbage" else data


class _Mjpeg(HttpServer):
    def __init__(self, state: _Faulty) -> None:
        self.state = state
        super().__init__()

    def talk(self, connection: Any) -> None:
        if self.state.may_talk(self._ended):
            self._multipart(connection)
        elif self.state.now == "refused":
            connection.sendall(b"HTTP/1.0 503 Busy\r\n\r\n")

    def paced(self) -> Iterator[tuple[int, bytes]]:
        def picture(number: int, fault: CameraFault | None) -> bytes:
            rows = {"rows": _LOW} if fault == "resized" else {}
            return stamped_jpeg(self.state.camera, number, **rows)

        return _faulty(self.state, self._ended, picture)


class _Rtsp(RtspServer):
    def __init__(self, state: _Faulty) -> None:
        self.state = state
        self.clips = [_clip(state.camera, rows) for rows in (HEIGHT // 8, _LOW)]
        super().__init__(self.clips[0])

    def talk(self, connection: Any) -> None:
        if self.state.may_talk(self._ended):
            self.clip = self.clips[self.state.now == "resized"]
            self.faults = dataclasses.replace(
                self.faults, status="503 Busy" if self.state.now == "refused" else None
            )
            super().talk(connection)

    def paced(self) -> Iterator[tuple[int, bytes]]:
        clip = self.clip
        assert clip is not None

        sent = itertools.count(random.randrange(LOOP))  # all are kept: the others could not be decoded

        def picture(_: int, fault: CameraFault | None) -> bytes:
            number = next(sent)
            return clip.frames[number % 10 if fault == "still" else number % LOOP]

        return _faulty(self.state, self._ended, picture)


def serve(mjpeg: int, rtsp: int, fps: float) -> None:
    """The process: see the head of this file."""
    states = [_Faulty(camera, fps) for camera in range(mjpeg + rtsp)]
    servers = [_Mjpeg(state) if state.camera < mjpeg else _Rtsp(state) for state in states]
    print(json.dumps([server.url for server in servers]), flush=True)
    for line in sys.stdin:
        said = json.loads(line)
        states[said["camera"]].begin(said["fault"], said["seconds"])
        if said["fault"] in ("away", "refused", "silent", "resized"):
            servers[said["camera"]].hang_up()
    for server in servers:
        with contextlib.suppress(OSError):
            server.close()


def _clip(camera: int, rows: int) -> Any:
    """An RTSP camera's pictures."""
    import av  # noqa: PLC0415  (of the process alone)
    from rigs.live.media import encode  # noqa: PLC0415

    def draw(number: int, width: int, height: int) -> Any:
        with av.open(io.BytesIO(stamped_jpeg(camera, number, rows=rows)), "r", format="mjpeg") as file:
            grey = next(file.decode(video=0)).to_ndarray(format="gray")
        assert grey.shape == (height, width)
        return np.repeat(grey[:, :, None], 3, axis=2)

    return encode("h264", LOOP, size=(WIDTH, 8 * rows), draw=draw)


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
