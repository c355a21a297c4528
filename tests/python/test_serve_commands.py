"""The commands around the dashboard: view, run, top, and --serve."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import http.server
import json
import os
import pty
import re
import select
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support import WATCHDOG, until

import freshframe as ff
from freshframe._cli import main
from freshframe._cli.outcome import UsageError
from freshframe._cli.top import Target

LIVE = "demo:circles?size=320x240&balls=2&fps=30"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}
COMMAND = [sys.executable, "-m", "freshframe"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def freshframe(capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def app(tmp_path: Path) -> Callable[[str], str]:
    """Writes a program and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "app.py"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


def served(**options: Any) -> tuple[ff.Pipeline, str]:
    pipeline = ff.Pipeline("looked at")
    camera = pipeline.add(ff.open(LIVE), name="camera")
    pipeline.add(lambda frame: time.sleep(0.2), camera, name="slow")
    pipeline.add(lambda frame: None, camera, name="quick")
    return pipeline, pipeline.serve(**options).url


# ---- run


def test_run_runs_the_pipeline_of_a_file(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        from __future__ import annotations
        import sys
        import freshframe as ff

        class Count(ff.Node[ff.Frame, None]):
            seen = 0
            def process(self, sample: ff.Sample[ff.Frame]) -> None:
                self.seen += 1
            def close(self) -> None:
                print(f"{sys.argv[1:]} {self.seen}")

        def build() -> ff.Pipeline:
            pipeline = ff.Pipeline()
            pipeline.add(Count(), pipeline.add(ff.open("demo:circles?pace=0&frames=20&size=320x240")))
            return pipeline

        pipeline = build()
        if __name__ == "__main__":
            raise SystemExit("not wanted here")
        """
    )
    assert freshframe("run", path, "-q") == (0, "[] 20\n", "")
    assert freshframe("run", f"{path}:build", "-q", "--", "--serve", "x")[:2] == (0, "['--serve', 'x'] 20\n")


def test_run_ends_with_a_summary(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        import freshframe as ff
        pipeline = ff.Pipeline("yard")
        pipeline.add(lambda frame: None, pipeline.add(ff.open("demo:circles?pace=0&frames=7")))
        """
    )
    code, out, err = freshframe("run", path, "--json")
    assert code == 0
    assert re.search(r"yard: 7 frames in \d+\.\d s", err)
    assert "nothing was dropped" in err
    summary = json.loads(out)
    assert summary.pop("seconds") > 0
    assert summary == {"pipeline": "yard", "frames": 7, "complete": True, "missing": []}


def test_run_says_what_is_wrong_with_a_file(freshframe: Command, app: Callable[[str], str]) -> None:
    code, _, err = freshframe("run", "absent.py")
    assert code == 2
    assert "there is no such file" in err
    code, _, err = freshframe("run", app("import freshframe as ff\ncameras = ff.Pipeline()"))
    assert code == 2
    assert "'pipeline'" in err
    assert "app.py:cameras" in err
    code, _, err = freshframe("run", app("def pipeline():\n    return 1 / 0"))
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "app.py" in err
    assert "_cli" not in err, "only the file's own part of the traceback"
    code, _, err = freshframe("run", app("import freshframe as ff\nff.Pipeline().add(print, [])"))
    assert code == 2
    code, _, err = freshframe("run", app("pipeline = 3"))
    assert code == 2
    assert "is 3" in err


def test_run_refuses_a_pipeline_that_has_run(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        import freshframe as ff
        pipeline = ff.Pipeline()
        pipeline.add(ff.open("demo:circles?pace=0&frames=2&size=320x240"))
        pipeline.run()
        """
    )
    code, _, err = freshframe("run", path)
    assert code == 2
    assert '__name__ == "__main__"' in err


def test_a_failed_node_of_a_run_is_exit_code_1(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        import freshframe as ff
        pipeline = ff.Pipeline()
        source = pipeline.add(ff.open("demo:circles?pace=0&size=320x240"))
        pipeline.add(lambda frame: 1 / 0, source, name="breaks")
        """
    )
    code, _, err = freshframe("run", path)
    assert code == 1
    assert "'breaks' failed" in err


# ---- --serve and view


class Process:
    """A command whose URL is waited for."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        while not (found := re.search(r"http://\S+", self.said)):
            line = self.process.stdout.readline()
            assert line, f"no URL in {self.said!r}"
            self.said += line
        self.url = found[0]

    def state(self) -> dict[str, Any]:
        return Target.of(self.url).state()

    def end(self) -> int:
        self.process.terminate()
        self.said += self.process.communicate(timeout=WATCHDOG)[0]
        return self.process.returncode


@pytest.fixture
def process() -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def start(*arguments: str) -> Process:
        made.append(Process(*arguments))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.communicate()


def test_view_serves_a_source_and_its_circles(process: Callable[..., Process]) -> None:
    view = process("view", LIVE, "--port", "0", "--circles")
    until(lambda: view.state()["phase"] == "running", "the pipeline to run")
    state = view.state()
    assert [node["name"] for node in state["nodes"]] == ["source", "CircleTracker", "Annotate"]
    assert {node["name"] for node in state["nodes"] if node["view"]} == {"source", "Annotate"}
    assert [shown["port"] for shown in state["views"]] == ["Annotate", "source"]
    assert view.url.endswith("/#view=Annotate"), "the page shows the circles first"
    assert view.end() == 143


def test_view_of_a_file_that_is_not_there_prints_no_url(freshframe: Command) -> None:
    code, out, err = freshframe("view", "nofile.mp4")
    assert code == 3
    assert "http" not in out + err
    assert "shows" not in err
    assert "nofile.mp4" in err


def test_track_serves_while_it_runs(process: Callable[..., Process]) -> None:
    track = process("track", LIVE, "--serve")
    until(lambda: track.state()["phase"] == "running", "the pipeline to run")
    assert [node["name"] for node in track.state()["nodes"] if node["view"]] == ["Annotate"]
    with urllib.request.urlopen(f"{track.url}metrics") as answer:
        assert b"# TYPE" in answer.read()
    assert track.end() == 143


def test_a_file_is_run_with_its_dashboard(process: Callable[..., Process], app: Callable[[str], str]) -> None:
    path = app(
        f"""
        import freshframe as ff
        pipeline = ff.Pipeline("of a file")
        pipeline.add(ff.open("{LIVE}"), name="camera")
        """
    )
    run = process("run", path, "--serve", "0")
    until(lambda: run.state()["phase"] == "running", "the pipeline to run")
    assert run.state()["name"] == "of a file"
    assert run.end() == 143


def test_a_token_that_was_made_up_is_told_with_quiet_too(freshframe: Command) -> None:
    arguments = ("track", LIVE, "--max-frames", "3", "-q", "--serve", "0")
    assert freshframe(*arguments)[2] == ""
    err = freshframe(*arguments, "--host", "0.0.0.0")[2]
    assert re.fullmatch(r"(http://\S+/\?token=[\w-]{32}\n)+", err)


def test_a_port_that_cannot_be_is_refused(freshframe: Command) -> None:
    code, _, err = freshframe("view", LIVE, "--port", "70000")
    assert code == 2
    assert "0 to 65535" in err
    code, _, err = freshframe("track", "--serve", "clip.mp4")
    assert code == 2
    assert "clip.mp4" in err


# ---- top


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
    target = Target.of(text)
    assert (target.url, target.token) == (url, token)
    assert "token" not in target.shown


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://", "x:99999", "http://x:y", "http://[::1", "http://a b/"]
)
def test_top_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="expected the URL"):
        Target.of(text)


def test_top_shows_the_edge_that_drops_most_first(freshframe: Command) -> None:
    pipeline, url = served()
    with pipeline.start():
        until(lambda: pipeline.stats().edges[0].dropped > 3, "drops")
        until(lambda: sum(Target.of(url).state()["edges"][0]["drop_rate"].values()) > 0, "the rate of drops")
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
        state = Target.of(pipeline.serve().url).state()
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


def test_top_tells_of_a_failure_and_ends_with_1(freshframe: Command) -> None:
    pipeline = ff.Pipeline("fails")
    pipeline.add(lambda frame: 1 / 0, pipeline.add(ff.open(LIVE)), name="[bold]breaks[/]")
    url = pipeline.serve().url
    pipeline.start()
    until(lambda: Target.of(url).state()["phase"] == "failed", "the failure")
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
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"schema":1}', "lacks edges, error"),
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
    assert err.startswith("freshframe top: no dashboard")
    assert reason in err


def test_top_shows_nothing_that_a_terminal_would_obey(freshframe: Command) -> None:
    pipeline, url = served()
    name = "red \x1b[31m \x9b31m \r over"
    pipeline.add(lambda frame: None, pipeline.add(ff.open(LIVE)), name=name)
    code, out, _ = freshframe("top", "--once", url)
    assert code == 0
    assert "red \ufffd[31m \ufffd31m \ufffd over" in out


class Flaky(http.server.BaseHTTPRequestHandler):
    """Answers with a state, then once with nonsense, then with the end."""

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
    state = Target.of(url).state()
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


def test_top_in_a_terminal_goes_on_until_it_is_interrupted() -> None:
    pipeline, url = served()
    with pipeline.start():
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
            except OSError:  # the other end is closed
                break
        os.close(parent)
        assert process.wait(WATCHDOG) == 130
    assert shown.count(b"looked at") >= 3
    assert "camera → slow".encode() in shown
