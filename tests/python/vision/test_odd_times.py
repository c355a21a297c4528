"""Classes with update(): timestamps of every unit, decreasing, repeated, NaN, infinite, and empty values."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import run_program

import freshframe as ff

ZONE = {"all": [(0, 0), (100, 0), (100, 100), (0, 100)], "half": [(0, 0), (50, 0), (50, 100), (0, 100)]}
UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
NOW = 1.76e9  # seconds of Unix time


def boxes(n: int = 1, *, ids: bool = True) -> ff.Detections:
    return ff.Detections([[40, 40, 60, 60]] * n, [0.9] * n, tracker_id=list(range(1, n + 1)) if ids else None)


def circles(n: int = 1) -> ff.Circles:
    return ff.Circles([[50, 50, 9]] * n, tracker_id=list(range(1, n + 1)))


FRAME = ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray")
GROUND = ff.Ground([(0, 100), (100, 100), (100, 20), (0, 20)], [(0, 0), (5, 0), (5, 9), (0, 9)])
# Functions that make update(value, pts), and values, the first of which is empty.
UPDATES: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "ZoneCounter": (
        lambda: ff.ZoneCounter(ZONE).update,
        [boxes(0), boxes(), boxes(3), circles(0), circles(2)],
    ),
    "ZoneCounter loiter": (
        lambda: ff.ZoneCounter(ZONE, loiter_after=1, max_gap=1e6).update,
        [boxes(0), boxes()],
    ),
    "ZoneCounter short": (lambda: ff.ZoneCounter(ZONE, max_gap=1e-9).update, [boxes(0), boxes(2)]),
    "LineCounter": (lambda: ff.LineCounter((0, 50), (100, 50)).update, [boxes(0), boxes(), circles(2)]),
    "BoxTracker": (lambda: ff.BoxTracker().update, [boxes(0, ids=False), boxes(3, ids=False)]),
    "BoxTracker ground": (
        lambda: ff.BoxTracker(ground=GROUND, max_gap=1e6).update,
        [boxes(0, ids=False), boxes()],
    ),
    "CircleTracker": (lambda: ff.CircleTracker(full_every=0.5).update, [FRAME, FRAME]),
    "Annotate": (lambda: draw, [boxes(0), boxes(2), circles(0), circles(2)]),
}
ANNOTATE = ff.Annotate(trail=1.0)


def draw(value: Any, *, pts: float) -> Any:
    return ANNOTATE.draw(FRAME, value, pts=pts)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", UPDATES)
def test_a_step_back_to_an_empty_value_is_survived_in_each_unit(name: str, unit: str) -> None:
    update, values = UPDATES[name][0](), UPDATES[name][1]
    scale = UNITS[unit]

    def call(value: Any, seconds: float) -> None:
        if unit == "seconds" or name == "Annotate":
            update(value, pts=seconds * scale)
            return
        with pytest.raises(
            ff.FreshframeError, match=f"pts must be in seconds.*a Unix time in {unit}: divide it by"
        ):
            update(value, pts=seconds * scale)

    for k in range(5):
        call(values[1], NOW + 0.04 * k)
    call(values[0], NOW)
    call(values[1], NOW)


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("pts", [1e12, -1e12, 1e18, 1.7e308, -1.7e308, math.nan, math.inf, -math.inf])
def test_a_time_of_no_clock_is_named_and_changes_nothing(name: str, pts: float) -> None:
    update, values = UPDATES[name][0](), UPDATES[name][1]
    update(values[1], pts=1.0)
    if name == "Annotate" and math.isfinite(pts):
        return  # it only stops drawing trails
    with pytest.raises(ff.FreshframeError, match="pts must be"):
        update(values[1], pts=pts)
    update(values[1], pts=1.1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", UPDATES)
def test_times_by_chance_end_in_results_or_errors_of_the_package(name: str, seed: int) -> None:
    by_chance = random.Random(seed)
    update, values = UPDATES[name][0](), UPDATES[name][1]
    times = [
        0.0,
        -0.0,
        1.0,
        -5.0,
        1e5,
        1e9,
        1e11,
        1e-300,
        5e-324,
        NOW,
        NOW * 1e3,
        NOW * 1e9,
        1e300,
        math.nan,
        math.inf,
    ]
    at = 0.0
    for _ in range(150):
        at = by_chance.choice([at, at + 0.04, at - 1, at + 1e6, by_chance.choice(times)])
        try:
            update(by_chance.choice(values), pts=at)
        except ff.FreshframeError as error:
            assert "pts" in str(error)  # noqa: PT017
            at = 0.0


def test_zones_count_the_same_whatever_the_step_back() -> None:
    for begin in (0.0, 100.0, NOW, 9.9e10):
        zones = ff.ZoneCounter(ZONE)
        for k in range(5):
            zones.update(boxes(), pts=begin + k)
        after = zones.update(boxes(0), pts=begin)["all"]
        assert (after.appeared, after.lost, list(after.inside)) == (1, 1, [])
        assert [(visit.tracker_id, visit.reason) for visit in after.visits] == [(1, "lost")]


def test_the_process_lives_with_nanoseconds() -> None:
    ended = run_program(
        "import freshframe as ff, time\n"
        f"zones = ff.ZoneCounter({ZONE!r})\n"
        "box = ff.Detections([[40, 40, 60, 60]], tracker_id=[1])\n"
        "for value in (box, box[:0], box):\n"
        "    try:\n"
        "        zones.update(value, pts=time.time_ns() - 10**9 * (len(value) == 0))\n"
        "    except ff.FreshframeError as error:\n"
        "        print(error)\n"
    )
    assert ended.code == 0
    assert ended.out.count("a Unix time in nanoseconds") == 3
