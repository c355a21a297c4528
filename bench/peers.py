"""One live camera, a fast and a slow consumer: freshframe beside the programs that people write today.

A process sends H.264 over TCP, frame n at t0 + n / fps with its number in the pixels. Each peer is a small
program as its own documentation recommends (bench/peers/), in an environment that this script makes. The fast
branch notes age and number of each frame; the slow one then sleeps or computes for 100 ms. The order of the
runs is random in each round; the tables have medians, and from lowest to highest in brackets.

    ./dev bench peers                              the light peers, 5 rounds: 45 minutes
    ./dev bench peers --quick                      one short round, for a look: 4 minutes
    ./dev bench peers freshframe_next depthai      some of them, also those with a heavy installation
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import RESULTS, ROOT, median, provenance
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).with_name("peers")
PLACE = ROOT / "build" / "peers"
BASE = ("numpy==2.3.5", "psutil==7.1.3", "opencv-python-headless==5.0.0.93", "av==18.1.0")
OURS = ("cloudpickle==3.1.2", "rich>=13.0")
LIMIT = 90  # seconds of one run


@dataclass(frozen=True)
class Peer:
    """A program of bench/peers.

    Attributes:
        module: Its file.
        mode: What its start() gets.
        needs: What is installed beside BASE; "system": Debian's own Python runs it.
        heavy: Only on request: its installation has hundreds of megabytes.
    """

    module: str
    mode: str = ""
    needs: tuple[str, ...] = ()
    heavy: bool = False

    @property
    def environment(self) -> str:
        """The name of its environment."""
        return self.needs[0].split("=")[0] if self.needs and self.needs != OURS else "base"


PEERS = {
    "cv2_naive": Peer("cv2_naive"),
    "cv2_queue": Peer("cv2_queue"),
    "cv2_queue_10": Peer("cv2_queue", "10"),
    "cv2_latest": Peer("latest", "cv2"),
    "cv2_latest_1_thread": Peer("latest", "cv2 1 thread"),
    "pyav_latest": Peer("latest", "pyav"),
    "thread_pool": Peer("thread_pool"),
    "shared_memory_1_thread": Peer("shared_memory", "1 thread"),
    "gstreamer": Peer("gstreamer", needs=("system",)),
    "vidgear": Peer("vidgear_camgear", needs=("vidgear==0.3.6",)),
    "vidgear_latest": Peer("vidgear_camgear", "latest", ("vidgear==0.3.6",)),
    "depthai": Peer("depthai_host", needs=("depthai==3.12.0",), heavy=True),
    "freshframe_latest": Peer("freshframe_nodes", "latest"),
    "freshframe_next": Peer("freshframe_nodes", "next"),
    "freshframe_process": Peer("freshframe_nodes", "next process"),
    "freshframe_native": Peer("freshframe_nodes", "next native"),
}

Run = dict[str, Any]


def interpreter(peer: Peer) -> tuple[str, str]:
    """(Python of the peer's environment, "") or ("", why there is none)."""
    if peer.needs == ("system",):
        python = "/usr/bin/python3"
        tried = subprocess.run(
            [python, "-c", "import gi, numpy, psutil; gi.require_version('Gst', '1.0')"],
            capture_output=True,
            text=True,
            check=False,
        )
        reason = tried.stderr.strip().splitlines()[-1:] or [""]
        return (python, "") if tried.returncode == 0 else ("", reason[0])
    place = PLACE / peer.environment
    python = str(place / "bin" / "python")
    wanted = "\n".join((*BASE, *OURS, *peer.needs))
    stamp = place / "wanted"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {peer.environment}", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        installed = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *wanted.split("\n")],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode != 0:
            return "", installed.stderr.strip().splitlines()[-1]
        stamp.write_text(wanted)
    return python, ""


def media(size: str, seconds: float, fps: float) -> Path:
    """The encoded stream, made once."""
    path = PLACE / f"{size}.mkv"
    frames = int(1.2 * seconds * fps) + 60
    have = path.with_suffix(".json")
    if not have.exists() or len(json.loads(have.read_text())) < frames:
        python, reason = interpreter(PEERS["cv2_naive"])
        if reason:
            raise SystemExit(f"the stream cannot be made: {reason}")
        print(f"encoding {frames} frames of {size}", file=sys.stderr)
        subprocess.run([python, str(HERE / "camera.py"), "make", size, str(frames), str(path)], check=True)
    return path


def run(python: str, peer: Peer, path: Path, *options: str) -> Run:
    """One run in a process of its own; {"failed": why} when it gave no result."""
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    try:
        ended = subprocess.run(
            [python, str(HERE / "child.py"), peer.module, str(path), "--mode", peer.mode, *options],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no end within {LIMIT} s"}
    for line in ended.stdout.splitlines():
        if line.startswith("RESULT "):
            result: Run = json.loads(line.removeprefix("RESULT "))
            return result
    return {"failed": (ended.stderr.strip().splitlines() or ["no output"])[-1]}


def value(one: Run, path: str) -> float | None:
    """`one["fast"]["p50_ms"]` for "fast.p50_ms"."""
    for key in path.split("."):
        one = one.get(key, {}) if isinstance(one, dict) else {}
    return None if one is None or isinstance(one, dict) else float(one)


TITLES = {
    "none": "no slow branch",
    "sleep": "the slow branch sleeps 100 ms",
    "burn": "the slow branch computes 100 ms in Python",
}
COLUMNS = (
    ("fast.p50_ms", "fast p50 ms"),
    ("fast.p99_ms", "p99"),
    ("fast.missed", "missed"),
    ("slow.p50_ms", "slow p50 ms"),
    ("slow.p99_ms", "p99"),
    ("slow.missed", "not seen"),
    ("slow.counted", "counted"),
    ("heartbeat.p99_ms", "heartbeat p99 ms"),
    ("memory_mb", "MB"),
    ("growth_mb_per_s", "MB/s"),
    ("cores", "cores"),
    ("stop_s", "stop s"),
)


def text(values: list[float]) -> str:
    """The median, and the lowest and highest value: 12.3 (11.8 to 13)."""
    if not values:
        return "-"
    middle = f"{median(values):.3g}" if abs(median(values)) < 1000 else f"{median(values):.0f}"
    low, high = min(values), max(values)
    return (
        middle
        if high - low <= 0.02 * abs(high) or len(values) == 1
        else f"{middle} ({low:.3g} to {high:.3g})"
    )


def rows(runs: dict[str, list[Run]]) -> list[list[str]]:
    """One row per peer, the one with the freshest slow branch first."""

    def key(name: str) -> float:
        ages = [age for one in runs[name] if (age := value(one, "slow.p50_ms")) is not None]
        return median(ages) if ages else float("inf")

    table = []
    for name in sorted(runs, key=key):
        good = [one for one in runs[name] if "failed" not in one]
        if not good:
            table.append([name, runs[name][0]["failed"], *[""] * (len(COLUMNS) - 1)])
            continue
        cells = []
        for path, _ in COLUMNS:
            found = [number for one in good if (number := value(one, path)) is not None]
            missing = path == "stop_s" and len(found) < len(good)
            cells.append("> 10" if missing else text(found))
        table.append([name, *cells])
    return table


def show(title: str, table: list[list[str]]) -> None:
    """Prints a table."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    drawn = Table(title=title, title_justify="left")
    for heading in ("", *(heading for _, heading in COLUMNS)):
        drawn.add_column(heading)
    for row in table:
        drawn.add_row(*row)
    console.print(drawn)


def markdown(tables: dict[str, list[list[str]]]) -> str:
    """The same for a page."""
    head = ("", *(heading for _, heading in COLUMNS))
    lines = []
    for title, table in tables.items():
        lines += [f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(row)} |" for row in table]
        lines.append("")
    return "\n".join(lines)


def find_interpreters(names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Python of each peer, and why others are left out."""
    pythons, skipped = {}, {}
    for name in names:
        python, reason = interpreter(PEERS[name])
        if reason:
            skipped[name] = reason
            print(f"{name} is left out: {reason}", file=sys.stderr)
        else:
            pythons[name] = python
    return pythons, skipped


def run_all(pythons: dict[str, str], options: argparse.Namespace) -> dict[str, dict[str, list[Run]]]:
    """All rounds: by load and peer."""
    path = media(options.size, options.seconds + 4, options.fps)
    settings = ["--seconds", str(options.seconds), "--fps", str(options.fps)]
    settings += ["--silent"] if options.silent else []
    runs: dict[str, dict[str, list[Run]]] = {load: {name: [] for name in pythons} for load in options.loads}
    for number in range(options.rounds):
        order = [(load, name) for load in options.loads for name in pythons]
        random.Random(number).shuffle(order)
        for load, name in order:
            one = run(pythons[name], PEERS[name], path, "--load", load, *settings)
            runs[load][name].append(one)
            print("x" if "failed" in one else ".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return runs


def keep(path: Path, document: dict[str, Any], tables: dict[str, list[list[str]]]) -> None:
    """Writes JSON, and the tables for a page beside it."""
    path.write_text(json.dumps(document, indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(tables))
    print(f"written to {path} and {path.with_suffix('.md')}")


def parse() -> argparse.Namespace:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="one round of 3 s, written nowhere")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=8.0, help="of one run; default: %(default)s")
    parser.add_argument("--size", default="1280x720", help="default: %(default)s")
    parser.add_argument("--fps", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--loads", nargs="+", default=["sleep", "burn"], choices=list(TITLES))
    parser.add_argument("--silent", action="store_true", help="the camera falls silent before the stop")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.json", help="default: %(default)s")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PEERS]
    if unknown:
        parser.error(f"there is no peer {unknown[0]!r}; there are {', '.join(PEERS)}")
    if options.quick:
        options.rounds, options.seconds, options.out = 1, 3.0, None
    return options


def main() -> None:
    """Runs, shows, keeps."""
    options = parse()
    load_before = os.getloadavg()[0]
    light = [name for name, peer in PEERS.items() if not peer.heavy]
    pythons, skipped = find_interpreters(options.names or light)
    runs = run_all(pythons, options)
    tables = {TITLES[load]: rows(found) for load, found in runs.items()}
    for title, table in tables.items():
        show(f"{options.size}, {options.fps:g} fps, {title}", table)
    if options.out is None:
        return
    settings = {name: getattr(options, name) for name in ("rounds", "seconds", "size", "fps", "silent")}
    document = {
        "bench": "peers",
        **provenance(load_before),
        "settings": settings,
        "skipped": skipped,
        "installed": {peer.environment: list((*BASE, *peer.needs)) for peer in PEERS.values()},
        "runs": runs,
    }
    keep(options.out, document, tables)


if __name__ == "__main__":
    main()
