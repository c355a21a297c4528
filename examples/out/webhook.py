"""Sends results to a webhook: a POST of signed JSON, repeated until the server responds with 2xx.

python webhook.py https://example.com/hook                       # with the built-in scene
python webhook.py https://example.com/hook rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import os
import time
import urllib.error
import urllib.request
from typing import Any

import freshframe as ff

PATIENCE = 30  # seconds for the whole response
MOST_BEFORE = 100  # maximum number of interim responses before the final one
# Statuses that mean the events are invalid. All others, such as 401, may be fixed later
NEVER = {400, 413, 422}


class KeepsPost(urllib.request.HTTPRedirectHandler):
    """Follows redirects that keep the POST (307, 308). After any other, the events would not be sent."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Returns the redirected request, or None if the redirect is a failure."""
        takes_a_post = newurl.startswith(("http://", "https://"))  # an FTP server does not
        keeps = code in (307, 308) and takes_a_post
        return urllib.request.Request(newurl, req.data, req.headers) if keeps else None


class Answer(http.client.HTTPResponse):
    """Skips all interim responses, such as 103. http.client skips only 100."""

    def begin(self) -> None:
        """Reads until the end of the final response's headers."""
        super().begin()
        for _ in range(MOST_BEFORE):
            if not 101 < self.status < 200:
                return
            self.headers = None  # type: ignore[assignment]
            super().begin()


class Connection(http.client.HTTPConnection):
    """An unencrypted connection."""

    response_class = Answer


class SafeConnection(http.client.HTTPSConnection):
    """An encrypted connection."""

    response_class = Answer


class Connects(urllib.request.HTTPHandler):
    """Opens URLs with http:."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Returns the answer."""
        return self.do_open(Connection, req)


class ConnectsSafely(urllib.request.HTTPSHandler):
    """Opens URLs with https:."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Returns the answer."""
        return self.do_open(SafeConnection, req)


class Webhook:
    """Sends batches as {"events": [...]}.

    The server should ignore events whose (box, n) it has already received.
    """

    def __init__(self, url: str, secret: bytes) -> None:
        self._url = url
        self._secret = secret
        self._opener = urllib.request.build_opener(KeepsPost, Connects, ConnectsSafely)

    def __call__(self, events: list[str]) -> None:
        """Returns when the server has accepted the events."""
        body = ('{"events":[' + ",".join(events) + "]}").encode()
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()  # n and box are in the body
        headers = {"Content-Type": "application/json", "X-Signature": f"sha256={signature}"}
        request = urllib.request.Request(self._url, body, headers)
        try:
            with self._opener.open(request, timeout=10) as answer:
                read_to_end(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in NEVER:
                raise ff.RefusedError(reason=f"the server answered {error.code}") from error
            raise


def read_to_end(answer: http.client.HTTPResponse) -> None:
    """Fails for a response that is cut off or does not end."""
    begin = time.monotonic()
    while answer.read1(1 << 16):
        if time.monotonic() > begin + PATIENCE:
            raise TimeoutError(f"the answer of the server has not ended for {PATIENCE} s")
    if answer.length:
        raise ConnectionError("the answer of the server has broken off")


def main() -> None:
    """Sends the circles of a source until Ctrl-C, or the end of the source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("source", nargs="?", default="demo:circles?fps=10", help="default: %(default)s")
    parser.add_argument("--spool", default="outgoing", help="the folder, default: %(default)s")
    options = parser.parse_args()
    secret = os.environ.get("WEBHOOK_SECRET", "").encode()
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(options.source), name="camera"))
    pipeline.add(ff.Spool(options.spool, Webhook(options.url, secret), as_text=True), circles)
    pipeline.run()


if __name__ == "__main__":
    main()
