"""The ages of bench/freshness: worked examples that anyone can check by hand."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rigs.live.truth.log import Sent, SentLog

BENCH = str(Path(__file__).resolve().parents[3] / "bench")
sys.path.insert(0, BENCH)
from _freshness_runs import hidden, judged  # noqa: E402

sys.path.remove(BENCH)  # its other modules have names that tests may use

# A film of two pictures, shown twice at one per second.
LOG = SentLog(
    [Sent(0, place % 2, place, 10.0 + place, 10.0 + place, 10.1 + place, 1, 0) for place in range(4)]
)


def test_ages_count_from_the_first_packet_of_the_newest_picture_with_that_number() -> None:
    run = judged(["9.0 0 ", "10.2 0 10.15", "13.5 1 13.1"], LOG)
    assert run.ages == pytest.approx([200, 500])
    assert run.hidden == pytest.approx([150, 100])
    assert (run.torn, run.failed) == (0, "")


def test_the_first_second_and_what_came_before_the_end_of_a_pause_do_not_count() -> None:
    lines = ["10.2 0 ", "11.1 1 ", "12.4 0 ", "13.7 1 "]
    assert judged(lines, LOG).ages == pytest.approx([400, 700])
    assert judged(lines, LOG, begin=13.0).ages == pytest.approx([700])
    assert judged(lines[:2], LOG).failed == "no whole picture"


def test_a_torn_picture_is_counted_and_has_no_age() -> None:
    run = judged(["10.2 0 ", "11.5 -1 ", "12.5 0 "], LOG)
    assert run.torn == 1
    assert run.ages == pytest.approx([500])
    assert run.hidden == []


@pytest.mark.parametrize(("captured", "seconds"), [(9.9, -0.1), (10.0, 0), (10.3, 0), (10.4, 0), (10.6, 0.2)])
def test_what_lies_between_the_camera_and_the_first_packet_is_not_hidden(
    captured: float, seconds: float
) -> None:
    assert hidden(captured, Sent(0, 1, 1, 10.0, 10.4, 10.5, 1, 0)) == pytest.approx(seconds)
