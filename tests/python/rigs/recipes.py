"""The functions of examples/out as modules, and a web server that answers any bytes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .tool_modules import load_module

OUT = Path(__file__).parents[3] / "examples" / "out"


def recipe(name: str) -> Any:
    """Imports examples/out/NAME.py."""
    return load_module(OUT / f"{name}.py", f"recipe_{name}")


@dataclass
class Answer:
    """The response to a request. Then the server closes ("close"), resets, or keeps sending ("endless")."""

    data: bytes
    then: str = "close"


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    """Returns a complete response."""
    lines = [f"HTTP/1.1 {code} It is so", f"Content-Length: {len(body)}", *headers, "", ""]
    return Answer("\r\n".join(lines).encode() + body)


@dataclass
class Requests:
    """The requests that a server has received.

    Attributes:
        url: The URL of the server.
        answers: The response to each request, by path.
        got: Method, path and body of each request.
    """

    url: str
    answers: dict[str, Answer]
    got: list[tuple[str, str, bytes]] = field(default_factory=list)


@contextlib.contextmanager
def raw_server(answers: dict[str, Answer]) -> Iterator[Requests]:
    """Runs a web server that responds with these bytes."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, path, _ = self.rfile.readline().decode().split()
            length = 0
            while (line := self.rfile.readline().strip().lower()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            requests.got.append((method, path, self.rfile.read(length)))
            answer = requests.answers[path]
            self.wfile.write(answer.data)
            with contextlib.suppress(OSError):
                while answer.then == "endless":
                    self.wfile.write(bytes(100_000))
            if answer.then == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        requests = Requests(f"http://127.0.0.1:{server.server_address[1]}", answers)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield requests
        finally:
            server.shutdown()
            thread.join()
