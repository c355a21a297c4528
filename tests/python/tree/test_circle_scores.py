"""The scores of bench/circles: worked examples that anyone can check by hand."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))

from _circle_scores import Found, Key, Truth, overlaps, score_detection, score_tracking

AT = (0.5, 0.8, 0.9)
ROWS = [[100.0, 100.0, 20.0], [200.0, 100.0, 30.0]]


def truth(rows: list[list[float]], ignored: list[bool] | None = None) -> Truth:
    count = len(rows)
    return Truth(
        np.array(rows).reshape(-1, 3),
        np.arange(1, count + 1),
        np.array(ignored or [False] * count, bool),
        np.ones(count),
    )


def found(frame: int, rows: list[list[float]], ids: tuple[int, ...] = ()) -> Found:
    return Found("vga_a", frame, np.array(rows, float).reshape(-1, 3), np.ones(len(rows)), ids)


def clip(frames: int, rows: list[list[float]]) -> dict[Key, Truth]:
    return {("vga_a", n): truth(rows) for n in range(frames)}


def test_discs_overlap_as_geometry_says() -> None:
    circle = np.array([[0.0, 0.0, 10.0]])
    others = np.array([[0, 0, 10], [0, 0, 5], [30, 0, 10], [20, 0, 10], [10, 0, 10]], float)
    half_way = (2 * np.pi / 3 - np.sqrt(3) / 2) / np.pi  # of one disc, shared by two a radius apart
    wanted = [1, 0.25, 0, 0, half_way / (2 - half_way)]
    assert overlaps(circle, others)[0] == pytest.approx(wanted)


def test_the_truth_itself_scores_one_everywhere() -> None:
    score = score_detection(clip(3, ROWS), [found(n, ROWS) for n in range(3)], AT)
    figures = score.figures(AT)
    assert [figures[key] for key in ("F1@0.5", "F1@0.8", "F1@0.9", "P", "R")] == [1] * 5
    assert (figures["centre_px"], figures["radius_px"], figures["circles"]) == (0, 0, 6)
    tracks = score_tracking(clip(3, ROWS), [found(n, ROWS, (7, 9)) for n in range(3)])
    assert [tracks[key] for key in ("IDF1", "HOTA", "MOTA", "IDSW", "FP", "FN")] == [1, 1, 1, 0, 0, 0]


def test_one_right_one_wrong_one_missed() -> None:
    score = score_detection(clip(1, ROWS), [found(0, [ROWS[0], [400, 300, 10]])], AT)
    assert (score.precision(0.8), score.recall(0.8), score.f1(0.8)) == (0.5, 0.5, 0.5)


def test_errors_are_medians_in_pixels_of_what_overlaps_by_half() -> None:
    score = score_detection(clip(1, ROWS), [found(0, [[103, 104, 20], [200, 100, 31]])], AT)
    assert score.hits == {0.5: 2, 0.8: 1, 0.9: 1}
    assert score.figures(AT)["centre_px"] == 2.5
    assert score.figures(AT)["radius_px"] == 0.5


def test_marked_truth_is_neither_missed_nor_does_it_make_a_circle_wrong() -> None:
    marked = {("vga_a", 0): truth(ROWS, [False, True])}
    for rows in (ROWS, ROWS[:1]):
        score = score_detection(marked, [found(0, rows)], AT)
        assert (score.precision(0.8), score.recall(0.8), score.counted) == (1, 1, 1)


def test_an_exchange_of_identities_half_way_costs_half_of_idf1() -> None:
    ids = [(1, 2), (1, 2), (2, 1), (2, 1)]
    tracks = score_tracking(clip(4, ROWS), [found(n, ROWS, ids[n]) for n in range(4)])
    assert (tracks["IDSW"], tracks["IDF1"], tracks["MOTA"]) == (2, 0.5, 0.75)
    assert tracks["HOTA"] == pytest.approx(np.sqrt(1 / 3), abs=1e-4)


def test_a_frame_without_tracks_misses_its_circles() -> None:
    tracks = score_tracking(clip(2, ROWS), [found(0, ROWS, (1, 2)), found(1, [])])
    assert (tracks["FN"], tracks["FP"], tracks["IDSW"], tracks["MOTA"]) == (2, 0, 0, 0.5)
