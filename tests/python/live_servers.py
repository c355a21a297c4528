"""Servers on loopback for the live tests: they deliver what they are told, and misbehave when told to.

Run as a program it is a server in a process of its own, which a test can stop or kill:
``python live_servers.py rtsp clip.pickle [port]`` prints its port when it listens.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import dataclasses
import itertools
import pickle
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

FPS = 30


@dataclasses.dataclass(frozen=True)
class Clip:
    """Video cut where its frames begin.

    Attributes:
        kind: FFmpeg's name of the container: "mpegts", "matroska", "flv", "mp4" (fragments), "nut", "h264"
            (NAL units with start codes) or "mjpeg".
        header: What comes before the first frame.
        frames: The bytes of each frame.
        keys: Whether each is a key frame.
        fps: Frames per second.
    """

    kind: str
    header: bytes
    frames: list[bytes]
    keys: list[bool]
    fps: float = FPS

    def save(self, path: Path) -> Path:
        """Writes it for a server in another process."""
        path.write_bytes(pickle.dumps(dataclasses.astuple(self)))
        return path

    @classmethod
    def load(cls, path: Path) -> Clip:
        """Reads what save() wrote."""
        return cls(*pickle.loads(path.read_bytes()))


@dataclasses.dataclass
class Faults:
    """What a server does wrong; changed at any time by the test.

    Attributes:
        silent: Accepts and never answers.
        stall_after: Sends so many frames and then nothing, and keeps the connection.
        half_after: Sends so many frames and half of the next, then closes the connection.
        close_after: Sends so many frames, then closes the connection.
        garbage: Sends random bytes instead of frames.
        no_keys: Leaves the key frames out, so that nothing can be decoded.
        no_goodbye: RTSP: never answers a client that ends its session.
        status: What HTTP and RTSP answer instead of 200.
        user: "name:password" that HTTP and RTSP want (Basic).
        answer: HTTP: sent instead of everything else.
    """

    silent: bool = False
    stall_after: int | None = None
    half_after: int | None = None
    close_after: int | None = None
    garbage: bool = False
    no_keys: bool = False
    no_goodbye: bool = False
    status: str | None = None
    user: str | None = None
    answer: bytes | None = None


_S = TypeVar("_S", bound="Server")


class Server:
    """Listens on 127.0.0.1; a thread for each connection. A subclass says what to do with one."""

    def __init__(self, clip: Clip | None = None, faults: Faults | None = None, port: int = 0) -> None:
        self.clip = clip
        self.faults = faults or Faults()
        self.connections = 0
        self.frames_sent = 0
        self.goodbyes = 0  # RTSP: clients that ended their session themselves
        self.skip = 0  # frames left out at the start of each connection
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._run(self._accept)

    @property
    def url(self) -> str:
        """Of its stream."""
        raise NotImplementedError

    def __enter__(self: _S) -> _S:
        """Does nothing more."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ends every thread of it."""
        self.close()

    def close(self) -> None:
        """Refuses new connections and closes the open ones."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.hang_up()
        for thread in self._threads:
            thread.join()

    def hang_up(self) -> None:
        """Closes the open connections."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def talk(self, connection: socket.socket) -> None:
        """One client; returns when it is done."""
        raise NotImplementedError

    def paced(self) -> Iterator[tuple[int, bytes]]:
        """The frames, each when it is due; over and over. Ends after the fault that ends it."""
        assert self.clip is not None
        began, skip = time.monotonic(), self.skip
        for number in itertools.count(skip):
            if self._ended.wait(max(0.0, began + (number - skip) / self.clip.fps - time.monotonic())):
                return
            frame = self.clip.frames[number % len(self.clip.frames)]
            if self.faults.no_keys and self.clip.keys[number % len(self.clip.frames)]:
                continue
            sent = number - skip
            if sent == self.faults.stall_after:
                self._ended.wait()
                return
            if sent == self.faults.close_after:
                return
            if sent == self.faults.half_after:
                yield number, frame[: len(frame) // 2]
                return
            if self.faults.garbage:
                frame = bytes((7 * i * i + number) % 256 for i in range(len(frame)))
            self.frames_sent += 1
            yield number, frame

    def _run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self.faults.silent:
                    self._ended.wait()
                else:
                    self.talk(connection)
            except OSError:
                pass
            finally:
                self._open.discard(connection)


class TcpServer(Server):
    """Sends a TS or Matroska stream to whoever connects."""

    @property
    def url(self) -> str:
        """Its URL."""
        return f"tcp://127.0.0.1:{self.port}"

    def talk(self, connection: socket.socket) -> None:
        """Sends."""
        assert self.clip is not None
        connection.sendall(self.clip.header)
        for _, frame in self.paced():
            connection.sendall(frame)


def read_request(connection: socket.socket) -> str:
    """A request's head, or "" when the client has gone."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return ""
        if byte == b"$" and not head:  # RTCP from the client between two requests
            length = struct.unpack(">xH", connection.recv(3, socket.MSG_WAITALL))[0]
            connection.recv(length, socket.MSG_WAITALL)
            continue
        head += byte
    return head.decode()


def is_allowed(request: str, user: str | None) -> bool:
    """Whether the request carries the wanted credentials."""
    if user is None:
        return True
    return f"Basic {base64.b64encode(user.encode()).decode()}" in request


class UdpServer(Server):
    """Sends a TS stream to its own port, whether or not somebody listens there."""

    MOST = 7 * 188  # bytes: packets of TS in one of UDP

    @property
    def url(self) -> str:
        """Its URL."""
        return f"udp://127.0.0.1:{self.port}"

    def __init__(self, clip: Clip | None = None, faults: Faults | None = None, port: int = 0) -> None:
        super().__init__(clip, faults, port)
        self._run(self._send)

    def _send(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            for _, frame in self.paced():
                for begin in range(0, len(frame), self.MOST):
                    end.sendto(frame[begin : begin + self.MOST], ("127.0.0.1", self.port))


class TlsFront(Server):
    """Speaks TLS with whoever connects, and passes on what comes to the server behind it."""

    def __init__(self, behind: Server, certificate: Path) -> None:
        self.behind = behind
        self.names: list[str | None] = []  # that clients asked for (SNI)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__()

    @property
    def url(self) -> str:
        """Of the stream behind it, by name."""
        scheme = "rtsps" if isinstance(self.behind, RtspServer) else "https"
        return f"{scheme}://localhost:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Passes on, both ways."""
        with (
            self._context.wrap_socket(connection, server_side=True) as front,
            socket.create_connection(("127.0.0.1", self.behind.port)) as back,
        ):
            while not self._ended.is_set():
                ready, _, _ = select.select([front, back], [], [], 0.1)
                for end, other in ((front, back), (back, front)):
                    if end in ready:
                        data = end.recv(1 << 16)  # more than a record of TLS holds
                        if not data:
                            return
                        other.sendall(data)


class HttpServer(Server):
    """Sends TS, or JPEG pictures as multipart/x-mixed-replace; a playlist and segments below /hls/."""

    SEGMENT = 30  # frames

    @property
    def url(self) -> str:
        """Of the endless stream."""
        return f"http://127.0.0.1:{self.port}/live"

    @property
    def playlist(self) -> str:
        """Of HLS."""
        return f"http://127.0.0.1:{self.port}/hls/live.m3u8"

    def __init__(self, clip: Clip | None = None, faults: Faults | None = None, port: int = 0) -> None:
        self.began = time.monotonic()
        super().__init__(clip, faults, port)

    def talk(self, connection: socket.socket) -> None:
        """Answers one request."""
        request = read_request(connection)
        if not request:
            return
        if self.faults.answer is not None:
            connection.sendall(self.faults.answer)
            self._ended.wait(1)
        elif not is_allowed(request, self.faults.user):
            connection.sendall(b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n')
        elif self.faults.status is not None:
            connection.sendall(f"HTTP/1.0 {self.faults.status}\r\n\r\n".encode())
        elif match := re.match(r"GET /hls/(\S+)", request):
            self._hls(connection, match[1])
        elif self.clip is not None and self.clip.kind == "mjpeg":
            self._multipart(connection)
        else:
            self._stream(connection)

    def _stream(self, connection: socket.socket) -> None:
        assert self.clip is not None
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + self.clip.header)
        for _, frame in self.paced():
            connection.sendall(frame)

    def _multipart(self, connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=edge\r\n\r\n"
        )
        for _, frame in self.paced():
            head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
            connection.sendall(head.encode() + frame + b"\r\n")

    def _hls(self, connection: socket.socket, name: str) -> None:
        assert self.clip is not None
        segments = len(self.clip.frames) // self.SEGMENT
        seconds = self.SEGMENT / self.clip.fps
        newest = min(3 + int((time.monotonic() - self.began) / seconds), segments - 1)
        if name == "live.m3u8":
            first = max(0, newest - 4)
            lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
            lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
            for number in range(first, newest + 1):
                lines += [f"#EXTINF:{seconds:.3f},", f"{number}.ts"]
            body = ("\n".join(lines) + "\n").encode()
        else:
            begin = int(name.removesuffix(".ts")) * self.SEGMENT
            body = b"".join(self.clip.frames[begin : begin + self.SEGMENT])
            self.frames_sent += self.SEGMENT
        connection.sendall(
            f"HTTP/1.0 200 OK\r\nContent-Type: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )


class RtspServer(Server):
    """H.264 over RTP, interleaved in the connection or over UDP, with RTCP sender reports."""

    CLOCK = 90000
    MOST = 1200  # bytes of a packet's payload

    @property
    def url(self) -> str:
        """Its URL."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Answers requests, sends while it plays."""
        send_lock = threading.Lock()
        udp: list[socket.socket] = []
        with contextlib.ExitStack() as stack:
            while request := read_request(connection):
                verb = request.split(" ", 1)[0]
                sequence = re.search(r"CSeq: *(\d+)", request, re.IGNORECASE)
                head, body, target = "", "", None
                status = "200 OK"
                if verb == "OPTIONS":
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
                if verb == "PLAY" and status == "200 OK":
                    self._run(self._play, self._target, connection)

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
        sequence, octets, packets = 100, 0, 0
        with contextlib.suppress(OSError):
            for number, frame in self.paced():
                stamp = (1000 + round(number * self.CLOCK / self.clip.fps)) & 0xFFFFFFFF
                if number % 30 == 0:
                    now = time.time() + 2208988800  # NTP counts from 1900
                    report = struct.pack(">BBHI", 0x80, 200, 6, 7)
                    report += struct.pack(">IIIII", int(now), int(now % 1 * 2**32), stamp, packets, octets)
                    send(1, report)
                pieces = [piece for unit in units(frame) for piece in self._fragments(unit)]
                for piece in pieces:
                    marker = 0x80 if piece is pieces[-1] else 0
                    header = struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, stamp, 7)
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
    """The NAL units of a frame with start codes; what does not look like one is one unit."""
    found = [unit.rstrip(b"\0") for unit in frame.split(b"\0\0\1")]
    return [unit for unit in found if unit] or [frame or b"\0"]


KINDS: dict[str, type[Server]] = {"tcp": TcpServer, "http": HttpServer, "rtsp": RtspServer}


def main() -> None:
    """Serves until it is killed."""
    kind, path, *port = sys.argv[1:]
    server = KINDS[kind](Clip.load(Path(path)), port=int(port[0]) if port else 0)
    print(server.port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
