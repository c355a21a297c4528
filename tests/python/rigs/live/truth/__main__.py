"""The truth server as a program: `python -m rigs.live.truth LOG NAME=FILM ...` prints its port, then serves.

LOG gets a line per picture, the fields of Sent. It ends with the process that started it.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from rigs.live.truth.film import Film
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.server import TruthServer

PR_SET_PDEATHSIG = 1


class WrittenLog(SentLog):
    """Writes what it is told, and keeps the newest."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out

    def note(self, sent: Sent) -> None:
        """Both."""
        super().note(sent)
        self._out.write(" ".join(map(repr, sent)) + "\n")


def main() -> None:
    """Serves until it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    path, *named = sys.argv[1:]
    films = {name: Film.load(Path(file)) for name, _, file in (one.partition("=") for one in named)}
    with open(path, "w", buffering=1) as out, TruthServer(films) as server:
        server.log = WrittenLog(out)
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
