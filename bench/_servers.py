"""Third-party servers, each in its own process on loopback."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

START = 60.0  # seconds: importing large packages takes long on a busy machine


class MissingError(Exception):
    """Raised if a server is not installed."""


def await_port(port: int, process: subprocess.Popen[bytes], host: str = "127.0.0.1") -> None:
    """Waits until the process listens on the port."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")


@contextlib.contextmanager
def running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a process and kills it at the end. Its output is logged in the folder."""
    name = Path(command[0]).name
    with open(folder / f"{name}.log", "ab") as log:
        environment = os.environ | {"HOME": str(folder)}
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def program(name: str, given: Path | None = None) -> str:
    """Returns the path of a program. Raises MissingError."""
    found = str(given) if given else shutil.which(name)
    if not found or not Path(found).exists():
        raise MissingError(f"{name} is not installed")
    return found
