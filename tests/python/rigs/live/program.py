"""A server as a separate process, which a test can stop (SIGSTOP) and kill."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

_P = TypeVar("_P", bound="Program")
_TESTS = Path(__file__).parents[2]


class Program:
    """A running process that has printed its first line. Killed at the end of the `with` block."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(arguments, cwd=_TESTS, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()  # empty if it has ended
        if not self.said:
            self.kill()

    def __enter__(self: _P) -> _P:
        """Returns self. The process is already running."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Kills the process."""
        self.kill()

    def kill(self) -> None:
        """Kills the process with SIGKILL and waits for it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
