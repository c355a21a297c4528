"""An HLS server on loopback whose playlist the test writes: it ends, begins again, changes, fails once."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import socket
import threading
from typing import Any

import numpy as np

import freshframe as ff
from rigs.live.faulty_server import Clip, Server, read_request
from rigs.live.media import encode

STEP = 4  # step of brightness from one picture to the next
DARKEST = 20
PER_SEGMENT = 10  # pictures


def flat(number: int, width: int, height: int) -> Any:
    """A picture whose brightness is its number."""
    return np.full((height, width, 3), DARKEST + STEP * number, np.uint8)


def read_number(frame: ff.Frame) -> int:
    """The number of a picture; -1 if parts of it are garbage."""
    pixels = frame.bgr.reshape(-1)
    if int(pixels.max()) - int(pixels.min()) > STEP:
        return -1
    return round((float(pixels.mean()) - DARKEST) / STEP)


@functools.cache
def numbered(
    kind: str,
    size: tuple[int, int] = (64, 48),
    start: float = 0.0,
    codec: str = "libx264",
    sound: str = "",
) -> Clip:
    """Five segments: "mpegts" or "mp4"."""
    count = 5 * PER_SEGMENT
    if kind == "mpegts":
        return encode(kind, count, size=size, start=start, codec=codec, draw=flat, sound=sound)
    clip = encode(kind, count + 1, size=size, start=start, codec=codec, draw=flat)
    return dataclasses.replace(clip, frames=clip.frames[1:])  # a fragment is written when the next one begins


class Packager(Server):
    """Lists segments of clips, to which the test adds.

    Attributes:
        answers: By the name of a file, answers that are given once each in its place: bytes of HTTP, or None
            for silence.
        is_over: The playlist has its end.
        window: As many of the newest segments are listed.
        first: The number of the first segment.
        head: Lines at the beginning of the playlist.
        tags: Lines of any bytes between the length and the name of each segment.
        is_down: It closes each connection at once.
        files: The other files, by name.
        asked: The names that were asked for.
    """

    def __init__(self, window: int = 1000, head: str = "", first: int = 0) -> None:
        self.answers: dict[str, list[bytes | None]] = {}
        self._is_over = self.is_down = False
        self.window, self.head, self.first = window, head, first
        self.tags = b""
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._lists = threading.RLock()
        self._lines: list[list[str]] = []  # lines of each segment
        self._next: list[str] = []  # lines before the next segment
        super().__init__()

    @property
    def url(self) -> str:
        """URL of the playlist."""
        return f"http://127.0.0.1:{self.port}/live.m3u8"

    @property
    def is_over(self) -> bool:
        return self._is_over

    @is_over.setter
    def is_over(self, value: bool) -> None:
        with self._lists:  # no playlist has the lines of one moment and the end of another
            self._is_over = value

    def begin(self, clip: Clip, name: str = "") -> None:
        """The next segments are of this clip; `name`: of the file with its parameters."""
        if self._lines:
            self._next.append("#EXT-X-DISCONTINUITY")
        if name:
            self.files[name] = clip.header
            self._next.append(f'#EXT-X-MAP:URI="{name}"')

    def begin_key(self, line: str) -> None:
        """The next segments have this key."""
        with self._lists:
            self._next.append(line)

    def restart(self, clip: Clip, *numbers: int) -> None:
        """Lists these segments in place of all others, and counts from 0."""
        with self._lists:
            self.first = 0
            self._lines = []
            self.begin(clip, "init.mp4" if clip.kind == "mp4" else "")
            self.add(clip, *numbers)

    def add(self, clip: Clip, *numbers: int) -> None:
        """Lists segments of a clip."""
        with self._lists:
            for number in numbers:
                name = f"{self.first + len(self._lines)}.{'ts' if clip.kind == 'mpegts' else 'm4s'}"
                pictures = clip.frames[number * PER_SEGMENT : (number + 1) * PER_SEGMENT]
                first = clip.header if clip.kind == "mpegts" else b""
                self.files[name] = first + b"".join(pictures)
                self._lines.append([*self._next, f"#EXTINF:{PER_SEGMENT / clip.fps:.3f},", name])
                self._next = []

    def talk(self, connection: socket.socket) -> None:
        """Answers one request."""
        request = re.match(r"GET /(\S+)", read_request(connection))
        if request is None or self.is_down:
            return
        name = request[1]
        self.asked.append(name)
        if self.answers.get(name):
            if (answer := self.answers[name].pop(0)) is None:
                self._ended.wait()
            else:
                connection.sendall(answer)
            return
        body = self.playlist() if name == "live.m3u8" else self.files.get(name)
        connection.sendall(make_answer(body))

    def playlist(self) -> bytes:
        """Returns the playlist as it is now."""
        with self._lists:
            return self._playlist()

    def _playlist(self) -> bytes:
        first = max(0, len(self._lines) - self.window)
        listed = self._lines[first:]
        head = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-TARGETDURATION:1",
            f"#EXT-X-MEDIA-SEQUENCE:{self.first + first}",
        ]
        if listed and not any(line.startswith("#EXT-X-MAP") for line in listed[0]):
            maps = [line for one in self._lines[:first] for line in one if line.startswith("#EXT-X-MAP")]
            head += maps[-1:]
        end = ["#EXT-X-ENDLIST"] if self._is_over else []
        lines = [*head, *self.head.splitlines(), *(line for one in listed for line in one), *end]
        text = ("\n".join(lines) + "\n").encode()
        return re.sub(rb"(?m)^#EXTINF:.*\n", lambda found: found[0] + self.tags, text)


def make_answer(body: bytes | None) -> bytes:
    """Returns an answer of HTTP with this body, or 404."""
    if body is None:
        return b"HTTP/1.0 404 Not Found\r\n\r\n"
    return f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def read_rest(reader: Any, timeout: float) -> list[ff.Sample[ff.Frame]]:
    """All samples until the source ends."""
    samples = []
    with contextlib.suppress(ff.EndOfStreamError):
        while True:
            samples.append(reader.get(timeout=timeout))
    return samples
