"""Checks after every test (counters add up, no thread is left), and the common fixtures."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import textwrap
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Gate, check_books, open_dashboard, until

import freshframe as ff
from freshframe._cli import main
from freshframe._interpreter import gil_state, log
from freshframe._pipeline import life

from . import tiers
from .command_line import SCENE, Process


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Replaces lone surrogates in the captured log, which execnet cannot send: it would abort the run."""
    report = yield
    report.sections = [(name, text.encode(errors="replace").decode()) for name, text in report.sections]
    return report


def threads() -> dict[int, str]:
    """Returns id and name of every thread of this process, including native ones.

    Threads with the name of the program are left out, because libraries start them at any time: OpenBLAS
    ends its threads at a fork and starts others at the next matrix product. The threads of the engine have
    names of their own, and threading.enumerate() lists those of Python.
    """
    found = {}
    program = Path("/proc/self/comm").read_text(errors="replace").strip()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended in the meantime
            name = (task / "comm").read_text(errors="replace").strip()
            if name != program:
                found[int(task.name)] = name
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects tests of higher tiers, and skips tests of missing features."""
    tiers.keep(config, items)
    if GIL_WAS_OFF:
        for item in items:
            if item.get_closest_marker("needs_gil"):
                item.add_marker(pytest.mark.skip(reason="of a Python with a GIL"))


GIL_WAS_OFF = not gil_state.enabled()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """On a free-threaded Python, fails a test that enables the GIL, and all tests after it."""
    yield
    if GIL_WAS_OFF and gil_state.enabled():
        pytest.fail(f"the GIL is on, switched on by {', '.join(gil_state.enabled_by())}", pytrace=False)


# Replaced once and not by monkeypatch, because pytest-run-parallel does not run such tests in parallel.
_made: list[ff.Pipeline] = []
_original_init = ff.Pipeline.__init__


def _remember(self: ff.Pipeline, *arguments: Any, **options: Any) -> None:
    _original_init(self, *arguments, **options)
    _made.append(self)


ff.Pipeline.__init__ = _remember  # type: ignore[method-assign]


def log_failures() -> None:
    """Logs failures that no call has raised, without waiting the five seconds for such a call."""
    patience, life._PATIENCE = life._PATIENCE, 0.0
    try:
        life._report_overdue()
    finally:
        life._PATIENCE = patience


def is_owned(lock: Any) -> bool:
    """Returns True if this thread holds the lock."""
    return bool(lock._is_owned())


@pytest.fixture(autouse=True)
def pipelines() -> Iterator[list[ff.Pipeline]]:
    """Yields the list of pipelines that the test makes.

    After the test, stops each and checks that its counters add up, and that no thread and no held lock is
    left. A test that needs a pipeline to be garbage-collected clears the list.
    """
    global _made  # noqa: PLW0603
    made = _made = []
    log._limiter = log.Limiter(log._write)  # so that lines of earlier tests do not suppress equal ones
    before_python = set(threading.enumerate())
    before = set(threads())
    yield made
    Gate.open_all()
    for pipeline in made:
        pipeline.stop()
        if (page := open_dashboard(pipeline)) is not None:
            page.close()
        check_books(pipeline)
    log_failures()
    assert not is_owned(log._handling), "the test has left the log's lock locked: no other thread logs"
    assert not is_owned(life._lock), "the test has left the lock of the running pipelines locked"
    until(lambda: set(threading.enumerate()) <= before_python, "the Python threads of the test to end")
    until(
        lambda: set(threads()) <= before,
        lambda: f"the end of {[v for k, v in threads().items() if k not in before]}",
    )


@pytest.fixture
def freshframe(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Returns a function that runs the command in this process and returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene as H.264 at 60 fps."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path), pipeline.add(ff.open(SCENE)))
    assert pipeline.run().complete
    return path


@pytest.fixture
def app(tmp_path: Path) -> Callable[[str], str]:
    """Returns a function that writes a program and returns its path."""

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


@pytest.fixture(scope="session")
def numba_compiler() -> None:
    """Starts the permanent thread of numba's compiler before a test counts threads."""
    numba = pytest.importorskip("numba", reason="numba is not installed")
    numba.njit(lambda number: number + 1)(1)


@pytest.fixture(params=["tcp", "udp"])
def transport(request: pytest.FixtureRequest) -> dict[str, str]:
    """Returns the options of open() for this RTSP transport."""
    return {"rtsp_transport": request.param}
