"""An RTSP server on loopback for the live tests."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import re
import socket
import struct
import threading
import time

from rigs.live.faulty_server import RESET, Server, is_allowed, read_request

SEQUENCE = re.compile(r"CSeq: *(\d+)", re.IGNORECASE)


class RtspServer(Server):
    """H.264 over RTP, interleaved in the connection or over UDP, with RTCP sender reports.

    Attributes:
        restarts_at: The number of the frame with which the sender starts again: another source, sequence
            and clock.
    """

    CLOCK = 90000
    MOST = 1200  # maximum payload of a packet in bytes
    restarts_at: int | None = None
    _target: object = None  # target of the last SETUP

    @property
    def url(self) -> str:
        """The URL of the stream."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Responds to requests, and sends while the client plays."""
        send_lock = threading.Lock()
        udp: list[socket.socket] = []
        with contextlib.ExitStack() as stack:
            while request := self._next(connection):
                verb = request.split(" ", 1)[0]
                sequence = SEQUENCE.search(request)
                head, body, target = "", "", None
                status = "200 OK"
                if self.faults.hates is not None and self.faults.hates in request:
                    status = "400 Bad Request"
                elif verb == "OPTIONS":
                    head = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
                elif not is_allowed(request, self.faults.user):
                    status, head = "401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n'
                elif self.faults.status is not None:
                    status = self.faults.status
                elif verb == "DESCRIBE":
                    body = self._sdp()
                    head = f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\n"
                elif verb == "SETUP":
                    head, target = self._setup(request, connection, udp, send_lock, stack)
                    self._target = target
                elif verb == "PLAY":
                    head = "Session: 1\r\nRange: npt=0.000-\r\n"
                elif verb == "TEARDOWN":
                    self.goodbyes += 1
                    if self.faults.no_goodbye:
                        self._ended.wait()
                    return
                head += f"Content-Length: {len(body)}\r\n" if body else ""
                number = sequence[1] if sequence else "0"
                with send_lock:
                    connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{head}\r\n{body}".encode())
                if verb == "PLAY" and status == "200 OK" and self._target is not None:
                    self._run(self._play, self._target, connection)

    def _next(self, connection: socket.socket) -> str:
        """Returns the next request without a scripted response, or "" if the connection has ended."""
        while request := read_request(connection):
            verb = request.split(" ", 1)[0]
            self.requests.append(verb)
            if verb not in self.faults.answers:
                return request
            if not self._answer(connection, self.faults.answers[verb], request):
                break
        return ""

    def _answer(self, connection: socket.socket, answer: bytes | None, request: str) -> bool:
        """Sends the scripted response. Returns False if the connection has ended."""
        if answer is None:
            self._ended.wait()
        elif answer == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer:
            sequence = SEQUENCE.search(request)
            told = answer.replace(b"{cseq}", (sequence[1] if sequence else "0").encode())
            connection.sendall(told.replace(b"{port}", str(self.port).encode()))
            return True
        return False

    def _sdp(self) -> str:
        assert self.clip is not None
        nals = units(self.clip.frames[0])
        sets = ",".join(base64.b64encode(n).decode() for n in nals if n[0] & 31 in (7, 8))
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:*\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\na=control:track1\r\n"
        )

    def _setup(
        self,
        request: str,
        connection: socket.socket,
        udp: list[socket.socket],
        lock: threading.Lock,
        stack: contextlib.ExitStack,
    ) -> tuple[str, object]:
        if ports := re.search(r"client_port=(\d+)-(\d+)", request):
            rtp, rtcp = int(ports[1]), int(ports[2])
            pair = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in (0, 1)]
            for end in pair:
                end.bind(("127.0.0.1", 0))
            own = [end.getsockname()[1] for end in pair]

            def send_udp(channel: int, data: bytes) -> None:
                pair[channel].sendto(data, ("127.0.0.1", (rtp, rtcp)[channel]))

            transport = f"RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={own[0]}-{own[1]}"
            return f"Session: 1\r\nTransport: {transport}\r\n", send_udp

        def send_tcp(channel: int, data: bytes) -> None:
            with lock:
                connection.sendall(struct.pack(">cBH", b"$", channel, len(data)) + data)

        return "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", send_tcp

    def _play(self, send: object, connection: socket.socket) -> None:
        assert self.clip is not None
        assert callable(send)
        sequence, octets, packets, source, base = 100, 0, 0, 7, 1000
        with contextlib.suppress(OSError):
            for number, frame in self.paced():
                if number == self.restarts_at:
                    sequence, source = 5, 9
                    base = -round(number * self.CLOCK / self.clip.fps)
                stamp = (base + round(number * self.CLOCK / self.clip.fps)) & 0xFFFFFFFF
                if number % 30 == 0:
                    now = time.time() + 2208988800  # NTP counts from 1900
                    report = struct.pack(">BBHI", 0x80, 200, 6, source)
                    report += struct.pack(">IIIII", int(now), int(now % 1 * 2**32), stamp, packets, octets)
                    send(1, report)
                pieces = [piece for unit in units(frame) for piece in self._fragments(unit)]
                for piece in pieces:
                    marker = 0x80 if piece is pieces[-1] else 0
                    header = struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, stamp, source)
                    send(0, header + piece)
                    sequence, octets, packets = sequence + 1, octets + len(piece), packets + 1
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _fragments(self, unit: bytes) -> list[bytes]:
        if len(unit) <= self.MOST:
            return [unit]
        kind, body = unit[0], unit[1:]
        parts = [body[i : i + self.MOST] for i in range(0, len(body), self.MOST)]
        result = []
        for i, part in enumerate(parts):
            flags = (0x80 if i == 0 else 0) | (0x40 if i == len(parts) - 1 else 0)
            result.append(bytes([kind & 0xE0 | 28, flags | kind & 31]) + part)
        return result


def units(frame: bytes) -> list[bytes]:
    """Splits a frame at start codes into NAL units. Data without start codes is one unit."""
    found = [unit.rstrip(b"\0") for unit in frame.split(b"\0\0\1")]
    return [unit for unit in found if unit] or [frame or b"\0"]
