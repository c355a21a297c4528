"""The parts of the demo: its game loop, its comparison with the truth, its report."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff
from freshframe._cli.demo import report as demo_report
from freshframe._cli.demo.report import compare
from freshframe._cli.game import Diary, play
from freshframe._cli.quantile import quantile

SCENE = "demo:circles?fps=60&size=640x360&balls=3&seed=1"


class Truthful:
    """A sample with the true circles of the scene, shifted by `shift` pixels, with these IDs."""

    def __init__(
        self, seq: int, *, shift: float = 0.0, ids: Sequence[int] | None = None, only: int = 99
    ) -> None:
        self.seq = seq
        balls = ff.demo.circles(SCENE, seq)[:only]
        xyr = np.array([(ball.x + shift, ball.y, ball.r) for ball in balls], np.float32).reshape(-1, 3)
        known = [ball.id + 1 for ball in balls] if ids is None else list(ids)[: len(balls)]
        self.value = ff.Circles(xyr, np.ones(len(xyr), np.float32), tracker_id=np.array(known, np.int64))


def compared(*samples: Any) -> Any:
    return compare(SCENE, samples)


def test_the_truth_itself_is_found_completely_and_exactly() -> None:
    result = compared(*(Truthful(seq) for seq in range(50)))
    assert result.frames == 50
    assert result.found == result.balls > 0
    assert result.centre_error_px == pytest.approx(0, abs=1e-3)
    assert result.id_switches == 0


def test_an_error_of_two_pixels_is_an_error_of_two_pixels() -> None:
    result = compared(*(Truthful(seq, shift=2) for seq in range(50)))
    assert result.centre_error_px == pytest.approx(2, abs=1e-3)
    assert result.found_share == 1


def test_a_shape_that_is_not_found_or_far_off_is_missing() -> None:
    assert compared(*(Truthful(seq, only=0) for seq in range(10))).found == 0
    assert compared(*(Truthful(seq, shift=1000) for seq in range(10))).found == 0
    assert compared().found_share is None


def test_identities_that_change_are_counted() -> None:
    result = compared(Truthful(0, ids=[1, 2, 3]), Truthful(1, ids=[1, 2, 3]), Truthful(2, ids=[1, 9, 3]))
    assert result.id_switches == 1


@pytest.mark.repeats
def test_the_game_pulls_at_every_refresh_and_misses_none_when_it_is_fast() -> None:
    diary = play(0.25, lambda: None)
    assert len(diary.starts) + diary.missed == 15
    assert len(diary.pulls) == len(diary.starts)
    assert diary.starts == sorted(diary.starts)


@pytest.mark.repeats
def test_the_game_counts_every_refresh_that_a_slow_frame_misses() -> None:
    calls = 0

    def pull() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            time.sleep(0.1)  # six refreshes

    diary = play(0.5, pull)
    assert diary.missed >= 5
    assert len(diary.starts) + diary.missed == 30
    assert max(diary.frame_times) >= 0.1


@pytest.mark.repeats
def test_the_game_keeps_each_sample_once() -> None:
    class Fixed:
        age = 0.25

    one, two = Fixed(), Fixed()
    answers = iter([None, one, one, two])
    diary = play(0.5, lambda: next(answers, two))  # type: ignore[arg-type, return-value]
    assert [id(sample) for sample in diary.seen] == [id(one), id(two)]
    assert diary.ages == [0.25] * (len(diary.starts) - 1)


@pytest.mark.parametrize(
    ("share", "value"), [(0, 1), (0.5, 51), (0.99, 100), (1, 100)], ids=["min", "p50", "p99", "max"]
)
def test_quantiles(share: float, value: float) -> None:
    assert quantile(list(range(100, 0, -1)), share) == value
    assert quantile([], share) == 0


def edge(parent: str, child: str, passed_in: int, delivered: int, **drops: int) -> ff.stats.EdgeStats:
    dropped = sum(drops.values())
    edge = (
        parent,
        child,
        ff.LATEST,
        passed_in,
        delivered,
        0,
        dropped,
        drops.get("queue_full", 0),
        0,
        0.001,
        0.002,
    )
    return ff.stats.EdgeStats(*edge, drops)  # type: ignore[arg-type]


def node(**drops: int) -> ff.stats.NodeStats:
    dropped = sum(drops.values())
    node = ("ended", 100, 60.0, 0.5, 0.001, 0.002, 0.1, 0.2, 0, dropped, dropped)
    return ff.stats.NodeStats(*node, drops)  # type: ignore[arg-type]


def measured(
    edges: list[ff.stats.EdgeStats],
    *,
    late: int = 0,
    missed: int = 0,
    on_thread: demo_report.Live | None = None,
) -> demo_report.Measured:
    nodes = {
        "scene": node(**({"device": late} if late else {})),
        "tracker": node(),
        "sleeps": node(),
        "burns": node(),
    }
    gil, pool = ff.gil.GilStats(0.1, 0.2), ff.stats.PoolStats(10, 1, 10, 90, 0)
    removed = ff.stats.RemovedStats(0, 0, 0, 0, 0, 0, 0, 0, {}, {})
    stats = ff.stats.Stats(nodes, edges, gil, 15.0, 0, 0, pool, removed)
    report = ff.stats.Report(
        nodes, edges, gil, 15.0, 0, 0, pool, removed, complete=True, samples=300, failures=()
    )
    game = Diary([0.0, 1 / 60, 2 / 60], [1e-6] * 3, [0.01] * 3, [], missed)
    return demo_report.Measured(
        seconds=15,
        alone=Diary([0.0], [1e-7]),
        beside_burning=Diary([0.0], [1e-7], missed=1),
        game=game,
        on_thread=on_thread,
        stats=stats,
        accuracy=compare(SCENE, [Truthful(0)]),  # type: ignore[list-item]
        recording=report,
        peak_rss=100 << 20,
        video=Path("/v.mp4"),
        picture=Path("/p.png"),
    )


GOOD = [
    edge("scene", "tracker", 900, 900),
    edge("tracker", "sleeps", 900, 150, queue_full=750),
    edge("tracker", "burns", 900, 140, queue_full=760),
    edge("tracker", "game", 900, 890, skipped=10),
]


def test_the_report_explains_each_figure_on_one_screen() -> None:
    lines = demo_report.as_text(measured(GOOD))
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 110
    text = "\n".join(lines)
    for word in (
        "game",
        "freshness",
        "tracking",
        "GIL",
        "counters",
        "memory",
        "recorded",
        "/v.mp4",
        "/p.png",
    ):
        assert word in text
    assert "queue_full 750" in text
    assert "every sample is accounted for" in text
    assert "limits" not in text


def test_the_report_says_when_the_machine_was_too_slow() -> None:
    slow = [edge("scene", "tracker", 900, 800, queue_full=100), *GOOD[1:]]
    text = "\n".join(demo_report.as_text(measured(slow, late=7, missed=3)))
    assert "could not paint 7 frames" in text
    assert "The game missed 3 of 6 frames. Without video it misses 0 of 1, and 1 of 2 beside" in text
    assert "busy when 100 frames arrived" in text


def test_the_report_compares_a_process_with_a_thread() -> None:
    before = measured(GOOD)
    busy = Diary([0.0, 0.05, 0.06], [], [], [], 4)
    lines = demo_report.as_text(measured(GOOD, on_thread=demo_report.Live(before.stats, busy)))
    assert max(map(len, lines)) <= 110
    text = "\n".join(lines)
    assert (
        "on a thread it held the GIL for 1% of the time; the game's longest frame was 50.0 ms, 4 of 7 missed"
        in text
    )
    assert (
        "in a worker it held the GIL for 1% of the time; the game's longest frame was 16.7 ms, 0 of 3 missed"
        in text
    )
    assert "--process" not in text
    found = demo_report.as_json(measured(GOOD, on_thread=demo_report.Live(before.stats, busy)))["process"]
    assert found["thread"]["longest_frame"] == pytest.approx(0.05)
    assert found["worker"]["longest_frame"] == pytest.approx(1 / 60)
    assert demo_report.as_json(before)["process"] is None


def test_the_report_says_when_books_do_not_balance() -> None:
    wrong = [edge("scene", "tracker", 900, 899), *GOOD[1:]]
    assert "THEY DO NOT ADD UP" in "\n".join(demo_report.as_text(measured(wrong)))
    assert demo_report.as_json(measured(wrong))["books_balance"] is False
    assert demo_report.as_json(measured(GOOD))["books_balance"] is True
