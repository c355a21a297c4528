"""An HLS server (RFC 8216) of TS segments that logs when the camera captured each image."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import datetime
import re
import socket
import threading
import time
from collections import deque

from rigs.live.faulty_server import Server, read_request
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.pace import Due
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.streams.ts import TsStream

LISTED, KEPT = 5, 8  # segments
MASTER = "#EXTM3U\n" + 3 * "#EXT-X-STREAM-INF:BANDWIDTH=1000000\nlive.m3u8\n"


class HlsServer(Server):
    """Serves /live.m3u8. A segment is available once the camera has captured its last image.

    In the log, `first` is when the camera captured an image, and `last` is when it became available.

    Args:
        film: Each segment must start with a keyframe.
        fps: Images per second.
        pictures: Number of images per segment.
        log: The log to write to; a new one by default.
    """

    def __init__(self, film: Film, fps: float, *, pictures: int, log: SentLog | None = None) -> None:
        self._film, self._fps, self._pictures = film, fps, pictures
        self.log = SentLog() if log is None else log
        self.playlists = 0  # number of requests for the playlist
        self.flowing = threading.Event()  # cleared while requests get no response
        self.flowing.set()
        self._encodes_until: float | None = None
        self._stream = TsStream(film, fps)
        self._lock = threading.Lock()
        self._made = 0  # segments
        self._segments: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        # So that the playlist is full from the start.
        self._began = time.monotonic() - LISTED * pictures / fps
        self._unix = time.time() - time.monotonic()
        super().__init__()

    @property
    def url(self) -> str:
        """The URL of the playlist."""
        return f"http://127.0.0.1:{self.port}/live.m3u8"

    @property
    def master(self) -> str:
        """The URL of a playlist that lists the other one three times, as for three audio groups."""
        return f"http://127.0.0.1:{self.port}/master.m3u8"

    @property
    def phase(self) -> float:
        """The fraction of the next segment that the camera has captured."""
        return (time.monotonic() - self._began) * self._fps / self._pictures % 1

    def pause(self) -> None:
        """Sends no responses until resume(). The camera continues."""
        self.flowing.clear()

    def resume(self) -> None:
        """Ends the pause."""
        self.flowing.set()

    def stop_encoder(self) -> None:
        """Stops the camera. The web server continues to serve the last segments."""
        with self._lock:
            self._encodes_until = time.monotonic()

    def talk(self, connection: socket.socket) -> None:
        """Answers one request."""
        wanted = re.match(r"GET /(?:live\.m3u8|(master)\.m3u8|(\d+)\.ts)", read_request(connection))
        while not self.flowing.wait(0.05):
            if self._ended.is_set():
                return
        self._make()
        with self._lock:
            kept = dict(self._segments)
        if wanted and wanted[1] is not None:
            body, kind = MASTER.encode(), "application/vnd.apple.mpegurl"
        elif wanted and wanted[2] is None:
            self.playlists += 1
            body, kind = self._playlist(sorted(kept)).encode(), "application/vnd.apple.mpegurl"
        elif wanted and int(wanted[2]) in kept:
            body, kind = kept[int(wanted[2])], "video/mp2t"
        else:
            connection.sendall(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        head = f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    def _find_time(self, place: int) -> float:
        """Returns when the camera captured an image. B-frames are captured before they can be sent."""
        return self._began + (place - self._film.lead) / self._fps

    def _make(self) -> None:
        """Makes the segments that are available by now."""
        with self._lock:
            now = time.monotonic() if self._encodes_until is None else self._encodes_until
            while (ready := self._began + (self._made + 1) * self._pictures / self._fps) <= now:
                first = self._made * self._pictures
                slots = range(first, first + self._pictures)
                data = b"".join(self._picture(slot, ready) for slot in slots)
                self._segments.append((self._made, data))
                self._made += 1

    def _picture(self, slot: int, ready: float) -> bytes:
        turn, at = divmod(slot, len(self._film.pictures))
        picture = self._film.pictures[at]
        place = turn * len(self._film.pictures) + picture.number
        taken = self._find_time(place)
        data = self._stream.packets(Due(picture, slot, place, taken))
        self.log.note(Sent(0, picture.number, place, taken, taken, ready, len(data) // 188, 0))
        return data

    def _playlist(self, kept: list[int]) -> str:
        seconds = self._pictures / self._fps
        listed = kept[-LISTED:]
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{round(seconds + 0.5)}"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{listed[0]}")
        for number in listed:
            unix = self._unix + self._find_time(number * self._pictures)
            when = datetime.datetime.fromtimestamp(unix, datetime.timezone.utc)
            lines += [
                f"#EXT-X-PROGRAM-DATE-TIME:{when.isoformat(timespec='milliseconds')}",
                f"#EXTINF:{seconds:.3f},",
                f"{number}.ts",
            ]
        return "\n".join(lines) + "\n"
