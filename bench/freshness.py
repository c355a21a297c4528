"""How old is a picture when a program has it, and how much of that does `age` hide? RTSP, beside the peers.

A camera on loopback (tests/python/rigs/live/truth) sends pictures that were encoded before, each at its time,
and notes when it sent each picture's first packet. Every picture carries its number in its pixels. Each
library reads in a process of its own, one after the other, in rounds. The true age is the time from the first
packet to the moment at which the decoded picture is in the program's hands. What `age` hides is the true age
less what freshframe says: `captured` minus the sending.

Printed at the end: the table of the documentation, in Markdown.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from _measure import RESULTS, ROOT, Result, Row, median, quantile, spread, take_turns
from _peer_tables import markdown

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.truth.encode import Shape, film
from rigs.live.truth.log import SentLog
from rigs.live.truth.process import TruthProcess
from rigs.live.truth.units import Codec

HERE = Path(__file__).resolve().parent
FILMS = ROOT / "build" / "bench-clips"
FORMAT = 1  # of the files: counts up when Film changes
DEBIANS_PYTHON = "/usr/bin/python3"  # the one that has GStreamer's bindings
MISSING = 77
WARM_UP = 1.0  # seconds from a reader's first picture to the first that counts
PATIENCE = 30.0  # seconds after which a reader is killed
MS = 1e3
HIDDEN_GOAL = 0.5  # ms, p99, on loopback
PICTURES = Shape(count=240, size=(1280, 720), key_interval=60, bit_rate=3_000_000)
PEERS = {"PyAV": "av", "cv2": "cv2"}  # and their modules
GSTREAMER = "GStreamer latency=0"
AGAIN = "freshframe again"


@dataclass(frozen=True)
class Case:
    """A stream."""

    name: str
    shape: Shape
    fps: int
    transport: str

    @property
    def film(self) -> str:
        """The name of its film."""
        return f"{self.shape.codec}-{self.shape.slices}-{self.shape.b_frames}"


def cases() -> dict[str, Case]:
    """By name."""
    found = []
    codecs: tuple[tuple[Codec, str], ...] = (("h264", "H.264"), ("h265", "H.265"))
    for codec, title in codecs:
        shape = replace(PICTURES, codec=codec)
        found += [
            Case(f"{title}, {fps} fps, {transport.upper()}", shape, fps, transport)
            for fps in (5, 30, 60)
            for transport in ("tcp", "udp")
        ]
        found.append(Case(f"{title}, 4 slices, 30 fps, TCP", replace(shape, slices=4), 30, "tcp"))
        found.append(Case(f"{title}, 2 B-frames, 30 fps, TCP", replace(shape, b_frames=2), 30, "tcp"))
    return {one.name: one for one in found}


def film_of(case: Case) -> Path:
    """The file with its pictures; made now if it is not there."""
    path = FILMS / f"truth-{case.film}-{case.shape.count}-v{FORMAT}.film"
    if not path.exists():
        print(f"making {path.name}", file=sys.stderr)
        FILMS.mkdir(parents=True, exist_ok=True)
        film(case.shape).save(path.with_suffix(".unfinished")).rename(path)
    return path


@dataclass
class Run:
    """What one reader had in one round, in milliseconds.

    Attributes:
        ages: From the first packet.
        hidden: Of these ages, what `captured` leaves out.
        torn: Pictures without a readable number.
        failed: Why there is nothing.
    """

    ages: list[float] = field(default_factory=list)
    hidden: list[float] = field(default_factory=list)
    torn: int = 0
    failed: str = ""


def read(reader: str, case: Case, server: TruthProcess, seconds: float) -> Run:
    """Runs a reader."""
    own = [case.transport, str(WARM_UP + seconds)]
    url = server.url_of(case.film, case.fps)
    if reader == GSTREAMER:
        command = [DEBIANS_PYTHON, str(HERE / "_freshness_gst.py"), case.shape.codec, url, *own]
    else:
        library = reader.removesuffix(" again")
        command = [sys.executable, str(HERE / "_freshness_reader.py"), library, url, *own]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors)
        try:
            process.wait(PATIENCE + seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        out.seek(0)
        errors.seek(0)
        lines, complaints = out.read().splitlines(), errors.read().strip().splitlines()
    if not lines:
        return Run(failed=complaints[-1] if complaints else f"no picture, status {process.returncode}")
    return judged(lines, server.sent())


def judged(lines: list[str], log: SentLog) -> Run:
    """The ages of what was read, without the first WARM_UP seconds."""
    run = Run()
    rows = [line.split(" ") for line in lines]
    begin = float(rows[0][0]) + WARM_UP
    for now, number, captured in ((float(a), int(b), c) for a, b, c in rows):
        if now < begin:
            continue
        sent = log.find(number, now)
        if sent is None:
            run.torn += 1
            continue
        run.ages.append(MS * (now - sent.first))
        if captured:
            run.hidden.append(MS * (float(captured) - sent.first))
    return run if run.ages else replace(run, failed="no whole picture")


def readers() -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Those that are installed, freshframe twice; their versions; why others are missing."""
    found, versions, missing = ["freshframe", AGAIN], {}, {}
    gst = ""
    for codec in ("h264", "h265"):
        command = [DEBIANS_PYTHON, str(HERE / "_freshness_gst.py"), codec, "", "tcp", "0"]
        try:
            told = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            missing[GSTREAMER] = f"there is no {DEBIANS_PYTHON}"
            break
        if told.returncode:
            missing[GSTREAMER] = (told.stderr.strip().splitlines() or ["its Python bindings crash"])[-1]
            break
        gst += ", ".join(told.stdout.strip().split(", ")[bool(gst) :]) + " "
    else:
        found.append(GSTREAMER)
        versions[GSTREAMER] = gst.strip()
    for peer, module in PEERS.items():
        if importlib.util.find_spec(module) is None:
            missing[peer] = f"there is no module {module}"
            continue
        found.append(peer)
        package = "opencv-python-headless" if module == "cv2" else module
        versions[peer] = importlib.metadata.version(package)
    return found, versions, missing


def quantiles(runs: list[Run], of: str, share: float) -> list[float]:
    """Of each round that has any."""
    return [quantile(getattr(run, of), share) for run in runs if getattr(run, of)]


def figures(runs: dict[str, list[Run]]) -> dict[str, float | str]:
    """The medians of the rounds."""
    shown: dict[str, float | str] = {}
    for reader, its in runs.items():
        key = reader.replace(" ", "_")
        for share in (0.5, 0.99):
            values = quantiles(its, "ages", share)
            shown |= {f"{key}_p{round(100 * share)}_ms": median(values)} if values else {}
        torn = sum(run.torn for run in its)
        shown |= {f"{key}_torn": torn} if torn else {}
        failed = [run.failed for run in its if run.failed]
        shown |= {f"{key}_failed": f"{len(failed)} of {len(its)}: {failed[0]}"} if failed else {}
    return shown


def rows_of(case: Case, runs: dict[str, list[Run]]) -> list[Row]:
    """Age beside GStreamer's, p50 and p99, and what is hidden."""
    its = runs["freshframe"]
    first, again = (quantiles(runs[name], "ages", 0.5) for name in ("freshframe", AGAIN))
    apart = spread(first, again) if first and again else None
    rows = []
    for share, shown in ((0.5, figures(runs)), (0.99, {})):
        ratio = None
        own, others = quantiles(its, "ages", share), quantiles(runs.get(GSTREAMER, []), "ages", share)
        if own and others:
            ratio = median(own) / median(others)
        name = f"{case.name}: age p{round(100 * share)}, of GStreamer's"
        rows.append(Row(name, shown, ratio, None if ratio is None else 1.0, spread=apart))
    hidden = {f"p{round(100 * s)}_ms": median(quantiles(its, "hidden", s)) for s in (0.5, 0.99)}
    if quantiles(its, "hidden", 0.5):
        rows.append(Row(f"{case.name}: hidden by age", hidden, hidden["p99_ms"], HIDDEN_GOAL))
    return rows


def page(measured: dict[str, dict[str, list[Run]]], names: list[str]) -> str:
    """The table of the documentation: milliseconds, p50 / p99."""
    shown = [name for name in names if name != AGAIN]
    table = [["", shown[0], "hidden by `age`", *shown[1:]]]
    for case, runs in measured.items():
        cells = [pair(runs[shown[0]], "ages"), pair(runs[shown[0]], "hidden")]
        table.append([case, *cells, *(pair(runs[name], "ages") for name in shown[1:])])
    return markdown(table)


def pair(runs: list[Run], of: str) -> str:
    """p50 / p99, and what went wrong."""
    low, high = (quantiles(runs, of, share) for share in (0.5, 0.99))
    if not low:
        return runs[0].failed
    torn, all_of_them = sum(run.torn for run in runs), sum(run.torn + len(run.ages) for run in runs)
    wrong = f", {torn} of {all_of_them} torn" if torn and of == "ages" else ""
    return f"{median(low):.3g} / {median(high):.3g}{wrong}"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a reading; default: %(default)s")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="streams whose names have it, such as 'H.264, 5 fps'"
    )
    kept = RESULTS / "freshness.json"
    parser.add_argument("--json", type=Path, default=kept, help="where the result goes; default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def measure(case: Case, names: list[str], options: argparse.Namespace) -> dict[str, list[Run]]:
    """All readers in turns, with a server of their own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        TruthProcess({case.film: film_of(case)}, Path(folder) / "log") as server,
    ):
        kinds: dict[str, Callable[[], Run]] = {
            name: partial(read, name, case, server, options.seconds) for name in names
        }
        return take_turns(kinds, options.rounds)


def main() -> None:
    """Measures, shows, keeps."""
    options = parse()
    found = {
        name: case
        for name, case in cases().items()
        if not options.only or any(text in name for text in options.only)
    }
    names, versions, missing = readers()
    for name, why in missing.items():
        print(f"{name} is missing: {why}", file=sys.stderr)
    settings = {"rounds": options.rounds, "seconds": options.seconds, "warm_up": WARM_UP, "missing": missing}
    result = Result("freshness", "RTSP: true age of a decoded picture", settings, versions)
    measured = {}
    for name, case in found.items():
        print(name, end=" ", file=sys.stderr, flush=True)
        measured[name] = measure(case, names, options)
        for row in rows_of(case, measured[name]):
            result.add(row)
    result.keep(None if options.dry else options.json)
    print("\n" + page(measured, names))


if __name__ == "__main__":
    main()
