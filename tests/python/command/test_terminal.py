"""Live displays go to the terminal, results to stdout."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
from support import WATCHDOG

import freshframe as ff

# A terminal with cursor movement, independent of the one that runs the tests.
OURS = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
ENVIRONMENT = {**OURS, "TERM": "xterm", "PYTHONPATH": str(Path(ff.__file__).parents[1])}


class Terminal:
    """A pseudo-terminal of 120 columns for stderr; `text` is what was written to it."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._reader = threading.Thread(target=self._read)
        self._data = b""
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # on Linux: the other side is closed
                return
            self._data += data

    @property
    def text(self) -> str:
        os.close(self.slave)
        self._reader.join()
        os.close(self._master)
        return self._data.decode()


def test_a_terminal_shows_the_progress_of_a_run_and_gets_its_cursor_back() -> None:
    terminal = Terminal()
    scene = "demo:circles?size=64x64&balls=1&pace=0&frames=20000"
    command = [sys.executable, "-m", "freshframe", "track", scene]
    subprocess.run(command, check=True, env=ENVIRONMENT, stderr=terminal.slave, timeout=WATCHDOG)
    text = terminal.text
    assert re.search(r"\d+/20000 frames, \d+ fps, \d:\d\d left", text)
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # shown after it was last hidden


def test_results_go_to_stdout_while_a_terminal_shows_the_progress() -> None:
    terminal = Terminal()
    scene = "demo:circles?size=64x64&balls=1&pace=0&frames=3000"
    command = [sys.executable, "-m", "freshframe", "track", scene, "--json"]
    ended = subprocess.run(
        command, check=True, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=terminal.slave, timeout=WATCHDOG
    )
    assert [json.loads(line)["seq"] for line in ended.stdout.splitlines()] == list(range(3000))
    screen = terminal.text
    assert "/3000 frames" in screen
    assert '"seq"' not in screen


def test_lines_on_a_terminal_are_not_mixed_with_a_bar() -> None:
    terminal = Terminal()
    scene = "demo:circles?size=64x64&balls=1&pace=0&frames=300"
    command = [sys.executable, "-m", "freshframe", "track", scene, "--json"]
    subprocess.run(
        command, check=True, env=ENVIRONMENT, stdout=terminal.slave, stderr=terminal.slave, timeout=WATCHDOG
    )
    screen = terminal.text
    assert screen.count('"seq"') == 300
    assert "/300 frames" not in screen


@pytest.mark.slow
@pytest.mark.repeats
def test_the_demo_shows_its_report_and_saves_its_files(tmp_path: Path) -> None:
    terminal = Terminal()
    command = [sys.executable, "-m", "freshframe", "demo", "--seconds", "3", "--out", str(tmp_path / "new")]
    ended = subprocess.run(
        [*command, "--json"],
        check=False,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        text=True,
        timeout=WATCHDOG,
    )
    screen = terminal.text
    assert ended.returncode == 0, screen
    for word in ("GIL wait", "age p99", "tracker", "burns", "queue_full", "the game missed"):
        assert word in screen
    report = json.loads(ended.stdout)
    assert report["books_balance"] is True
    assert {(e["parent"], e["child"]) for e in report["edges"]} == {
        ("scene", "tracker"),
        ("tracker", "sleeps"),
        ("tracker", "burns"),
        ("tracker", "game"),
    }
    assert report["game"]["frames"] + report["game"]["missed"] == 180
    assert report["tracking"]["found"] > 0.5 * report["tracking"]["balls"] > 0
    assert report["tracking"]["centre_error_px"] < 1
    taken = {e["child"]: e["delivered"] for e in report["edges"]}
    offered = {e["child"]: e["passed_in"] for e in report["edges"]}
    for slow in ("sleeps", "burns"):
        assert 0 < taken[slow] < offered[slow] / 2  # 100 ms of work per frame of 17 ms
    assert report["nodes"]["burns"]["gil_hold"] > 0
    assert report["nodes"]["tracker"]["gil_hold"] == 0
    recording = report["recording"]
    assert (recording["frames"], recording["complete"]) == (300, True)
    assert ff.Frame.read(recording["picture"]).width == 1280
    with ff.stream(ff.open(recording["video"])) as frames:
        assert sum(1 for _ in frames) == 300
    assert screen.startswith("For 3 s")
