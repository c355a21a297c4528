"""Checks whether `age` is true while frames are delayed, and whether the source reports its lag.

The source reads RTSP over TCP. The camera on loopback (tests/python/rigs/live/truth) records when it captured
each frame. Between it and the reader is a relay, which can be paused. `captured` minus the camera's time is
the part of a frame's age that `age` does not show. Its median before a disturbance is a constant, which no
reader can know. The rows show the rest, in frame intervals.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from _freshness_cases import PICTURES, made
from _measure import RESULTS, Result, Row, median, quantile
from rigs.live.truth.pictures.encode import Shape
from rigs.live.truth.process import TruthProcess
from rigs.live.truth.relay import Relay

FPS = 30
CALM = 4.0  # seconds before the disturbance
AFTER = 6.0  # seconds to measure from its start on
FILM = replace(PICTURES, count=600)  # longer than any age, so that ages are unambiguous
HEAVY = Shape(count=240, size=(3840, 2160), key_interval=60, bit_rate=40_000_000)
HEAVY_FPS = 90  # more than one core can decode
GOAL = 1.0  # frame intervals
BEHIND_GOAL = 0.2
DELAY = 1.0  # seconds
READER = Path(__file__).with_name("_late_reader.py")


@dataclass
class Happening:
    """A disturbance of a reader or its network. `act` returns when it is over."""

    name: str
    act: Callable[[subprocess.Popen[str], Relay], None]
    shape: Shape = FILM
    fps: int = FPS
    lasts: float = AFTER


@dataclass
class Watched:
    """One measurement.

    Attributes:
        calm: Seconds that `age` does not show, before the disturbance.
        late: The same, from the start of the disturbance on.
        behind: The source's lag in the last second.
        ages: True ages, from the start of the disturbance on.
    """

    calm: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)


def stop_reader(reader: subprocess.Popen[str], _: Relay) -> None:
    """Stops the reader for two seconds, as a debugger or a suspended machine would."""
    reader.send_signal(signal.SIGSTOP)
    time.sleep(2)
    reader.send_signal(signal.SIGCONT)


def fill_up(_: subprocess.Popen[str], relay: Relay) -> None:
    """Fills up the camera's socket: nothing is read from it for five seconds."""
    relay.reads.clear()
    time.sleep(5)
    relay.reads.set()


def burst(_: subprocess.Popen[str], relay: Relay) -> None:
    """Sends nothing for half a second every two seconds, like Wi-Fi that scans."""
    for _turn in range(4):
        relay.flows.clear()
        time.sleep(0.5)
        relay.flows.set()
        time.sleep(1.5)


def take_time(_: subprocess.Popen[str], relay: Relay) -> None:
    """Delays every packet from now on."""
    relay.delay = DELAY


def nothing(_reader: subprocess.Popen[str], _relay: Relay) -> None:
    """Does nothing: only the decoder is too slow."""


HAPPENINGS = [
    Happening("the process is stopped for 2 s", stop_reader),
    Happening("the camera's socket is full for 5 s", fill_up, lasts=8.0),
    Happening("the network brings bursts, 500 ms each 2 s", burst, lasts=9.0),
    Happening("the network takes 1 s from now on", take_time, lasts=10.0),
    Happening("the decoder is slower than the camera", nothing, HEAVY, HEAVY_FPS),
]


def watch(happening: Happening, server: TruthProcess) -> Watched:
    """Measures once, with a disturbance."""
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    with Relay(port) as relay, tempfile.TemporaryFile("w+") as out:
        url = server.url.replace(f":{port}/", f":{relay.port}/")
        command = [sys.executable, str(READER), url, str(CALM + happening.lasts)]
        reader = subprocess.Popen(command, stdout=out, text=True)
        time.sleep(CALM)
        begin = time.monotonic()
        happening.act(reader, relay)
        reader.wait(60)
        out.seek(0)
        rows = [line.split(" ") for line in out.read().splitlines()]
    log, found = server.sent(), Watched()
    end = float(rows[-1][0])
    for now, number, captured, behind in rows:
        sent = log.find(int(number), float(now))
        if sent is None:
            continue
        late = float(now) >= begin
        (found.late if late else found.calm).append(float(captured) - sent.due)
        if late:
            found.ages.append(float(now) - sent.due)
        if behind and float(now) >= end - 1:
            found.behind.append(float(behind))
    return found


def make_rows(happening: Happening, runs: list[Watched]) -> list[Row]:
    """Returns the part of the age that is not shown, in intervals, and the source's lag if known."""
    shares: dict[float, list[float]] = {0.01: [], 0.5: [], 0.99: []}
    for run in runs:
        hidden = [happening.fps * (one - median(run.calm)) for one in run.late]
        for share, values in shares.items():
            values.append(quantile(hidden, share))
    figures = {f"p{round(100 * share)}_intervals": median(values) for share, values in shares.items()}
    figures["true_age_p99_s"] = median([quantile(run.ages, 0.99) for run in runs])
    figures["pictures"] = sum(len(run.late) for run in runs)
    rows = [Row(f"{happening.name}: hidden by age", figures, figures["p99_intervals"], GOAL)]
    if happening.act is take_time:
        told = [median(run.behind) for run in runs]
        off = abs(median(told) - DELAY) / DELAY
        rows.append(
            Row(f"{happening.name}: behind is wrong by", {"behind_s": median(told)}, off, BEHIND_GOAL)
        )
    return rows


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--only", metavar="TEXT", help="what happens: 'stopped'")
    parser.add_argument("--out", type=Path, default=RESULTS / "late.json", help="default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def main() -> None:
    """Measures, prints and saves the result."""
    options = parse()
    settings = {"rounds": options.rounds, "calm": CALM, "fps": FPS, "heavy_fps": HEAVY_FPS}
    result = Result("late", "is age true while pictures are held up", settings)
    for happening in HAPPENINGS:
        if options.only and options.only not in happening.name:
            continue
        film = {"film": made(happening.shape)}
        with (
            tempfile.TemporaryDirectory() as folder,
            TruthProcess(film, Path(folder) / "log", fps=happening.fps) as server,
        ):
            runs = [watch(happening, server) for _ in range(options.rounds)]
        for row in make_rows(happening, runs):
            result.add(row)
        print(happening.name, file=sys.stderr)
    result.keep(None if options.dry else options.out)


if __name__ == "__main__":
    main()
