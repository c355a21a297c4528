"""Plants faults in a copy of the inbox, and checks that the programs find each of them.

`plant` writes the changed copies. A fault has no effect until its number is chosen, so a single build
contains all of
them. If you change the inbox, update the faults' texts here: the build fails unless each text occurs exactly
once.
`check` runs the program of each fault. It must fail as described here, and fail again with the schedule that
it printed.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """Replacements in a source file, and the program that must then fail."""

    name: str
    file: str  # below src
    changes: tuple[tuple[str, str], ...]  # PLANTED in a replacement: true if the fault is chosen
    program: str
    bound: int  # the number of preemptions at which it first fails
    says: str  # a substring of the failure


COUNT = "lane.drop(DropCause::QueueFull);\n"
KEEP = "      lane.kept"
LOCK_TO_CLOSE = (
    "  change(whom, [&](Aftermath& after) FRESHFRAME_REQUIRES(mutex_) {\n    stop_.close(how, deadline);\n"
)
TELL = "  if (put.moves) note_move();\n  if (wake) ready_.notify_one();\n"

FAULTS = (
    Fault(
        "a producer is not told that there is room",
        "core/edge/take.cpp",
        (
            (
                "  if (after.wakes != nullptr) std::exchange",
                "  if (after.wakes != nullptr && !PLANTED) std::exchange",
            ),
        ),
        "BlocksTakeEnd",
        0,
        "lost wake-up",
    ),
    Fault(
        "a consumer looks, gives the mutex up, and sleeps without another look",
        "core/edge/take.cpp",
        (
            (
                "  const bool in_time = awake() || ready_.wait_until(mutex_, *clock_, deadline, awake);\n",
                """\
  bool in_time = awake();
  if (!in_time && PLANTED) {
    mutex_.unlock();
    mutex_.lock();
    bool first = true;
    const auto blind = [&] { return !std::exchange(first, false) && awake(); };
    in_time = ready_.wait_until(mutex_, *clock_, deadline, blind);
  }
  if (!in_time) in_time = ready_.wait_until(mutex_, *clock_, deadline, awake);
""",
            ),
        ),
        "LatestTakeClose",
        1,
        "lost wake-up",
    ),
    Fault(
        "a drop is counted without the mutex",
        "core/edge/inbox.cpp",
        (
            (
                "inline void Inbox::put_sample_locked(",
                "static Lane* later = nullptr;\n\ninline void Inbox::put_sample_locked(",
            ),
            (
                f"      {COUNT}{KEEP}",
                f"      PLANTED ? (void)(later = &lane) : {COUNT}{KEEP}",
            ),
            (
                TELL,
                "  if (PLANTED && later) std::exchange(later, nullptr)->drop(DropCause::QueueFull);\n" + TELL,
            ),
        ),
        "TwoNewestTake",
        0,
        "data race",
    ),
    Fault(
        "close() wakes the consumer before it says that it is closed",
        "core/edge/inbox.cpp",
        (
            (
                LOCK_TO_CLOSE,
                f"  if (PLANTED) ready_.notify_all();\n  is_silent = PLANTED;\n{LOCK_TO_CLOSE}",
            ),
            ("  ready_.notify_all();\n  if (hook)", "  if (!is_silent) ready_.notify_all();\n  if (hook)"),
            ("void Inbox::change(", "static bool is_silent = false;\n\nvoid Inbox::change("),
        ),
        "LatestTakeClose",
        1,
        "lost wake-up",
    ),
    Fault(
        "the sample of a producer that waits is counted nowhere when its edge goes",
        "core/edge/lanes.cpp",
        (
            (
                "      lane->drop(DropCause::Removed);\n",
                "      if (!PLANTED) lane->drop(DropCause::Removed);\n",
            ),
        ),
        "BlocksRemove",
        0,
        "do not balance",
    ),
    Fault(
        "a lane goes while its producer waits there",
        "core/edge/lanes.cpp",
        (("lane->ready || lane->producer_waits)", "lane->ready || (lane->producer_waits && !PLANTED))"),),
        "SourceEndsWhileWaiting",
        0,
        "",  # a crash, or a use after free
    ),
    Fault(
        "a producer that has only spun is counted as waiting for ever",
        "core/edge/inbox.cpp",
        (
            (
                "  lanes_.end_wait(lane);\n",
                "  sleeps || !PLANTED ? lanes_.end_wait(lane) : (void)(lane.producer_waits = false);\n",
            ),
        ),
        "BlocksTakeEnd",
        0,
        "lost wake-up",
    ),
    Fault(
        "a consumer that was woken too early is not asleep again",
        "core/edge/take.cpp",
        (
            (
                "    consumer_asleep_ = !ready();  // reset",
                "    if (PLANTED) return ready();\n    consumer_asleep_ = !ready();  // reset",
            ),
            (
                "    return !consumer_asleep_;\n  };\n",
                "    return !consumer_asleep_;\n  };\n  if (PLANTED) consumer_asleep_ = true;\n",
            ),
        ),
        "DropSourceTake",
        1,
        "slept until its deadline",
    ),
    Fault(
        "a batch that cannot grow is not told",
        "core/edge/inbox.cpp",
        (("|| room_.left == 0)", "|| (room_.left == 0 && !PLANTED))"),),
        "BatchFullBelowSize",
        0,
        "slept until its deadline",
    ),
    Fault(
        "a delivery is counted without the mutex",
        "core/edge/take.cpp",
        (
            ("  ++lane.counts.delivered;\n", "  if (!PLANTED) ++lane.counts.delivered;\n"),
            (
                "  tell_producers(out);\n  taken_at_",
                "  if (PLANTED) ++out.latest.edge->lanes.front()->counts.delivered;\n"
                "  tell_producers(out);\n  taken_at_",
            ),
        ),
        "LatestNewestRemove",
        1,
        "data race",
    ),
    Fault(
        "a producer is not woken when its edge goes",
        "core/edge/inbox.cpp",
        (
            (
                "    edge->room.notify_all();\n    if (sets_) sets_->end",
                "    if (!PLANTED) edge->room.notify_all();\n    if (sets_) sets_->end",
            ),
        ),
        "BlocksRemove",
        0,
        "lost wake-up",
    ),
)


def plant(source: Path, folder: Path) -> None:
    """Writes the changed files to `folder`.

    Raises:
        ValueError: A text does not occur exactly once.
    """
    files = {fault.file: (source / fault.file).read_text(encoding="utf-8") for fault in FAULTS}
    for number, fault in enumerate(FAULTS, 1):
        for text, planted in fault.changes:
            count = files[fault.file].count(text)
            if count != 1:
                here = f"a text of the fault '{fault.name}' in {Path(__file__).name}"
                message = f"{here} is {count} times in {fault.file}, not once: {text!r}"
                raise ValueError(message)
            chosen = planted.replace("PLANTED", f"freshframe_planted({number})")
            files[fault.file] = files[fault.file].replace(text, chosen)
    for file, text in files.items():
        changed = folder / file
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text("bool freshframe_planted(int number);\n" + text, encoding="utf-8")


def trouble(fault: Fault, number: int, program: Path) -> str:
    """Returns an empty string if the program fails as it should, and again with the printed schedule."""
    chosen = [str(program), fault.program, "--fault", str(number)]
    run = subprocess.run(chosen, capture_output=True, text=True, check=False)
    first = run.stdout.splitlines()[0] if run.stdout else run.stderr
    if run.returncode == 0 or "FAILED" not in first:
        return f"it was not found: {first}"
    if f"at bound {fault.bound}," not in first or fault.says not in first:
        return f"it fails in another way: {first}"
    again = re.search(r"again: (?:\w+ )?--bound (\d+) --replay ([\d,]+)", run.stdout)
    if not again:
        return "no order is named"
    if "crash" in first:  # looking up the source lines of the schedule crashes, too
        return ""
    replayed = [*chosen, "--bound", again[1], "--replay", again[2]]
    output = subprocess.run(replayed, capture_output=True, text=True, check=False).stdout
    what = first.partition(": ")[2]
    return (
        "" if f"which gives: {what}" in output else f"the named order gives something else: {output[-400:]}"
    )


def check(program: Path) -> int:
    """Returns how each fault was found. Every tier except `all` checks one fault in three."""
    bad = 0
    step = 1 if os.environ.get("FRESHFRAME_TEST_TIER", "all") in ("all", "full") else 3
    for number, fault in list(enumerate(FAULTS, 1))[::step]:
        text = trouble(fault, number, program)
        bad += text != ""
        print(f"{fault.name}: {text or f'found by {fault.program}'}", flush=True)
    return 1 if bad else 0


def main() -> int:
    """Plants, or checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    planting = verbs.add_parser("plant")
    planting.add_argument("source", type=Path)
    planting.add_argument("folder", type=Path)
    verbs.add_parser("check").add_argument("program", type=Path)
    options = parser.parse_args()
    if options.verb == "check":
        return check(options.program.resolve())
    try:
        plant(options.source, options.folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
