"""An RTSP server for many cameras in one thread: python _many_rtsp.py CLIP FPS prints its port.

Each path is a camera. All of them send the same clip over TCP, from their PLAY request on. Each frame is
split into packets only once, so the server uses little CPU compared with its readers.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import heapq
import re
import selectors
import socket
import struct
import sys
import time
from pathlib import Path

from _measure import ROOT

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.faulty_server import Clip
from rigs.live.rtsp import units

CLOCK = 90000
MOST = 1400  # maximum bytes of a packet's payload


class Film:
    """The clip in an endless loop, as interleaved RTP packets."""

    def __init__(self, clip: Clip, fps: float) -> None:
        self.fps = fps
        self.frames = [
            [piece for unit in units(frame) for piece in self.fragments(unit)] for frame in clip.frames
        ]
        self.before = [0]  # number of packets before each frame
        for pieces in self.frames:
            self.before.append(self.before[-1] + len(pieces))
        sets = [unit for unit in units(clip.frames[0]) if unit[0] & 31 in (7, 8)]
        self.sets = ",".join(base64.b64encode(unit).decode() for unit in sets)
        self.made: dict[int, bytes] = {}

    @staticmethod
    def fragments(unit: bytes) -> list[bytes]:
        """Splits a NAL unit into fragments, see RFC 6184."""
        if len(unit) <= MOST:
            return [unit]
        kind, body = unit[0], unit[1:]
        parts = [body[begin : begin + MOST] for begin in range(0, len(body), MOST)]
        last = len(parts) - 1
        ends = [(0x80 if n == 0 else 0) | (0x40 if n == last else 0) for n in range(len(parts))]
        return [
            bytes([kind & 0xE0 | 28, end | kind & 31]) + part for end, part in zip(ends, parts, strict=True)
        ]

    def frame(self, number: int) -> bytes:
        """Returns the packets of frame `number` of the endless stream."""
        if number not in self.made:
            loop, n = divmod(number, len(self.frames))
            sequence = loop * self.before[-1] + self.before[n]
            stamp = round(number * CLOCK / self.fps) & 0xFFFFFFFF
            out = bytearray()
            for at, piece in enumerate(self.frames[n]):
                marker = 0x80 if at == len(self.frames[n]) - 1 else 0
                out += struct.pack(">cBH", b"$", 0, 12 + len(piece))
                out += struct.pack(">BBHII", 0x80, marker | 96, (sequence + at) & 0xFFFF, stamp, 7) + piece
            self.made[number] = bytes(out)
            self.made.pop(number - 200, None)
        return self.made[number]


class Server:
    """Serves all connections on one thread."""

    def __init__(self, film: Film) -> None:
        self.film = film
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.due: list[tuple[float, int, socket.socket, int, float]] = []  # time, tie, client, frame, start

    def run(self) -> None:
        """Runs until it is killed."""
        while True:
            pause = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, _ in self.selector.select(pause):
                if key.fileobj is self.listener:
                    client, _ = self.listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(client, selectors.EVENT_READ)
                else:
                    self.answer(key.fileobj)  # type: ignore[arg-type]
            while self.due and self.due[0][0] <= time.monotonic():
                _, tie, client, number, begin = heapq.heappop(self.due)
                try:
                    client.sendall(self.film.frame(number))
                except OSError:
                    continue
                when = begin + (number + 1) / self.film.fps
                heapq.heappush(self.due, (when, tie, client, number + 1, begin))

    def answer(self, client: socket.socket) -> None:
        """Answers the client's requests. Ignores RTCP reports."""
        try:
            text = client.recv(65536)
        except OSError:
            text = b""
        if not text:
            self.selector.unregister(client)
            client.close()
            return
        for found in re.finditer(rb"([A-Z_]+) (\S+) RTSP/1\.0\r\n(.*?)\r\n\r\n", text, re.DOTALL):
            verb, url, heads = found[1].decode(), found[2].decode(), found[3].decode()
            number = re.search(r"CSeq: *(\d+)", heads)
            head, body = "Session: 1\r\n", ""
            if verb == "OPTIONS":
                head = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
            elif verb == "DESCRIBE":
                body = (
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:*\r\n"
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                    f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={self.film.sets}\r\n"
                    "a=control:track1\r\n"
                )
                head = f"Content-Type: application/sdp\r\nContent-Base: {url}/\r\n"
            elif verb == "SETUP":
                head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            head += f"Content-Length: {len(body)}\r\n" if body else ""
            cseq = number[1] if number else "0"
            try:
                client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{head}\r\n{body}".encode())
            except OSError:
                return  # it has disconnected, which the next recv() reports
            if verb == "PLAY":
                now = time.monotonic()
                heapq.heappush(self.due, (now, client.fileno(), client, 0, now))


def main() -> None:
    """Serves until it is killed."""
    server = Server(Film(Clip.load(Path(sys.argv[1])), float(sys.argv[2])))
    print(server.port, flush=True)
    server.run()


if __name__ == "__main__":
    main()
