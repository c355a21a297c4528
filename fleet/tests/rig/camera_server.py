"""Test cameras over HTTP that count their sessions, for `./dev test-fleet --check`.

`python -m rig.camera_server CAMERAS FPS LOG` serves http://127.0.0.1:PORT/camera/0 and so on,
prints the port and ends with its standard input. A line `CAMERA SECONDS` there makes a camera close its
sessions and reject others for that long. Each camera sends MJPEG (multipart/x-mixed-replace), frame n at n /
fps seconds after the server's start. A line of LOG is an object: a session that was opened, or one that was
closed with the ranges of frames it was sent.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from rigs.stamped_picture import stamped_jpeg
from support import program_environment

from freshframe._closed_by_with import ClosedByWith
from freshframe._errors import SourceError

from . import FOLDER

_REQUEST_TIME = 5.0  # time limit in seconds for the header of a request
_SILENCE = (
    # Seconds without room for a frame after which the session ends, as with a camera that expects
    # a sign of life.
    3.0
)
_SEND_BUFFER = 8 * 1024  # maximum number of bytes queued in the server
_BOUNDARY = "freshframe-camera"


class CameraServer(ClosedByWith):
    """Runs the server as a separate process, so that faults of the program under test do not affect it."""

    def __init__(self, cameras: int, fps: float, log: Path) -> None:
        """Starts the server and waits for its port.

        Args:
            cameras: 1 to 65536.
            fps: Frames per second of each camera.
            log: A new file for the sessions.

        Raises:
            SourceError: It does not start.
        """
        self.cameras = cameras
        arguments = [sys.executable, "-m", "rig.camera_server", str(cameras), str(fps), str(log.absolute())]
        self._process = subprocess.Popen(
            arguments,
            cwd=FOLDER,
            env=program_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if not said.isdigit():
            raise SourceError(f"the test cameras do not start: {said or f'status {self._process.wait()}'}")
        self._port = int(said)

    def url(self, camera: int) -> str:
        """Where a camera is."""
        return f"http://127.0.0.1:{self._port}/camera/{camera}"

    def away(self, camera: int, seconds: float) -> None:
        """Makes a camera close its sessions and reject others for a while."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{camera} {seconds}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Closes every session and ends the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class _Log:
    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._sessions = 0

    def opened(self, camera: int) -> int:
        self._sessions += 1
        self._write(self._sessions, camera, what="opened")
        return self._sessions

    def closed(self, session: int, camera: int, sent: list[list[int]]) -> None:
        self._write(session, camera, what="closed", sent=sent)

    def _write(self, session: int, camera: int, **more: object) -> None:
        line = {"at": time.monotonic(), "session": session, "camera": camera, **more}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


class _Cameras:
    """Responds to requests, with one task per session."""

    def __init__(self, cameras: int, fps: float, log: _Log) -> None:
        self._cameras = cameras
        self._fps = fps
        self._log = log
        self._start = time.monotonic()
        self._sessions: set[asyncio.Task[None]] = set()
        self._open: dict[asyncio.StreamWriter, int] = {}  # to which camera
        self._back_at: dict[int, float] = {}  # cameras that are offline, and until when

    async def serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            camera, seconds = line.split()
            self._leave(int(camera), float(seconds))
        server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def _leave(self, camera: int, seconds: float) -> None:
        self._back_at[camera] = time.monotonic() + seconds
        for writer, of in self._open.items():
            if of == camera:
                writer.transport.abort()  # its session notices it

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_TIME)
            camera = self._camera_of(head)
            if camera is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            elif time.monotonic() >= self._back_at.get(camera, 0.0):
                self._open[writer] = camera
                await self._session(camera, reader, writer)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the session is over
        finally:
            self._sessions.discard(task)
            self._open.pop(writer, None)
            writer.transport.abort()

    def _camera_of(self, head: bytes) -> int | None:
        words = head.split(b" ", 2)
        if len(words) < 3 or words[0] != b"GET" or not words[1].startswith(b"/camera/"):
            return None
        number = words[1].removeprefix(b"/camera/")
        return int(number) if number.isdigit() and int(number) < self._cameras else None

    async def _session(self, camera: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session, sent = self._log.opened(camera), list[list[int]]()
        try:
            writer.transport.set_write_buffer_limits(high=_SEND_BUFFER)
            writer.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\n"
                b"Content-Type: multipart/x-mixed-replace; boundary=" + _BOUNDARY.encode() + b"\r\n\r\n"
            )
            # Ends when the client disconnects, perhaps with a reset.
            left = asyncio.ensure_future(reader.read())
            left.add_done_callback(lambda end: end.cancelled() or end.exception())
            while not left.done():
                now = time.monotonic()
                frame = int((now - self._start) * self._fps) + 1
                await asyncio.wait([left], timeout=self._start + frame / self._fps - now)
                if left.done():
                    break
                writer.write(_part(stamped_jpeg(camera, frame)))
                await asyncio.wait_for(writer.drain(), _SILENCE)
                if sent and sent[-1][1] == frame - 1:
                    sent[-1][1] = frame
                else:
                    sent.append([frame, frame])
            left.cancel()
        finally:
            self._log.closed(session, camera, sent)


def _part(jpeg: bytes) -> bytes:
    return (
        f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
        + jpeg
        + b"\r\n"
    )


@contextlib.contextmanager
def _log_at(path: str) -> Iterator[_Log]:
    with Path(path).open("x", encoding="utf-8") as file:
        yield _Log(file)


def main() -> None:
    """The main program of the process; see the top of this file."""
    cameras, fps, path = sys.argv[1:]
    with _log_at(path) as log:
        asyncio.run(_Cameras(int(cameras), float(fps), log).serve())


if __name__ == "__main__":
    main()
