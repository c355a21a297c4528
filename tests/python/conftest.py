"""What is checked after every test: counters balance and no thread is left. Fixtures of the command."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import SCENE, Process
from support import Gate, check_books, until

import freshframe as ff
from freshframe._cli import main


def threads() -> dict[int, str]:
    """Every thread of this process, native ones too: id and name."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            found[int(task.name)] = (task / "comm").read_text(errors="replace").strip()
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out the tests that take minutes, unless ./dev test --full wants them."""
    if "FRESHFRAME_TEST_FULL" in os.environ:
        return
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: ./dev test --full"))


@pytest.fixture(autouse=True)
def pipelines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ff.Pipeline]]:
    """Every pipeline that the test made. Afterwards each is stopped, its books balance and no thread is left.

    A test that needs a pipeline to be collected clears the list.
    """
    made: list[ff.Pipeline] = []
    original = ff.Pipeline.__init__

    def remember(self: ff.Pipeline, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        made.append(self)

    monkeypatch.setattr(ff.Pipeline, "__init__", remember)
    before_python = set(threading.enumerate())
    before = set(threads())
    yield made
    Gate.open_all()
    for pipeline in made:
        pipeline.stop()
        if pipeline.dashboard is not None:
            pipeline.dashboard.close()
        check_books(pipeline)
    until(lambda: set(threading.enumerate()) <= before_python, "the Python threads of the test to end")
    until(
        lambda: set(threads()) <= before,
        lambda: f"the end of {[v for k, v in threads().items() if k not in before]}",
    )


@pytest.fixture
def freshframe(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 of the scene, 60 fps."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path), pipeline.add(ff.open(SCENE)))
    assert pipeline.run().complete
    return path


@pytest.fixture
def app(tmp_path: Path) -> Callable[[str], str]:
    """Writes a program and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "app.py"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


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
