"""The dashboard when something is wrong: the server has stopped, Python is frozen, a foreign site makes
requests.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import COUNT_PICTURES, FOREIGN

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

Run = Callable[..., str]
SCENE = "demo:circles?fps=30&size=640x360&balls=3"
PROGRAM = """
    import ctypes, sys, threading, time
    import freshframe as ff

    pipeline = ff.Pipeline(sys.argv[1])
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=640x360"), name="camera")
    pipeline.add(ff.CircleTracker(), camera)
    pipeline.add(lambda frame: None, camera, name="python")
    print(pipeline.serve(port=int(sys.argv[2]), view=camera), flush=True)
    hold = ctypes.PyDLL(None).usleep  # a C function that is called with the GIL held
    with ff.gil.watch(), pipeline:
        for line in sys.stdin:
            hold(int(line))
"""


class Program:
    """Runs a pipeline in a separate process.

    Each line on its stdin is a number of microseconds to hold the GIL.
    """

    def __init__(self, folder: Path, name: str, port: int = 0) -> None:
        script = folder / "program.py"
        script.write_text(textwrap.dedent(PROGRAM))
        self.process = subprocess.Popen(
            [sys.executable, str(script), name, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the program has printed its URL"
        self.port = urllib.parse.urlsplit(self.url).port or 0

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def end(self) -> None:
        """Kills it, so that the page gets no closing message."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts programs and ends them after the test."""
    started: list[Program] = []

    def start(name: str, port: int = 0) -> Program:
        started.append(Program(tmp_path, name, port))
        return started[-1]

    yield start
    for one in started:
        one.end()


def test_the_page_goes_on_while_python_is_frozen_and_says_who_does_it(
    page: Page, program: Callable[..., Program]
) -> None:
    frozen = program("frozen")
    page.open(frozen.url)
    page.until_picture()
    frozen.tell("10000000\n")
    began = time.monotonic()
    page.until("return document.querySelector('.banner[data-kind=frozen]').checkVisibility()")
    page.until("return document.querySelector('.banner[data-kind=frozen]').textContent.includes('usleep')")
    banner = page.text(".banner[data-kind=frozen]")
    assert "Python is frozen." in banner
    assert "program.py" in banner
    page.run(COUNT_PICTURES)
    seq = "return shown"
    uptime = "return document.getElementById('uptime').textContent"
    pictures, shown = page.run(seq), page.run(uptime)
    page.until(f"{seq} > {pictures + 10}")
    page.until(f"{uptime} !== '{shown}'")
    # Until the hold ends, states arrive, each with a longer duration, and images keep arriving.
    said: list[tuple[str, int]] = []
    while time.monotonic() - began < 9:
        assert page.run("return document.querySelector('.banner[data-kind=frozen]').checkVisibility()"), (
            "still"
        )
        said.append((page.text(".banner[data-kind=frozen] .num"), page.run(seq)))
        last = said[-1]
        page.until(
            "return document.querySelector('.banner[data-kind=frozen] .num').innerText !== arguments[0]"
            " && shown > arguments[1]",
            *last,
        )
    assert len(said) >= 5
    page.until("return !document.querySelector('.banner[data-kind=frozen]').checkVisibility()")
    page.until("return document.querySelector('#problems li[data-kind=gil]') === null")  # told for 5 s more
    assert page.text("#phase").startswith("running")
    assert page.complaints() == []


def test_the_page_says_that_the_server_is_gone_and_finds_it_again(
    page: Page, program: Callable[..., Program]
) -> None:
    first = program("first")
    page.open(first.url)
    page.until("return document.querySelectorAll('.edge').length === 2")
    first.end()
    page.until("return document.querySelector('.banner[data-kind=lost]').checkVisibility()")
    assert "Connection lost." in page.text(".banner[data-kind=lost]")
    assert page.text("#phase") == "not connected"
    assert page.text("#name") == "first", "the last numbers stay"
    program("second", first.port)
    page.until("return document.getElementById('name').textContent === 'second'")
    page.until("return document.getElementById('phase').textContent === 'running'")
    assert not page.run("return document.querySelector('.banner[data-kind=lost]').checkVisibility()")


def test_without_the_token_nothing_is_told(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("secret")
    camera = pipeline.add(ff.open(SCENE), name="camera")
    url = running(pipeline, view=camera, token="let-me-in-please")
    address = url.partition("?")[0]
    for path in ("", "api/state", "metrics", "main.js"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address + path)
        with refused.value as answer:
            assert answer.code == 401
            assert b"camera" not in answer.read()
    page.load(address)
    assert page.run("return document.getElementById('graph') === null")
    assert page.run("return getComputedStyle(document.querySelector('.login input')).borderRadius") == "8px"
    assert page.run("return document.querySelectorAll('input[name=token]').length") == 1
    page.load(f"{address}?token=wrong")
    assert page.run("return document.getElementById('graph') === null")
    page.open(url)
    assert page.run("return location.search") == "", "the token does not stay in the address"
    assert page.run("return document.cookie") == "", "scripts cannot read it"
    page.until_picture()


def test_a_page_whose_token_is_no_longer_good_says_so(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("secret")
    pipeline.add(ff.open(SCENE), name="camera")
    url = running(pipeline, token="the-first-of-two-tokens")
    page.open(url)
    page.until("return document.getElementById('phase').textContent === 'running'")
    pipeline.serve().close()
    pipeline.serve(port=urllib.parse.urlsplit(url).port or 0, token="the-second-of-two-tokens")
    page.until("return document.querySelector('.banner[data-kind=lost]').textContent.includes('rejected')")
    assert "token" in page.text(".banner[data-kind=lost]")
    assert page.text("#phase") == "not connected"


def test_another_name_for_this_machine_is_refused(page: Page, running: Run) -> None:

    pipeline = ff.Pipeline("not for strangers")
    pipeline.add(ff.open(SCENE), name="camera")
    url = running(pipeline)
    port = urllib.parse.urlsplit(url).port
    page.load(f"http://{FOREIGN}:{port}/")
    assert page.run("return document.getElementById('graph') === null")
    assert "not for strangers" not in page.text()


def test_a_page_of_somebody_else_cannot_listen(page: Page, running: Run) -> None:
    pipeline = ff.Pipeline("not for strangers")
    pipeline.add(ff.open(SCENE), name="camera")
    url = running(pipeline)
    page.load("data:text/html,<p>a stranger</p>")
    heard = page.wait_for(
        """const socket = new WebSocket(arguments[0]);
        return await new Promise(done => {
          socket.onmessage = event => done("heard " + event.data);
          socket.onclose = () => done("refused");
        });""",
        url.replace("http", "ws") + "api/live",
    )
    assert heard == "refused"
