"""The truth server in a separate process, where the reader's threads cannot delay it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from rigs.live.program import Program
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners

Kind = Literal["rtsp", "tcp", "udp", "hls", "mjpeg"]


class TruthProcess(Program):
    """Serves films from files. Killed when the block ends, if not before."""

    def __init__(
        self,
        films: Mapping[str, Path],
        log: Path,
        *,
        kind: Kind = "rtsp",
        fps: float = 5.0,
        lies: Lies | None = None,
        manners: Manners | None = None,
    ) -> None:
        self._log = log
        conduct = log.with_name(log.name + ".conduct")
        conduct.write_bytes(pickle.dumps((lies or Lies(), manners or Manners())))
        named = [f"{name}={path}" for name, path in films.items()]
        super().__init__(
            [sys.executable, "-m", "rigs.live.truth", str(log), kind, str(fps), str(conduct), *named]
        )
        if not self.said:
            raise RuntimeError("the truth server did not start")
        self.url = self.said  # URL of the first film

    def url_of(self, name: str, fps: float) -> str:
        """Returns the RTSP URL of a film at a frame rate."""
        return f"{self.url.rpartition('/')[0]}/{name}/{fps:g}"

    def sent(self) -> SentLog:
        """Returns the images that have been sent so far."""
        sent = []
        for line in self._log.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # the last one may be incomplete
                client, number, place, due, first, last, packets, lost = line.split()
                times = (float(due), float(first), float(last))
                sent.append(Sent(int(client), int(number), int(place), *times, int(packets), int(lost)))
        return SentLog(sent)


def saved(films: Mapping[str, Film], folder: Path) -> dict[str, Path]:
    """Saves the films in the folder and returns their paths."""
    return {name: film.save(folder / f"{name}.film") for name, film in films.items()}
