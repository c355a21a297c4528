"""`freshframe top`: its output for a running pipeline, and its error if there is none."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import http.server
import json
import math
import os
import pty
import select
import subprocess
import threading
import time
from typing import Any, ClassVar

import pytest
from rigs.command_line import COMMAND, ENVIRONMENT, Command
from support import WATCHDOG, until

import freshframe as ff
from freshframe._cli.outcome import UsageError
from freshframe._cli.top import Target

LIVE = "demo:circles?size=320x240&balls=2&fps=30"


def served(**options: Any) -> tuple[ff.Pipeline, str]:
    pipeline = ff.Pipeline("looked at")
    camera = pipeline.add(ff.open(LIVE), name="camera")
    pipeline.add(lambda frame: time.sleep(0.2), camera, name="slow")
    pipeline.add(lambda frame: None, camera, name="quick")
    return pipeline, pipeline.serve(**options).url


@pytest.mark.parametrize(
    ("text", "url", "token"),
    [
        ("8080", "http://127.0.0.1:8080/api/state", ""),
        ("camera:8080", "http://camera:8080/api/state", ""),
        ("http://[::1]:8080/?token=a%2Bb", "http://[::1]:8080/api/state", "a+b"),
        ("https://user:pass@host/x?token=t&y=1", "https://host/api/state", "t"),
    ],
)
def test_top_takes_what_serve_returned(text: str, url: str, token: str) -> None:
    target = Target.parse(text)
    assert (f"{target.shown}/api/state", target.token) == (url, token)
    assert "token" not in target.shown


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://", "x:99999", "http://x:y", "http://[::1", "http://a b/"]
)
def test_top_refuses_a_text_that_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="expected the URL"):
        Target.parse(text)


@pytest.mark.slow
def test_top_shows_the_edge_that_drops_most_first(freshframe: Command) -> None:
    pipeline, url = served()
    with pipeline:
        until(lambda: pipeline.stats().edges[0].dropped > 3, "drops")
        until(
            lambda: sum(Target.parse(url).state()["edges"][0]["drop_rate"].values()) > 0, "the rate of drops"
        )
        code, out, _ = freshframe("top", url)
    assert code == 0
    assert "looked at" in out
    assert "running" in out
    edges = [line for line in out.splitlines() if "→" in line]
    assert edges[0].startswith("camera → slow")
    assert "queue_full" in edges[0]
    assert "LATEST" in edges[1]


@pytest.mark.parametrize("width", [80, 110])
def test_top_fits_the_terminal_and_keeps_the_names_whole(width: int) -> None:
    from rich.console import Console  # noqa: PLC0415

    from freshframe._cli.top_table import page  # noqa: PLC0415  (rich takes 60 ms)

    names = ("camera-at-the-north-gate", "detect the people")
    pipeline = ff.Pipeline("wide")
    camera = pipeline.add(ff.open(LIVE), name=names[0])
    pipeline.add(lambda frame: None, camera, name=names[1], queue=ff.Queue(12, "drop_newest"))
    with pipeline:
        state = Target.parse(pipeline.serve().url).state()
    state["edges"][0].update(dropped=123456, drop_rate={"queue_full": 29.7}, lost=123456)
    console = Console(width=width, highlight=False)
    with console.capture() as shown:
        console.print(page(state, None, width))
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown.get()
    assert f"{names[0]} \N{RIGHTWARDS ARROW}" in shown.get()
    nodes = [line for line in lines if line.startswith(names) and "\N{RIGHTWARDS ARROW}" not in line]
    assert len(nodes) == 2


def test_top_shows_how_late_a_stream_is_and_what_it_lost() -> None:
    from freshframe._cli.top_table import page, plain_console  # noqa: PLC0415  (rich takes 60 ms)

    pipeline = ff.Pipeline("late")
    pipeline.reader(pipeline.add(ff.open(LIVE), name="gate"))
    with pipeline:
        state = Target.parse(pipeline.serve().url).state()
    console = plain_console()
    with console.capture() as shown:
        console.print(page(state, None))
    assert "behind" not in shown.get()
    state["nodes"][0]["source"].update(behind=1.25, packets=4000, packets_lost=17, jitter=0.003)
    with console.capture() as shown:
        console.print(page(state, None))
    (line,) = (line for line in shown.get().splitlines() if line.startswith("gate") and "1.25 s" in line)
    assert line.split()[3:] == ["-", "3.0", "ms", "4000", "17", "0", "0", "0", "0"]


@pytest.mark.parametrize(("kind", "word"), [("frozen", "frozen"), ("loop", "loop"), ("flat", "flat")])
def test_top_shows_a_frozen_source(kind: str, word: str) -> None:
    from freshframe._cli.top_table import page, plain_console  # noqa: PLC0415  (rich takes 60 ms)

    pipeline = ff.Pipeline("hung")
    pipeline.reader(pipeline.add(ff.open(LIVE), name="gate"))
    with pipeline:
        state = Target.parse(pipeline.serve().url).state()
    assert state["nodes"][0]["source"]["frozen"] is None
    state["nodes"][0]["source"].update(frozen=kind, frozen_for=312.4)
    console = plain_console()
    with console.capture() as shown:
        console.print(page(state, None))
    (line,) = (line for line in shown.get().splitlines() if line.startswith("gate") and "312 s" in line)
    assert f" {word} 312 s " in line


@pytest.mark.parametrize(
    ("decoder", "reason", "shown"),
    [
        ("cpu", None, ""),
        ("cuda:1", None, "(cuda:1)"),
        ("cpu", "cuda:0: it has failed", "(CPU, not the GPU)"),
    ],
)
def test_top_shows_where_a_stream_is_decoded(decoder: str, reason: str | None, shown: str) -> None:
    from freshframe._cli.top_table import page, plain_console  # noqa: PLC0415  (rich takes 60 ms)

    pipeline = ff.Pipeline("decoded")
    pipeline.reader(pipeline.add(ff.open(LIVE), name="gate"))
    with pipeline:
        state = Target.parse(pipeline.serve().url).state()
    state["nodes"][0]["source"].update(decoder=decoder, decoder_reason=reason)
    console = plain_console()
    with console.capture() as captured:
        console.print(page(state, None))
    assert shown in captured.get()
    assert ("cuda" in captured.get() or "CPU" in captured.get()) == bool(shown)


@pytest.mark.slow
def test_top_writes_the_state_as_json(freshframe: Command) -> None:
    pipeline, url = served()
    pipeline.start()
    stopper = threading.Timer(1.0, pipeline.stop)
    stopper.start()
    code, out, _ = freshframe("top", url, "--json", "--every", "100ms")
    stopper.join()
    assert code == 0
    states = [json.loads(line) for line in out.splitlines()]
    assert len(states) > 2
    assert states[-1]["phase"] == "stopped"
    assert states[-1]["edges"][0]["delivered"] == pipeline.stats().edges[0].delivered


def test_top_shows_a_failure_and_ends_with_1(freshframe: Command) -> None:
    pipeline = ff.Pipeline("fails")
    pipeline.add(lambda frame: 1 / 0, pipeline.add(ff.open(LIVE)), name="[bold]breaks[/]")
    url = pipeline.serve().url
    pipeline.start()
    until(lambda: Target.parse(url).state()["phase"] == "failed", "the failure")
    code, out, _ = freshframe("top", url)
    assert code == 1
    assert "ZeroDivisionError" in out
    assert "[bold]breaks[/]" in out, "names are not markup"


def test_top_says_what_to_do_without_a_server_and_without_the_token(freshframe: Command) -> None:
    code, _, err = freshframe("top", "http://127.0.0.1:1")
    assert code == 3
    assert "no dashboard at http://127.0.0.1:1" in err
    _, url = served(token="let-me-in-please")
    code, _, err = freshframe("top", url.partition("?")[0])
    assert code == 2
    assert "token" in err
    assert freshframe("top", url)[0] == 0


class Strange(http.server.BaseHTTPRequestHandler):
    answer: ClassVar[bytes]

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(self.answer)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "no dashboard"),
        (
            b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"schema":1}',
            "does not contain edges, elapsed, error",
        ),
        (b"", "no dashboard"),
    ],
    ids=["no HTTP", "half an answer", "no state", "nothing"],
)
def test_top_says_so_when_something_else_answers(freshframe: Command, answer: bytes, reason: str) -> None:
    handler = type("Answers", (Strange,), {"answer": answer})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        code, out, err = freshframe("top", "--once", str(server.server_port))
        thread.join()
    assert (code, out) == (3, "")
    assert err.startswith("freshframe top: there is no dashboard")
    assert reason in err


LIES: tuple[Any, ...] = (None, "text", [None], [{}], math.nan)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["top", "--once"], ["why"], ["why", "--json"]])
def test_whatever_a_server_answers_the_commands_end_with_a_sentence(
    freshframe: Command, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    _, url = served()
    path = "/api/state" if command[0] == "top" else "/api/why"
    honest = Target.parse(url).fetched(path)
    for name in sorted(honest.keys() - {"schema"}):
        for lie in LIES:
            answer = {**honest, name: lie}
            monkeypatch.setattr(Target, "fetched", lambda self, path, answer=answer: dict(answer))
            code, out, err = freshframe(*command, url)
            assert "internal error" not in err, (name, lie)
            assert code in (0, 1, 3), (name, lie)
            assert bool(out) == (code != 3), (name, lie)
            assert (code != 3) or "cannot read the answer" in err, (name, lie)


def test_top_shows_nothing_that_a_terminal_would_obey(freshframe: Command) -> None:
    pipeline, url = served()
    name = "red \x1b[31m \x9b31m \r over"
    pipeline.add(lambda frame: None, pipeline.add(ff.open(LIVE)), name=name)
    code, out, _ = freshframe("top", "--once", url)
    assert code == 0
    assert "red \ufffd[31m \ufffd31m \ufffd over" in out


class Flaky(http.server.BaseHTTPRequestHandler):
    """Answers with a state, then once with garbage, then with the state of an ended pipeline."""

    states: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        body = self.states.pop(0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        pass


def test_top_goes_on_trying_when_the_server_goes_away(freshframe: Command) -> None:
    pipeline, url = served()
    state = Target.parse(url).state()
    running = json.dumps({**state, "phase": "running"}).encode()
    ended = json.dumps({**state, "phase": "ended"}).encode()
    Flaky.states = [running, b"not JSON", b"{}", ended]
    server = http.server.HTTPServer(("127.0.0.1", 0), Flaky)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        code, out, err = freshframe("top", str(server.server_address[1]), "--json", "--every", "10ms")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert code == 0
    assert [json.loads(line)["phase"] for line in out.splitlines()] == ["running", "ended"]
    assert err.count("trying again") == 1
    pipeline.stop()


@pytest.mark.slow
def test_top_in_a_terminal_goes_on_until_it_is_interrupted() -> None:
    pipeline, url = served()
    with pipeline:
        parent, child = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "top", url, "--every", "50ms"],
            env={**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
            stdout=child,
            stderr=child,
        )
        os.close(child)
        shown = b""
        deadline = time.monotonic() + WATCHDOG
        while shown.count(b"looked at") < 3 and time.monotonic() < deadline:
            if select.select([parent], [], [], 1)[0]:
                shown += os.read(parent, 65536)
        process.send_signal(2)
        while True:
            try:
                if not os.read(parent, 65536):
                    break
            except OSError:  # the other side is closed
                break
        os.close(parent)
        assert process.wait(WATCHDOG) == 130
    assert shown.count(b"looked at") >= 3
    assert "camera → slow".encode() in shown
