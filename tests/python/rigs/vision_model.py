"""A fake vision model with OpenAI's chat completions API: sends the test's responses and records requests."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


def completion(text: str | None, finish: str = "stop") -> Reply:
    """Returns a successful response."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return 200, {}, json.dumps({"model": "eyes-1", "choices": [choice]}).encode()


@dataclass
class Call:
    """One request.

    Attributes:
        path: Path of the URL.
        headers: Headers, names in lower case.
        body: The JSON object.
    """

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """The text parts of the question, in order."""
        return [part["text"] for part in self.body["messages"][-1]["content"] if part["type"] == "text"]

    @property
    def jpeg(self) -> bytes:
        """The image of the question as JPEG."""
        (part,) = [part for part in self.body["messages"][-1]["content"] if part["type"] == "image_url"]
        kind, data = part["image_url"]["url"].split(",")
        assert kind == "data:image/jpeg;base64"
        return base64.b64decode(data)


@dataclass
class Model:
    """A running server.

    Attributes:
        url: The URL for Ask.
        calls: The requests so far.
        most: The largest number of requests at the same time.
    """

    answer: Callable[[Call], Reply]
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    most: int = 0
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, call: Call) -> Reply:
        """Responds to one request."""
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
            self.calls.append(call)
        try:
            return self.answer(call)
        finally:
            with self._lock:
                self._running -= 1


@contextmanager
def serving(answer: Callable[[Call], Reply]) -> Iterator[Model]:
    """Serves until the block ends."""
    model = Model(answer)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, data = model.take(Call(self.path, headers, json.loads(body)))
            try:
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:  # the node has aborted the call
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
