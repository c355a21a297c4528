"""An HLS server on loopback whose playlist the test controls: it ends, restarts, changes or fails once."""
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

STEP = 4  # difference in brightness from one image to the next
DARKEST = 20
PER_SEGMENT = 10  # images per segment


def flat(number: int, width: int, height: int) -> Any:
    """Returns an image whose brightness encodes its number."""
    return np.full((height, width, 3), DARKEST + STEP * number, np.uint8)


def read_number(frame: ff.Frame) -> int:
    """Returns the number of an image, or -1 if parts of it are garbage."""
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
    """Returns a clip for five segments of "mpegts" or "mp4"."""
    count = 5 * PER_SEGMENT
    if kind == "mpegts":
        return encode(kind, count, size=size, start=start, codec=codec, draw=flat, sound=sound)
    clip = encode(kind, count + 1, size=size, start=start, codec=codec, draw=flat)
    return dataclasses.replace(clip, frames=clip.frames[1:])  # a fragment is written when the next one starts


class Packager(Server):
    """Lists segments of clips, to which the test adds.

    Attributes:
        answers: By file name, responses that are each sent once instead. None: sends nothing.
        is_over: True if the playlist has EXT-X-ENDLIST.
        window: How many of the newest segments are listed.
        first: Number of the first segment.
        head: Lines at the start of the playlist.
        tags: Lines between the duration and the name of each segment, any bytes.
        is_down: True: closes each connection immediately.
        files: Other files, by name.
        asked: File names that were requested.
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
        """The URL of the playlist."""
        return f"http://127.0.0.1:{self.port}/live.m3u8"

    @property
    def is_over(self) -> bool:
        return self._is_over

    @is_over.setter
    def is_over(self, value: bool) -> None:
        with self._lists:  # a playlist must not mix two states
            self._is_over = value

    def begin(self, clip: Clip, name: str = "") -> None:
        """Starts a new clip for the next segments. `name`: name of its initialization file."""
        if self._lines:
            self._next.append("#EXT-X-DISCONTINUITY")
        if name:
            self.files[name] = clip.header
            self._next.append(f'#EXT-X-MAP:URI="{name}"')

    def begin_key(self, line: str) -> None:
        """Sets the key of the next segments."""
        with self._lists:
            self._next.append(line)

    def restart(self, clip: Clip, *numbers: int) -> None:
        """Replaces all segments by these, and counts from 0."""
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
    """Returns an HTTP response with this body, or a 404."""
    if body is None:
        return b"HTTP/1.0 404 Not Found\r\n\r\n"
    return f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def read_rest(reader: Any, timeout: float) -> list[ff.Sample[ff.Frame]]:
    """Returns all samples until the source ends."""
    samples = []
    with contextlib.suppress(ff.EndOfStreamError):
        while True:
            samples.append(reader.get(timeout=timeout))
    return samples
