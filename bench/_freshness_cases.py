"""The streams that freshness.py reads: what they show, how fast, and which way they take."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from _measure import ROOT

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.truth.encode import Shape, film
from rigs.live.truth.process import Kind, TruthProcess
from rigs.live.truth.units import Codec

FILMS = ROOT / "build" / "bench-clips"
FORMAT = 1  # of the files: counts up when Film changes
PICTURES = Shape(count=240, size=(1280, 720), key_interval=60, bit_rate=3_000_000)
JOINED = replace(PICTURES, key_interval=15)  # of TS over UDP, which is joined midway
LONG = replace(PICTURES, count=900)  # of HLS: no age is as long as it, so none is taken for another
SERVERS: dict[str, Kind] = {
    "RTSP over TCP": "rtsp",
    "RTSP over UDP": "rtsp",
    "TS over TCP": "tcp",
    "TS over UDP": "udp",
    "HLS": "hls",
}


@dataclass(frozen=True)
class Case:
    """A stream.

    Attributes:
        name: In the table.
        shape: Of its film.
        fps: Pictures per second.
        way: A key of SERVERS.
        pause: Seconds for which the server stands still (SIGSTOP) before anything counts.
    """

    name: str
    shape: Shape
    fps: int
    way: str
    pause: float = 0.0

    @property
    def film(self) -> str:
        """The name of its film."""
        shape = self.shape
        return f"{shape.codec}-{shape.slices}-{shape.b_frames}-{shape.key_interval}-{shape.count}"

    def serve(self, folder: Path) -> TruthProcess:
        """Its server, with its log in this folder."""
        films = {self.film: self._made()}
        return TruthProcess(films, folder / "log", kind=SERVERS[self.way], fps=self.fps)

    def url(self, server: TruthProcess) -> str:
        """Of the stream."""
        return server.url_of(self.film, self.fps) if SERVERS[self.way] == "rtsp" else server.url

    def _made(self) -> Path:
        """The file with its pictures; made now if it is not there."""
        path = FILMS / f"truth-{self.film}-v{FORMAT}.film"
        if not path.exists():
            print(f"making {path.name}", file=sys.stderr)
            FILMS.mkdir(parents=True, exist_ok=True)
            film(self.shape).save(path.with_suffix(".unfinished")).rename(path)
        return path


def cases() -> list[Case]:
    """In the order of the table."""
    found = []
    codecs: tuple[tuple[Codec, str], ...] = (("h264", "H.264"), ("h265", "H.265"))
    for codec, title in codecs:
        shape = replace(PICTURES, codec=codec)
        found += [
            Case(f"{way}, {title}, {fps} fps", shape, fps, way)
            for fps in (5, 30, 60)
            for way in ("RTSP over TCP", "RTSP over UDP")
        ]
        start = f"RTSP over TCP, {title}, 30 fps"
        found.append(Case(f"{start}, 4 slices", replace(shape, slices=4), 30, "RTSP over TCP"))
        found.append(Case(f"{start}, 2 B-frames", replace(shape, b_frames=2), 30, "RTSP over TCP"))
    found += [
        Case(f"{way}, H.264, {fps} fps", JOINED, fps, way)
        for fps in (5, 30)
        for way in ("TS over TCP", "TS over UDP")
    ]
    found.append(Case("HLS, 2 s segments, 30 fps", LONG, 30, "HLS"))
    found.append(Case("HLS, after a pause of 4.5 s", LONG, 30, "HLS", pause=4.5))
    return found
