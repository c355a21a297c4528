"""Tests docs/how-to/boxes-in-a-browser.md in a browser: the line for Flask and FastAPI, the page behind a
proxy.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from rigs.ports import free_port
from test_web_view_server import Site, open_page, site_running
from view_page import LISTEN, live

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "boxes-in-a-browser.md").read_text(encoding="utf-8")
TOKEN = "a-long-secret-of-yours"


def block(heading: str, language: str) -> str:
    """Returns the first code block of this language below a heading of the page."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(rf"^```{language}[^\n]*\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def route() -> str:
    """Returns the expression that the page shows for a route."""
    found = re.search(r"`return (f\"[^`]*\")` in a route", TEXT)
    assert found is not None
    return found[1]


@contextlib.contextmanager
def names(origin: str) -> Iterator[dict[str, Any]]:
    """Runs the first program of the page and yields the names that it defines."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=15"), name="door")
    circles = pipeline.add(ff.CircleTracker(), camera, name="boxes")
    dashboard = pipeline.serve(view=[circles], origins=[origin], token=TOKEN)
    try:
        yield {"__name__": "recipe", "pipeline": pipeline, "boxes": circles, "dashboard": dashboard}
    finally:
        pipeline.stop()


def shows_circles(page: Page, url: str) -> None:
    page.size(800, 700)
    page.driver.get(url)
    page.run(LISTEN)
    live(page, "jpeg")
    page.until("return results.some(one => one.exact && one.objects.length > 0)")


def test_the_page_of_flask_shows_the_view(page: Page) -> None:
    flask = pytest.importorskip("flask")
    serving = pytest.importorskip("werkzeug.serving")
    port = free_port()
    with names(f"http://127.0.0.1:{port}") as given:
        app = flask.Flask("recipe")
        app.get("/")(lambda: eval(route(), given))
        server = serving.make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        with given["pipeline"]:
            thread.start()
            try:
                shows_circles(page, f"http://127.0.0.1:{port}/")
            finally:
                server.shutdown()
                thread.join()


def test_the_page_of_fastapi_shows_the_view(page: Page) -> None:
    fastapi = pytest.importorskip("fastapi")
    responses = pytest.importorskip("fastapi.responses")
    uvicorn = pytest.importorskip("uvicorn")
    port = free_port()
    with names(f"http://127.0.0.1:{port}") as given:
        app = fastapi.FastAPI()
        app.get("/", response_class=responses.HTMLResponse)(lambda: eval(route(), given))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        with given["pipeline"]:
            thread.start()
            try:
                page.until("return true")
                wait_for(port)
                shows_circles(page, f"http://127.0.0.1:{port}/")
            finally:
                server.should_exit = True
                thread.join()


def wait_for(port: int) -> None:
    """Waits until a server listens on the port."""
    for _ in range(2000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"nothing listens at port {port}")


@contextlib.contextmanager
def proxy(site: Site, dashboard: str) -> Iterator[str]:
    """Runs a reverse proxy that forwards requests below /video/ to the dashboard, and others to the site."""
    listening = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = [listening]

    def copy(source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                to.sendall(data)
        for one in (source, to):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (data := client.recv(4096)):
            head += data
        port = urlsplit(dashboard).port if b" /video/" in head else site.server.server_port
        other = socket.create_connection(("127.0.0.1", port or 0))
        open_ones.append(other)
        other.sendall(head.replace(b" /video/", b" /", 1).replace(b"keep-alive", b"close", 1))
        back = threading.Thread(target=copy, args=(other, client))
        back.start()
        copy(client, other)
        back.join()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                open_ones.append(client)
                threads.append(threading.Thread(target=serve, args=(client,)))
                threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        for one in open_ones:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in threads:
            thread.join()


def test_the_page_behind_a_proxy_shows_the_view(page: Page) -> None:
    with site_running() as site, contextlib.ExitStack() as stack:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open("demo:circles?fps=15"), name="door")
        circles = pipeline.add(ff.CircleTracker(), camera, name="boxes")
        stack.callback(pipeline.stop)
        first = pipeline.serve(view=[circles], token=TOKEN)
        url = stack.enter_context(proxy(site, first.url))
        port = urlsplit(first.url).port
        first.close()
        pipeline.serve(port=port or 0, view=[circles], token=TOKEN, origins=[url])
        pipeline.start()
        open_page(page, site, block("nginx and https", "html"))
        shows_circles(page, url)
