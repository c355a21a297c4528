"""What is checked after every test: the books of every edge, and that no thread is left behind."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Gate, check_books, until

import freshframe as ff


def threads() -> dict[int, str]:
    """Every thread of this process, native ones too: id and name."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it ended meanwhile
            found[int(task.name)] = (task / "comm").read_text(errors="replace").strip()
    return found


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
