"""Servers on loopback for the live tests: TCP, UDP, HTTP and TLS; each kind as a program.

A program is a server in a separate process, which a test can stop or kill:
``python live_servers.py rtsp clip.pickle [port]`` prints its port when it listens.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import select
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

from rigs.live.faulty_server import Clip, Faults, Server, is_allowed, read_request
from rigs.live.rtsp import RtspServer


class TcpServer(Server):
    """Sends a TS or Matroska stream to each client."""

    @property
    def url(self) -> str:
        """The URL."""
        return f"tcp://127.0.0.1:{self.port}"

    def talk(self, connection: socket.socket) -> None:
        """Sends."""
        assert self.clip is not None
        connection.sendall(self.clip.header)
        for _, frame in self.paced():
            connection.sendall(frame)


class UdpServer(Server):
    """Sends a TS stream to its own port, whether or not a socket listens there."""

    MOST = 7 * 188  # bytes: TS packets in one UDP packet

    @property
    def url(self) -> str:
        """The URL."""
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
    """Speaks TLS with each client, and passes its bytes on to the inner server."""

    def __init__(self, behind: Server, certificate: Path) -> None:
        self.behind = behind
        self.names: list[str | None] = []  # names that clients asked for (SNI)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__()

    @property
    def url(self) -> str:
        """The URL of the inner stream, with a host name that the certificate is valid for."""
        scheme = "rtsps" if isinstance(self.behind, RtspServer) else "https"
        return f"{scheme}://localhost:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Passes data on in both directions."""
        with (
            self._context.wrap_socket(connection, server_side=True) as front,
            socket.create_connection(("127.0.0.1", self.behind.port)) as back,
        ):
            while not self._ended.is_set():
                ready, _, _ = select.select([front, back], [], [], 0.1)
                for end, other in ((front, back), (back, front)):
                    if end in ready:
                        data = end.recv(1 << 16)  # more than a TLS record holds
                        if not data:
                            return
                        other.sendall(data)


class HttpServer(Server):
    """Sends TS, or JPEG images as multipart/x-mixed-replace, and a playlist with its segments below /hls/."""

    SEGMENT = 30  # frames

    @property
    def url(self) -> str:
        """The URL of the endless stream."""
        return f"http://127.0.0.1:{self.port}/live"

    @property
    def playlist(self) -> str:
        """Returns the URL of the HLS playlist."""
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

    def _newest(self, seconds: float) -> int:
        """Returns the number of the playlist's last segment."""
        return 3 + int((time.monotonic() - self.began) / seconds)

    def _hls(self, connection: socket.socket, name: str) -> None:
        assert self.clip is not None
        segments = len(self.clip.frames) // self.SEGMENT
        seconds = self.SEGMENT / self.clip.fps
        newest = min(self._newest(seconds), segments - 1)
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


KINDS: dict[str, type[Server]] = {"tcp": TcpServer, "http": HttpServer, "rtsp": RtspServer}


def main() -> None:
    """Serves until it is killed."""
    kind, path, *port = sys.argv[1:]
    server = KINDS[kind](Clip.load(Path(path)), port=int(port[0]) if port else 0)
    print(server.port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
