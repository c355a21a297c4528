"""Thirty faults of one line over all layers: which of ./dev test --quick, ./dev test and --all find each.

Run: PYTHONPATH=tests python -m night.planted [NAME ...]. Each fault is written into its file, ./dev builds
and runs the tiers until one fails, and the file gets its text back. A change of such a line gives the fault
its new text: a test reports the texts that are gone.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIERS = {"quick": ("--quick",), "default": (), "all": ("--all",)}


@dataclass(frozen=True)
class Planted:
    """Describes a fault: a text that is in its file once, and its replacement."""

    file: str
    text: str
    fault: str

    @property
    def name(self) -> str:
        return f"{self.file}: {self.fault.strip()}"


CORE, VISION, SOURCES = "src/core", "src/vision", "src/sources"
PACKAGE = "python/freshframe"
FAULTS = (
    Planted(f"{CORE}/edge/take.cpp", "if (newest && lane.size > 1) {", "if (newest && lane.size > 2) {"),
    Planted(f"{CORE}/edge/lanes.cpp", "if (next_lane_ >= lanes_.size())", "if (next_lane_ > lanes_.size())"),
    Planted(f"{CORE}/join/joiner.cpp", "if (!first || due < *first)", "if (!first || due > *first)"),
    Planted(f"{CORE}/join/joiner.cpp", "time < *input.last_time)", "time <= *input.last_time)"),
    Planted(f"{VISION}/counting/line_counter.cpp", ".length >= least)", ".length < least)"),
    Planted(f"{VISION}/counting/zone_counter.cpp", "seconds <= kMostGap)", "seconds < 0)"),
    Planted(
        f"{VISION}/draw/run_lengths.cpp",
        "right = std::max(right, column + 1);",
        "right = std::max(right, column);",
    ),
    Planted(f"{VISION}/arcs/edge_chains.cpp", "if (ax > 2 * ay)", "if (ax < 2 * ay)"),
    Planted("src/inference/boxes/decode.cpp", "id < options_.wanted.size() &&", "id <= 0 &&"),
    Planted("src/media/colour/rgb_to_yuv.cpp", "level > 255 ? 255 : level", "level > 254 ? 254 : level"),
    Planted("src/media/ffmpeg/error.cpp", "code > 0 && code <= kLargestErrno", "code > 1"),
    Planted(f"{SOURCES}/camera/modes.cpp", "interval.numerator == 0 ||", "interval.numerator == 1 ||"),
    Planted("src/sinks/look/look.cpp", "if (seconds > 0 && seconds <= kMost)", "if (seconds <= kMost)"),
    Planted("src/serve/desk/snapshot_desk.cpp", "if (rate > 0 && rate <= kMost)", "if (rate <= kMost)"),
    Planted("src/process/crew/crew.cpp", 'return " (in on_tick())"', 'return " (in open())"'),
    Planted("src/fleet/framing.cpp", "rest.size() < sizeof size)", "rest.size() <= sizeof size)"),
    Planted("src/plugin/foreign_text.cpp", 'to_utf8({text, most}) + "..."', "to_utf8({text, most})"),
    Planted("src/why/observer.cpp", "now - *looked_ < kForgotten", "now - *looked_ > kForgotten"),
    Planted(f"{PACKAGE}/_check.py", "if len(text) <= _MOST_SHOWN", "if len(text) < 2 * _MOST_SHOWN"),
    Planted(
        f"{PACKAGE}/_graph/contract.py",
        "self.finishes or self.tick_every",
        "self.finishes and self.tick_every",
    ),
    Planted(f"{PACKAGE}/_http.py", "if len(body) > most:", "if len(body) > 2 * most:"),
    Planted(f"{PACKAGE}/_look/dashboard.py", 'if query else "")', 'if not query else "")'),
    Planted(f"{PACKAGE}/_process/process.py", "if not 1 <= count <= _MOST_WORKERS:", "if not 0 <= count:"),
    Planted(f"{PACKAGE}/_results/box.py", "return self.x2 - self.x1", "return self.x2 + self.x1"),
    Planted(f"{PACKAGE}/_shortcuts/run_node.py", 'if not _check.number("fps", fps) > 0:', "if fps is None:"),
    Planted(f"{PACKAGE}/_sinks/plain.py", "if len(mended) < len(value):", "if len(mended) > len(value):"),
    Planted(f"{PACKAGE}/_spool/clock.py", "time.time() - since_start()", "time.time() + since_start()"),
    Planted(
        f"{PACKAGE}/_vision/answer.py", "return time.monotonic() - self.captured", "return self.captured"
    ),
    Planted(
        f"{PACKAGE}/masks.py", "height * width - sum(lengths)) < 0:", "height * width - sum(lengths)) > 0:"
    ),
    Planted("fleet/python/freshframe_fleet/_agent/run.py", "if name not in fed:", "if name in fed:"),
)


@contextmanager
def planted(fault: Planted, root: Path = ROOT) -> Iterator[None]:
    """Has the fault in its file until the block ends."""
    path = root / fault.file
    before = path.read_text()
    if before.count(fault.text) != 1:
        raise ValueError(f"{fault.file} must have this text once: {fault.text}")
    path.write_text(before.replace(fault.text, fault.fault))
    try:
        yield
    finally:
        path.write_text(before)


def run_tier(tier: str) -> bool:
    """Returns whether the tests of a tier pass."""
    command = ["./dev", "test", *TIERS[tier]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0


def found_by(
    fault: Planted,
    tiers: Sequence[str] = tuple(TIERS),
    passes: Callable[[str], bool] = run_tier,
    root: Path = ROOT,
) -> str | None:
    """Returns the first tier that fails with the fault, or None if none does."""
    with planted(fault, root):
        return next((tier for tier in tiers if not passes(tier)), None)


def main() -> int:
    """Prints a line for each fault, and how many each tier has found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tier", action="append", choices=TIERS, help="only this tier; may be repeated")
    parser.add_argument("words", nargs="*", help="only the faults whose names contain one of them")
    given = parser.parse_args()
    chosen = [one for one in FAULTS if not given.words or any(word in one.name for word in given.words)]
    tiers = given.tier or list(TIERS)
    found = []
    for fault in chosen:
        found.append(found_by(fault, tiers))
        print(f"{found[-1] or 'not found'}: {fault.name}", flush=True)
    for place, tier in enumerate(tiers, 1):
        print(f"{tier}: {sum(one in tiers[:place] for one in found)} of {len(chosen)}")
    return 1 if None in found else 0


if __name__ == "__main__":
    sys.exit(main())
