"""How far is `sample.utc` from the moment at which the camera took the picture?

A camera of RTSP on loopback (tests/python/rigs/live/truth) notes when it took each picture. It sends reports
(RTCP) every second, whose clock may be off, drift, be set, or be wrong once. RTP's times wrap two seconds
after each start. The error is `utc` minus the camera's own time, of the pictures that have its clock; all
others say "arrival".
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from _measure import Result, Row, arguments, quantile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import Watch, matched
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer

FPS = 30.0
GOAL, TROUBLED_GOAL = 2.0, 5.0  # milliseconds
TCP, UDP = {"rtsp_transport": "tcp"}, {"rtsp_transport": "udp"}
FFMPEG = TCP | {"rtsp": "ffmpeg"}
EIGHTS = (320, 176)  # the sizes of JPEG's blocks


@dataclass
class Case:
    """A camera, and what it does while it is watched."""

    name: str
    shape: Shape = field(default_factory=Shape)
    options: dict[str, str] = field(default_factory=lambda: dict(TCP))
    lies: Lies = field(default_factory=Lies)
    trouble: Callable[[TruthServer], Lies] | None = None  # in the middle; returns the camera's true clock
    goal: float = GOAL


def one_wrong_report(server: TruthServer) -> Lies:
    """Half a second off, once."""
    true = server.lies
    server.lies = replace(true, clock_ahead=true.clock_ahead + 0.5)
    time.sleep(1.0)
    server.lies = true
    return true


def set_clock(server: TruthServer) -> Lies:
    """A minute ahead from now on."""
    server.lies = replace(server.lies, clock_ahead=60.0)
    time.sleep(3.0)  # two reports
    return server.lies


CASES = [
    Case("H.264 over TCP"),
    Case("H.264 over UDP", options=UDP),
    Case("H.264 with B-frames", Shape(b_frames=2)),
    Case("H.265 over TCP", Shape("h265")),
    Case("H.265 over UDP", Shape("h265"), UDP),
    Case("VP8 over TCP", Shape("vp8", size=EIGHTS)),
    Case("MJPEG over TCP", Shape("mjpeg", size=EIGHTS)),
    Case("VP8 through FFmpeg's RTSP", Shape("vp8", size=EIGHTS), FFMPEG, goal=TROUBLED_GOAL),
    Case("MJPEG through FFmpeg's RTSP", Shape("mjpeg", size=EIGHTS), FFMPEG, goal=TROUBLED_GOAL),
    Case("H.264 through FFmpeg's RTSP", options=FFMPEG, goal=TROUBLED_GOAL),
    Case("H.265 through FFmpeg's RTSP", Shape("h265"), FFMPEG, goal=TROUBLED_GOAL),
    Case("a camera 3,612 s behind that drifts by 200 ppm", lies=Lies(clock_ahead=-3612, clock_drift=200e-6)),
    Case("one report 500 ms off", trouble=one_wrong_report, goal=TROUBLED_GOAL),
    Case("a clock that is set by a minute, after two reports", trouble=set_clock, goal=TROUBLED_GOAL),
]


def errors(case: Case, seconds: int) -> tuple[list[float], int]:
    """In milliseconds, and the number of pictures without the camera's clock."""
    with (
        TruthServer(
            film(case.shape), fps=FPS, lies=case.lies, manners=Manners(report_interval=1.0)
        ) as server,
        Watch(server.url, options=case.options) as camera,
    ):
        true = case.lies
        seen = camera.read(round(seconds * FPS / 2))
        if case.trouble is not None:
            before = true
            found = matched(seen, server.log)
            true = case.trouble(server)
            camera.read(round(4 * FPS)) if true != before else None
            seen = [one for one, _ in found] if true == before else []
        seen += camera.read(round(seconds * FPS / 2))
        pairs = matched(seen, server.log)
    ahead = time.time() - time.monotonic()
    off = [
        1e3 * (one.utc - true.utc(sent.due + ahead, sent.place / FPS))
        for one, sent in pairs
        if one.utc_from == "camera" and one.utc is not None
    ]
    return off, len(seen) - len(off)


def main() -> None:
    """Measures, shows, keeps."""
    options = arguments(__doc__, "wall_clock", seconds=20)
    result = Result("wall_clock", "how far utc is from the truth", {"seconds": options.seconds, "fps": FPS})
    for case in CASES:
        off, without = errors(case, options.seconds)
        sizes = [abs(one) for one in off]
        figures = {f"p{round(100 * share)}_ms": quantile(sizes, share) for share in (0.5, 0.99, 1)}
        figures |= {"pictures": len(off), "arrival": without}
        result.add(Row(case.name, figures, quantile(sizes, 0.99), case.goal))
    result.keep(options.out)


if __name__ == "__main__":
    main()
