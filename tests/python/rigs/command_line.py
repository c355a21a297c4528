"""Runs the command in a separate process."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support import WATCHDOG

import freshframe as ff
from freshframe._cli.top import Target
from rigs.watchdog import run_to_end

FRAMES = 50
SCENE = f"demo:circles?size=320x240&balls=2&seed=1&pace=0&frames={FRAMES}"
LIVE = "demo:circles?size=320x240&balls=2&seed=1&fps=60"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}
COMMAND = [sys.executable, "-m", "freshframe"]
Command = Callable[..., tuple[int, str, str]]


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *(str(argument) for argument in arguments)]
    return run_to_end(command, env=ENVIRONMENT, **options)


def catches(pid: int, number: signal.Signals) -> bool:
    """Returns True if the process has installed a handler for the signal."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1)


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class Process:
    """A running command. Waits for the URL that it prints."""

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
        return Target.parse(self.url).state()

    def end(self) -> int:
        self.process.terminate()
        self.said += self.process.communicate(timeout=WATCHDOG)[0]
        return self.process.returncode
