"""The verdict of a benchmark's row: the conclusions that the noise allows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = str(Path(__file__).resolve().parents[3] / "bench")
sys.path.insert(0, BENCH)
from _measure import Row  # noqa: E402

sys.path.remove(BENCH)  # its other modules have names that tests may use


@pytest.mark.parametrize(
    ("value", "goal", "more", "verdict"),
    [
        (1.0, None, {}, ""),
        (1.0, 1.1, {"spread": 0.02}, "met"),
        (1.2, 1.1, {"spread": 0.02}, "missed"),
        (1.2, 1.1, {"spread": 0.02, "at_least": True}, "met"),
        (1.0, 1.1, {"spread": 0.2}, "no conclusion"),
        (0.5, 1.1, {"spread": 0.2}, "met"),
        (2.0, 1.1, {"spread": 0.2}, "missed"),
        (0.01, 0.02, {"spread": 0.2, "scale": 1.0}, "no conclusion"),  # a difference
        (1.0, 1.1, {"spread": float("nan")}, "no conclusion"),
        (1.0, 1.1, {"unclear": "the machine was busy"}, "no conclusion"),
    ],
)
def test_a_goal_within_the_spread_of_its_value_has_no_verdict(
    value: float, goal: float | None, more: dict[str, Any], verdict: str
) -> None:
    assert Row("row", {}, value, goal, **more).verdict == verdict
