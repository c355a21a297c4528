"""Checks that every frame of the counting cameras was read or is in a counter of the fleet.

For each run, and for all of them together:

    frames made == read + counted + untold

`frames made` is the camera's own count. `counted` is the sum of the public counters of the fleet. `untold`
can occur only in runs whose agent was killed: frames that were made after its last report.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .counted_camera import CountedRun
from .rules import Result, Verdict

_LOSSES = ("outbox_full", "expired", "fenced", "lost_with_agent", "waiting")
_REPORTS_EVERY = 2.5  # seconds: an agent that has not reported for 2.0 s is killed within 0.5 s
_Run = tuple[int, int]  # camera, epoch


@dataclass(frozen=True)
class Entry:
    """What the fleet knew about a run at its end."""

    reported: int
    lost: bool  # it ended with its agent


def read_ledger(path: Path) -> dict[_Run, Entry]:
    """Reads the lines that the program under test has written: one for each end of a run."""
    ledger: dict[_Run, Entry] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        camera, epoch, reported, lost = json.loads(line)
        run = (camera, epoch)
        if reported is not None or run not in ledger:  # a run that has ended may be reported again
            ledger[run] = Entry(reported or 0, lost)
    return ledger


def check_accounts(
    verdict: Verdict,
    runs: Sequence[CountedRun],
    results: Sequence[Result],
    ledger: Mapping[_Run, Entry],
    counters: Mapping[str, int],
    fps: float,
) -> None:
    """Applies the rule.

    Args:
        verdict: Findings and figures are added to it.
        runs: The counts of the cameras.
        results: Results of these cameras, as they were read.
        ledger: What the fleet knew about each run.
        counters: Those of the reader, and `dropped` and `unreported_possible`.
        fps: Frames per second of each camera.
    """
    read = Counter((result.camera, result.epoch) for result in results)
    made = {(run.camera, run.epoch): run.frames for run in runs}
    _check_origin(verdict, results, made)
    untold, uncounted, killed = 0, 0, 0
    for run in runs:
        key = (run.camera, run.epoch)
        entry = ledger.get(key, Entry(0, lost=not run.ended))
        missing = run.frames - entry.reported
        if entry.reported < read[key]:
            verdict.fail("account", run.camera, f"epoch {run.epoch}: more results came than were reported")
        if missing < 0:
            verdict.fail("account", run.camera, f"epoch {run.epoch}: more was reported than frames were made")
        if not entry.lost:
            uncounted += missing
            continue
        untold += missing
        killed += 1
        if missing > _REPORTS_EVERY * fps + 1:
            verdict.fail("account", run.camera, f"epoch {run.epoch}: {missing} frames were never reported")
    if uncounted != counters["dropped"]:
        verdict.fail(
            "account",
            None,
            f"{uncounted} frames of runs that ended in order are in no outbox, {counters['dropped']} are "
            "counted as dropped",
        )
    possible = counters["unreported_possible"]
    if killed > possible:
        text = f"{killed} runs ended with their agents, {possible} are counted as possible"
        verdict.fail("account", None, text)
    counted = counters["dropped"] + sum(counters[name] for name in _LOSSES)
    total = sum(made.values())
    if total != len(results) + counted + untold:
        verdict.fail(
            "account",
            None,
            f"{total} frames were made, {len(results)} were read, {counted} are counted, {untold} were not "
            "reported by killed agents",
        )
    verdict.figures |= {
        "counted_cameras_frames_made": total,
        "counted_cameras_results_read": len(results),
        "counted_cameras_frames_counted": counted,
        "counted_cameras_untold_by_killed_agents": untold,
        "counted_cameras_runs": len(runs),
        "counted_cameras_runs_killed": killed,
    }


def _check_origin(verdict: Verdict, results: Iterable[Result], made: Mapping[_Run, int]) -> None:
    for result in results:
        last = made.get((result.camera, result.epoch), 0)
        if result.stamp != result.camera or not 0 < result.frame <= last:
            text = f"frame {result.frame} of camera {result.stamp} was not made in epoch {result.epoch}"
            verdict.fail("origin", result.camera, text)
