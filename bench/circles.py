"""How well and how fast circles are found and tracked, beside OpenCV, EDCircles, ByteTrack and norfair.

SET is a folder of clips and stills with truth (bench/_circle_set.py says of what form). Without one, a set is
made from the scenes of tools/circles and kept in build/bench-circles. Every fourth frame is searched by
itself; tracked are all frames, and random halves and fifths of them (as `freshframe track --keep` chooses).
Times are those of one core, freshframe and OpenCV in turns on the same pictures.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _circle_accuracy import add_accuracy, add_times, search
from _circle_footage import made
from _circle_peers import ALTERNATIVE, GRADIENT
from _circle_pictures import write
from _circle_set import MAX_CIRCLES, RADIUS, CircleSet, load
from _circle_tracking import add_cost, add_identities
from _circle_worst import add_worst
from _measure import RESULTS, ROOT, Result

PARTS = ("accuracy", "time", "cost", "identities", "worst")


def measure(circles: CircleSet, options: argparse.Namespace) -> Result:
    """Runs the wanted parts."""
    title = f"Circles, {len(circles.sequences)} sequences of the set {circles.folder.name}"
    settings: dict[str, Any] = {
        "set": circles.folder.name,
        "truth": circles.checksum[:16],
        "radius": RADIUS,
        "max_circles": MAX_CIRCLES,
        "rounds": options.rounds,
        "HoughCircles": asdict(GRADIENT),
        "HoughCircles ALT": asdict(ALTERNATIVE),
    }
    versions = {"opencv": cv2.__version__, "numpy": np.__version__}
    result = Result("circles", title, settings, versions)
    parts = options.parts
    if "accuracy" in parts:
        searched = search(circles)
        add_accuracy(result, circles, searched)
        sheets = write(circles, searched.ours, options.pictures)
        print("look at", *sheets)
    if "time" in parts:
        add_times(result, circles, options.rounds)
    if "cost" in parts:
        add_cost(result, circles, options.rounds)
    if "identities" in parts:
        versions |= add_identities(result, circles)
    if "worst" in parts:
        add_worst(result, circles)
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path, nargs="?", help="folder of the set; default: one is made")
    parser.add_argument("--seed", type=int, default=1, help="of the set that is made; default: %(default)s")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="of each time; default: %(default)s")
    worst = ROOT / "build" / "bench-circles" / "worst"
    parser.add_argument(
        "--pictures", type=Path, default=worst, help="where the worst mistakes go; default: %(default)s"
    )
    parser.add_argument(
        "--out", type=Path, help="default: bench/results/circles.json, circles_own.json without SET"
    )
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    circles = load(made(options.seed) if options.set is None else options.set)
    out = options.out or RESULTS / ("circles_own.json" if options.set is None else "circles.json")
    measure(circles, options).keep(None if options.dry else out)


if __name__ == "__main__":
    main()
