"""Streams and single images in a page of another server, in a real browser."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from browser import until

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

TOKEN = "a-token-of-this-test"
PAGE = """<!doctype html><title>wall</title>
<img id="stream" src="{stream}" width="320">
<img id="still" width="320">
<script>
"use strict";
window.got = [];
async function show(image, url, seq) {{
  const answer = await fetch(seq === null ? url : `${{url}}&after=${{seq}}`);
  if (answer.status === 200) {{
    seq = answer.headers.get("X-Seq");
    window.got.push(Number(seq));
    image.src = URL.createObjectURL(await answer.blob());
  }}
  setTimeout(show, 0, image, url, seq);
}}
show(document.getElementById("still"), "{still}", null);
</script>"""


@contextmanager
def other_server(text: str) -> Iterator[int]:
    """Runs a server for one page, and yields its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def wall() -> Iterator[str]:
    """Yields the URL of a page of another server that shows a pipeline's images."""
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles?size=320x180&fps=30"), name="cam")
    with pipeline, pipeline.serve(token=TOKEN) as dashboard:
        text = PAGE.format(stream=dashboard.mjpeg_url("cam", fps=15), still=dashboard.jpeg_url("cam"))
        with other_server(text) as port:
            yield f"http://127.0.0.1:{port}/"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_this_machine_shows_a_stream_without_a_token(page: Page, host: str) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles?size=320x180&fps=30"), name="cam")
    with pipeline, pipeline.serve() as dashboard:
        text = f'<!doctype html><title>door</title><img src="{dashboard.mjpeg_url("cam")}">'
        with other_server(text) as port:
            page.load(f"http://{host}:{port}/")
            page.until("return document.images[0].naturalWidth === 320")


def test_a_stream_moves_in_an_image_and_a_script_gets_every_next_picture(page: Page, wall: str) -> None:
    page.load(wall)
    page.until("return document.getElementById('stream').naturalWidth === 320")
    place = page.run("return document.getElementById('stream').getBoundingClientRect().toJSON()")
    shots: set[bytes] = set()

    def several() -> bool:
        shots.add(page.shot(place))
        return len(shots) > 3

    until(several, lambda: "the image of the stream does not move")
    page.until("return window.got.length > 5")
    got = page.run("return window.got")
    assert got == sorted(set(got))
