"""The truth server as a program: `python -m rigs.live.truth LOG KIND FPS CONDUCT NAME=FILM ...`.

Prints its URL, then serves. Writes a line to LOG for each image, with the fields of Sent. KIND is rtsp, tcp
or udp (MPEG-TS), hls (segments of two seconds), or mjpeg; all but rtsp serve only the first film. FPS is the
rate of RTSP URLs that do not contain one. CONDUCT is a file with pickled Lies and Manners for RTSP, or "-"
for those of a good camera. Exits when the process that started it does.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from rigs.live.truth.streams.hls_server import HlsServer
from rigs.live.truth.streams.mjpeg_server import MjpegServer
from rigs.live.truth.streams.ts_server import TsServer

PR_SET_PDEATHSIG = 1
SEGMENT = 2.0  # seconds
AnyServer = TruthServer | TsServer | HlsServer | MjpegServer


class WrittenLog(SentLog):
    """Writes each record to the file, and keeps the newest in memory."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out

    def note(self, sent: Sent) -> None:
        """Both."""
        super().note(sent)
        self._out.write(" ".join(map(repr, sent)) + "\n")


def read_conduct(path: str) -> tuple[Lies, Manners]:
    """Reads the Lies and Manners from the file."""
    if path == "-":
        return Lies(), Manners()
    lies, manners = pickle.loads(Path(path).read_bytes())
    return lies, manners


def make_server(kind: str, fps: float, films: dict[str, Film], conduct: str, log: SentLog) -> AnyServer:
    """Makes a server of this kind."""
    first = next(iter(films.values()))
    if kind == "rtsp":
        lies, manners = read_conduct(conduct)
        return TruthServer(films, fps=fps, lies=lies, manners=manners, log=log)
    if kind == "hls":
        return HlsServer(first, fps, pictures=round(SEGMENT * fps), log=log)
    if kind == "mjpeg":
        return MjpegServer(first, fps, log=log)
    return TsServer(first, fps, udp=kind == "udp", log=log)


def main() -> None:
    """Serves until it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    path, kind, fps, conduct, *named = sys.argv[1:]
    films = {name: Film.load(Path(file)) for name, _, file in (one.partition("=") for one in named)}
    with (
        open(path, "w", buffering=1) as out,
        make_server(kind, float(fps), films, conduct, WrittenLog(out)) as server,
    ):
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
