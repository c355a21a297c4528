"""How well freshframe and its peers search single frames, by group of frames, and how long it takes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from _circle_peers import EDCIRCLES_SPEED, PUBLIC_SET, edcircles, gray_of, hough_finders
from _circle_scores import Found, score_detection
from _circle_set import KINDS, MAX_CIRCLES, RADIUS, STRIDE, CircleSet, Gray, pictures, run
from _measure import Result, Row, median, spread, take_turns

import freshframe as ff

OVERLAPS = (0.5, 0.8, 0.9)
ENOUGH = 200  # counted circles; in smaller groups a few decide
OURS = "freshframe"
F1_GOAL, F1_STRICT_GOAL, PRECISION_GOAL = 0.85, 0.79, 0.90
CENTRE_GOAL, RADIUS_GOAL = 0.17, 0.11  # pixels
JUDGED = ("VGA video", "720p video", "stills")
# Times as fast as HoughCircles ALT: by mean, by median.
SPEED_GOALS = {"VGA video": (5.0, 4.0), "720p video": (8.0, None)}

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Searched:
    """What every detector found on every STRIDE-th frame."""

    by_detector: dict[str, list[Found]]

    @property
    def ours(self) -> list[Found]:
        """Freshframe's."""
        return self.by_detector[OURS]


def search(circles: CircleSet) -> Searched:
    """Runs all detectors over the set."""
    finders = hough_finders()
    found: dict[str, list[Found]] = {OURS: [], **{peer: [] for peer in finders}}
    for sequence in circles.sequences.values():
        node = ff.CircleDetector(radius=RADIUS, max_circles=MAX_CIRCLES)
        found[OURS] += run(sequence, node)[0][::STRIDE]
        for number, frame in pictures(sequence):
            gray = gray_of(frame.bgr)
            for peer, find in finders.items():
                xyr = find(gray).astype(np.float64)
                found[peer].append(Found(sequence.name, number, xyr, np.ones(len(xyr))))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Searched(found)


def by_group(circles: CircleSet, records: Iterable[Found]) -> dict[str, Figures]:
    """Figures of one detector for each group."""
    members: defaultdict[str, list[Found]] = defaultdict(list)
    for found in records:
        for group in circles.sequences[found.sequence].groups:
            members[group].append(found)
    return {
        group: score_detection(circles.truth, of_group, OVERLAPS).figures(OVERLAPS)
        for group, of_group in members.items()
    }


def add_accuracy(result: Result, circles: CircleSet, searched: Searched) -> None:
    """Rows of figures, group by group, then of goals."""
    figures = {name: by_group(circles, records) for name, records in searched.by_detector.items()}
    if circles.checksum.startswith(PUBLIC_SET):
        figures["EDCircles (quoted)"] = {g: q for g in figures[OURS] if (q := edcircles(g))}
    shown = ["all", *KINDS.values()]
    shown += sorted(g for g, f in figures[OURS].items() if g not in shown and f["circles"] >= ENOUGH)
    for group in shown:
        for name, of_group in figures.items():
            if group in of_group:
                result.add(Row(f"{group}: {name}", of_group[group]))
    ours = figures.pop(OURS)
    for group in (g for g in JUDGED if g in ours):
        for key, goal in (("F1@0.8", F1_GOAL), ("F1@0.9", F1_STRICT_GOAL), ("P", PRECISION_GOAL)):
            result.add(Row(f"{key}, {group}", {}, ours[group][key], goal, at_least=True))
    for group in (g for g in shown if g in ours and ours[g]["circles"] >= ENOUGH):
        margins = {
            (name, overlap): ours[group][f"F1@{overlap}"] - of_group[group][f"F1@{overlap}"]
            for name, of_group in figures.items()
            if group in of_group
            for overlap in OVERLAPS
        }
        name, overlap = min(margins, key=lambda key: margins[key])
        closest: dict[str, Any] = {"closest": f"{name} at {overlap}"}
        result.add(
            Row(f"F1 above the best peer's, {group}", closest, margins[name, overlap], 0.0, at_least=True)
        )
    for key, goal in (("centre_px", CENTRE_GOAL), ("radius_px", RADIUS_GOAL)):
        result.add(Row(f"median error, {key}", {}, ours["all"].get(key), goal))


def add_times(result: Result, circles: CircleSet, rounds: int) -> None:
    """Rows of times on the same gray arrays, detector after detector on each, and of goals."""
    for prefix, (mean_goal, median_goal) in (
        (k, SPEED_GOALS[v]) for k, v in KINDS.items() if v in SPEED_GOALS
    ):
        group = KINDS[prefix]
        grays = [
            gray_of(frame.bgr)
            for sequence in circles.clips
            if sequence.kind == prefix
            for _, frame in pictures(sequence)
        ]
        if not grays:
            continue
        times = on_one_core(lambda grays=grays: _race(grays, rounds))  # type: ignore[misc]
        again = times.pop("again")
        restless = spread(times[OURS], again)
        for name, ms in times.items():
            result.add(Row(f"{group}, ms: {name}", _spread_of(ms), spread=restless if name == OURS else None))
        alternative = times["HoughCircles ALT"]
        by_mean = float(np.mean(alternative) / np.mean(times[OURS]))
        by_median = median(alternative) / median(times[OURS])
        quoted_mean, quoted_median = EDCIRCLES_SPEED[group]
        for how, value, goal, quoted in (
            ("mean", by_mean, mean_goal, quoted_mean),
            ("median", by_median, median_goal, quoted_median),
        ):
            figures = {"EDCircles (quoted)": round(quoted, 2)}
            least = max(quoted, goal or 0.0)
            result.add(Row(f"times as fast as ALT, {group}, {how}", figures, value, least, True, restless))


def _race(grays: list[Gray], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of the processor per picture, the median of the rounds."""

    def timed(find: Callable[[Gray], Any], gray: Gray) -> float:
        start = time.thread_time()
        find(gray)
        return 1e3 * (time.thread_time() - start)

    ours = ff.CircleDetector(radius=RADIUS, max_circles=MAX_CIRCLES).detect
    finders: dict[str, Callable[[Gray], Any]] = {OURS: ours, **hough_finders(), "again": ours}
    times: dict[str, list[float]] = {name: [] for name in finders}
    for gray in grays:
        kinds = {name: lambda f=find, g=gray: timed(f, g) for name, find in finders.items()}
        for name, of_rounds in take_turns(kinds, rounds, quiet=True).items():
            times[name].append(median(of_rounds))
    return times


def _spread_of(ms: list[float]) -> dict[str, float]:
    quantiles = np.quantile(ms, [0.5, 0.99])
    return {"mean": float(np.mean(ms)), "p50": float(quantiles[0]), "p99": float(quantiles[1])}


def on_one_core(work: Callable[[], dict[str, list[float]]]) -> dict[str, list[float]]:
    """Does the work on one core, so that no library gains from threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        return work()
    finally:
        os.sched_setaffinity(0, before)
