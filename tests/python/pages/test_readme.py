"""The programs of README.md run unchanged after ./dev demo."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import WATCHDOG, run_program, until

import freshframe as ff

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
STREAM, LOOP, PAGE = BLOCKS
OUTPUT = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@contextmanager
def running(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs an endless program, and ends it with Ctrl-C."""
    (folder / "first.py").write_text(program, encoding="utf-8")
    path = os.pathsep.join([str(Path(ff.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        # If the tests are a background job, the shell makes their children ignore Ctrl-C.
        ["env", "--default-signal=INT", sys.executable, "-u", "first.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=WATCHDOG)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT, said
    assert said == "" or "pipeline.run()" not in program, "run() ends without a traceback"


def state_of(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url.partition('?')[0].rstrip('/')}/api/state", timeout=WATCHDOG) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def shows_its_page(program: str, folder: Path) -> None:
    with running(program, folder) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/?(\?.*)?", url), (
            process.stderr.read() if process.stderr else ""
        )

        def drawn() -> list[int]:
            return [node["processed"] for node in state_of(url)["nodes"] if "nnotate" in node["name"]]

        until(lambda: drawn() > [20], "20 drawn pictures")
        assert state_of(url)["phase"] == "running"


def test_the_readme_has_the_programs_that_run_here() -> None:
    assert len(re.findall("^```python", README, re.MULTILINE)) == len(BLOCKS), "no tags: readers see them"
    assert all(len([line for line in text.splitlines() if line]) <= 11 for text in BLOCKS)


def test_the_first_code_gets_the_sources_and_builds_them() -> None:
    commands, docker, track = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    clone, demo, activate = commands.splitlines()
    assert re.fullmatch(r"git clone https://\S+/freshframe && cd freshframe", clone)
    assert (demo, activate) == ("./dev demo", ". .venv/bin/activate")
    assert track in (ROOT / "docs/how-to/ultralytics.md").read_text(encoding="utf-8")
    known = (ROOT / "docs/how-to/deploy.md").read_text(encoding="utf-8")
    assert [line for line in docker.splitlines() if line.partition("  #")[0] not in known] == []


@pytest.mark.slow
def test_the_first_program_skips_frames_while_it_sleeps() -> None:
    ended = run_program(STREAM)
    assert (ended.code, ended.err) == (0, "")
    shown = OUTPUT[0].splitlines()
    assert shown.pop() == "..."
    line = re.compile(r"frame (\d+): \d+ circles, \d+ ms old")
    for lines in (shown, ended.out.splitlines()):
        frames = [int(match[1]) for match in map(line.fullmatch, lines) if match]
        assert len(frames) == len(lines)
        assert len(frames) > 1
        gaps = [later - earlier for earlier, later in itertools.pairwise(frames)]
        assert min(gaps[:-1], default=2) > 1  # the camera's last frame may be any


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs onnxruntime")
def test_the_program_with_a_detector_shows_its_page(tmp_path: Path) -> None:
    shows_its_page(PAGE, tmp_path)


def test_the_loop_prints_the_age_of_its_circles(tmp_path: Path) -> None:
    with running(LOOP, tmp_path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), *OUTPUT[1].splitlines(keepends=True)[:-1]]
        assert [line for line in lines if not re.fullmatch(r"\d+ circles, \d+ ms old\n", line)] == []


def test_the_demonstration_installs_what_the_detector_needs() -> None:
    verb = (ROOT / "dev").read_text(encoding="utf-8").partition("\n  demo)\n")[2].partition(";;")[0]
    assert "setup_packages detectors" in verb
    assert re.search(r"^detectors = \[\"onnxruntime==", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
