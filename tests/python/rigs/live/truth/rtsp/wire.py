"""Text of RTSP requests and responses, and the interleaved packets of a client between them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import socket
from dataclasses import dataclass, field

MOST = 1 << 16  # maximum bytes of a request or an interleaved packet
END = b"\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A request of a client. The names of its headers are in lower case."""

    verb: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Block:
    """An interleaved RTCP packet from a client."""

    channel: int
    data: bytes


class Conversation:
    """Parses what a client sends. A client that sends too much garbage counts as disconnected."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting = b""

    def next(self) -> Request | Block | None:
        """Returns the next request or packet, or None if the client has disconnected.

        Raises TimeoutError on silence.
        """
        while len(self._waiting) < 2 * MOST:
            found = self._block() if self._waiting[:1] == b"$" else self._request()
            if found is not None:
                return found
            data = self._connection.recv(MOST)
            if not data:
                return None
            self._waiting += data
        return None

    def _block(self) -> Block | None:
        if len(self._waiting) < 4:
            return None
        end = 4 + int.from_bytes(self._waiting[2:4], "big")
        if len(self._waiting) < end:
            return None
        data, self._waiting = self._waiting[:end], self._waiting[end:]
        return Block(data[1], data[4:])

    def _request(self) -> Request | None:
        self._waiting = self._waiting.lstrip(b"\r\n")
        head, end, rest = self._waiting.partition(END)
        if not end or self._waiting[:1] == b"$":
            return None
        first, *lines = head.decode(errors="replace").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        length = headers.get("content-length", "0")
        body = int(length) if length.isdigit() else 0
        if len(rest) < body:
            return None
        self._waiting = rest[body:]
        verb, _, url = first.partition(" ")
        return Request(verb, url.partition(" ")[0], headers)


@dataclass
class Answer:
    """A response to a request. A header may occur several times."""

    status: str = "200 OK"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    def encoded(self, request: Request) -> bytes:
        """Returns the bytes of the response, with the request's CSeq."""
        lines = [f"RTSP/1.0 {self.status}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}"] if self.body else []
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()
