"""Results to a web hook: a POST of JSON with a signature, sent again until the server has answered 2xx.

python webhook.py https://example.com/hook                       # with the built-in scene
python webhook.py https://example.com/hook rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import urllib.error
import urllib.request

import freshframe as ff

AGAIN = {408, 425, 429}  # of the answers 4xx, those that say "later"


class Webhook:
    """Sends batches as {"events": [...]}. The server ignores events whose n it has seen from their box."""

    def __init__(self, url: str, secret: bytes) -> None:
        self._url = url
        self._secret = secret

    def __call__(self, events: list[str]) -> None:
        """Returns when the server has taken the events."""
        body = ('{"events":[' + ",".join(events) + "]}").encode()
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()  # n and box are in the body
        headers = {"Content-Type": "application/json", "X-Signature": f"sha256={signature}"}
        try:
            urllib.request.urlopen(urllib.request.Request(self._url, body, headers), timeout=10).close()
        except urllib.error.HTTPError as error:
            if 400 <= error.code < 500 and error.code not in AGAIN:
                raise ff.Refused(range(len(events)), f"the server answered {error.code}") from error
            raise


def main() -> None:
    """Sends the circles of a source until Ctrl-C, or its end."""
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
