"""Compares freshframe with other ways to write a program with a live camera, a fast and a slow consumer.

A process sends H.264 over TCP, frame n at t0 + n / fps with its number in the pixels. Each peer is a small
program in the style of its own documentation (bench/peers/), in an environment that this script creates. Both
branches record age and number of each frame. The slow one then sleeps or computes for 100 ms. The trials:

    sleep, burn                 the slow branch sleeps, or computes in Python
    phases                      it sleeps until a phase that is the same for every program
    idle                        no slow branch
    silent                      the camera stops sending, then the program stops
    webcam_sleep, webcam_burn   a simulated camera in the process, with four driver buffers
    game                        a pygame loop at 60 Hz with a tracker

A round has each trial of each peer once, in random order. The tables show medians, and the lowest and highest
values in brackets. A run continues where the file ends, so it can be made in parts:

    ./dev bench peers                              5 rounds of the light peers
    ./dev bench peers --quick                      one short round, which is not saved
    ./dev bench peers --limit 230                  as much as fits into 230 s; repeat for the next part
    ./dev bench peers --rounds 1 --only depthai    one peer, even one with a heavy installation
    ./dev bench peers --page                       only updates the tables and plots of docs/benchmarks
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _peer_tables as tables
from _measure import RESULTS, provenance
from _peer_programs import PEERS, TRIALS, installed, interpreter, missing_names, run, stream, versions
from rich.console import Console
from rich.table import Table

MARGIN = 9.0  # maximum seconds of a run in addition to warm-up and measurement


def show(title: str, rows: list[list[str]]) -> None:
    """Prints a table."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    drawn = Table(title=title, title_justify="left")
    for heading in rows[0]:
        drawn.add_column(heading)
    for row in rows[1:]:
        drawn.add_row(*row)
    console.print(drawn)


def find_interpreters(names: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the Python of each peer, and why other peers are skipped."""
    pythons, skipped = {}, {}
    for name in names:
        python, reason = interpreter(PEERS[name])
        if reason:
            skipped[name] = reason
            print(f"{name} is left out: {reason}", file=sys.stderr)
        else:
            pythons[name] = python
    return pythons, skipped


def to_do(
    document: dict[str, Any], names: list[str], options: argparse.Namespace
) -> Iterator[tuple[int, str, str]]:
    """Yields (round, trial, peer) of the missing runs, round by round, in random order within a round."""
    done = Counter(
        (one["trial"], one["peer"])
        for piece in document["pieces"]
        if (piece["settings"]["size"], piece["settings"]["fps"]) == (options.size, options.fps)
        for one in piece["runs"]
    )
    for number in range(options.rounds):
        order = [(trial, name) for trial in options.trials for name in PEERS if trial in PEERS[name].trials]
        random.Random(number).shuffle(order)
        for trial, name in order:
            if name in names and done[trial, name] <= number:
                yield number, trial, name


def run_some(document: dict[str, Any], pythons: dict[str, str], options: argparse.Namespace) -> bool:
    """Runs what is missing and adds it as one piece. Returns False if the time limit was reached."""
    longest = 600.0 if options.limit is None else options.limit
    path = stream(options.size, options.seconds + 8, options.fps)
    began = time.monotonic()
    piece: dict[str, Any] = {
        **provenance(os.getloadavg()[0]),
        "settings": {name: getattr(options, name) for name in ("size", "fps", "seconds")},
        "runs": [],
    }
    complete = True
    for number, trial, name in to_do(document, list(pythons), options):
        if options.limit is not None and time.monotonic() + options.seconds + MARGIN > began + longest:
            complete = False
            break
        one = run(pythons[name], name, trial, path, options.fps, options.seconds)
        piece["runs"].append({"peer": name, "trial": trial, "round": number, **one})
        print("x" if "failed" in one else ".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    piece["load_after"] = round(os.getloadavg()[0], 2)
    if piece["runs"]:
        document["pieces"].append(piece)
    return complete


def parse() -> argparse.Namespace:
    """Parses the command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--only", default="", metavar="A,B", help="the same, separated by commas")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s, kept nowhere")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one run; default: %(default)s")
    parser.add_argument("--size", default="1280x720", help="default: %(default)s")
    parser.add_argument("--fps", type=float, default=60.0, help="such as 30, 60, 120; default: %(default)s")
    parser.add_argument(
        "--trials", nargs="+", default=list(TRIALS), choices=list(TRIALS), help="default: all"
    )
    parser.add_argument("--limit", type=float, metavar="S", help="begin no run that might end later")
    parser.add_argument("--page", action="store_true", help="write tables and plots of docs/benchmarks/")
    parser.add_argument(
        "--append",
        type=Path,
        default=RESULTS / "peers.json",
        metavar="FILE",
        help="runs that it has are not made again; default: %(default)s",
    )
    options = parser.parse_args()
    options.names += [name for name in options.only.split(",") if name]
    if unknown := missing_names(options.names):
        parser.error(f"there is no peer {unknown[0]!r}; there are {', '.join(PEERS)}")
    if options.quick:
        options.rounds, options.seconds = 1, 2.0
    return options


def main() -> None:
    """Runs the trials, prints the tables and saves the result."""
    options = parse()
    kept = options.append.exists() and not options.quick
    document: dict[str, Any] = {"bench": "peers", "pieces": []}
    if kept:
        document = json.loads(options.append.read_text())
    if options.page:
        import _peer_page  # noqa: PLC0415  (needs matplotlib)

        _peer_page.write(document)
        return
    wanted = options.names or [name for name, peer in PEERS.items() if not peer.heavy]
    pythons, skipped = find_interpreters(wanted)
    complete = run_some(document, pythons, options)
    runs = tables.by_trial(document, options.size, options.fps)
    for trial in options.trials:
        if trial in runs:
            show(
                f"{options.size}, {options.fps:g} fps: {tables.TITLES[trial]}",
                tables.table(trial, runs[trial]),
            )
    if options.quick:
        return
    document |= {"versions": versions()}
    document["skipped"] = {**document.get("skipped", {}), **skipped}
    sizes = document.setdefault("installed", {})
    options.append.parent.mkdir(parents=True, exist_ok=True)
    options.append.write_text(json.dumps(document, indent=1) + "\n")
    if complete:
        for name, python in pythons.items():
            if name not in sizes and "game" not in PEERS[name].trials:
                sizes[name] = installed(python, PEERS[name])
        options.append.write_text(json.dumps(document, indent=1) + "\n")
    left = "" if complete else ", and there are runs left: repeat the command"
    print(f"written to {options.append}{left}")


if __name__ == "__main__":
    main()
