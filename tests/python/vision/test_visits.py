"""Visits to a zone: how long, how they end, and that the counts add up."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random

import numpy as np
import pytest
from rigs.counting import ZONE, at

import freshframe as ff

INSIDE = (160.0, 120.0)
OUTSIDE = (20.0, 120.0)
GAP = 1.0


class Play:
    """A zone whose objects are given by time. Collects the visits and checks that the counts add up."""

    def __init__(self, **options: object) -> None:
        self.zone = ff.ZoneCounter({"till": ZONE}, max_gap=GAP, **options)  # type: ignore[arg-type]
        self.visits: list[ff.types.Visit] = []
        self.loitered: list[int] = []

    def see(self, time: float, **places: tuple[float, float]) -> ff.types.ZoneCounts:
        """Updates the zone with objects by names such as `o3`, where the number is the ID."""
        ids = [int(name[1:]) for name in places]
        counts = self.zone.update(at(*places.values(), ids=ids), pts=time)["till"]
        self.visits += counts.visits
        self.loitered += counts.loitered
        assert counts.entered + counts.appeared == counts.left + counts.lost + len(counts.inside)
        assert counts.left + counts.lost == len(self.visits)
        assert list(counts.dwell) == list(counts.inside)
        return counts


def test_a_visit_begins_at_the_border_and_ends_at_the_last_sight_inside() -> None:
    play = Play()
    play.see(0.0, o1=(60, 120))
    play.see(1.0, o1=(140, 120))  # the border is at 100: halfway
    assert play.see(1.5, o1=INSIDE).dwell == pytest.approx({1: 1.0})
    play.see(2.0, o1=OUTSIDE)
    (visit,) = play.visits
    assert (visit.tracker_id, visit.class_id, visit.reason) == (1, 0, "left")
    assert (visit.first_pts, visit.last_pts, visit.dwell) == pytest.approx((0.5, 1.5, 1.0))


def test_an_object_that_is_first_seen_inside_has_appeared() -> None:
    play = Play()
    play.see(3.0, o1=INSIDE)
    counts = play.see(4.0, o1=OUTSIDE)
    assert (counts.entered, counts.appeared, counts.left) == (0, 1, 1)
    assert play.visits == [ff.types.Visit(1, 0, 3.0, 3.0, "left")]


def test_unseen_time_counts_only_when_the_object_is_seen_inside_again() -> None:
    play = Play()
    play.see(0.0, o1=INSIDE)
    assert play.see(0.9).dwell == {1: 0.0}
    assert play.see(0.95, o1=INSIDE).dwell == {1: 0.95}
    assert play.see(1.9).dwell == {1: 0.95}
    assert play.see(2.0).inside == ()
    assert play.visits == [ff.types.Visit(1, 0, 0.0, 0.95, "lost")]


def test_the_visible_ones_are_those_of_inside_that_are_in_this_frame() -> None:
    play = Play()
    play.see(0.0, o1=INSIDE, o2=INSIDE, o3=OUTSIDE)
    counts = play.see(0.5, o2=INSIDE, o3=OUTSIDE)
    assert (counts.inside, counts.visible) == ((1, 2), (2,))
    counts = play.see(0.6, o1=INSIDE, o3=INSIDE)
    assert (counts.inside, counts.visible) == ((1, 2, 3), (1, 3))
    counts = play.see(0.7)
    assert (counts.inside, counts.visible) == ((1, 2, 3), ())


def test_an_object_on_the_border_is_visible_as_long_as_it_is_inside() -> None:
    play = Play()
    play.see(0.0, o1=INSIDE)
    on_border = (100.0, 120.0)
    counts = play.see(0.1, o1=on_border, o2=on_border)
    assert (counts.inside, counts.visible) == ((1,), (1,))


@pytest.mark.parametrize(("gap", "visits"), [(0.9, 0), (1.1, 1)])
def test_an_object_that_comes_back_goes_on_or_is_new(gap: float, visits: int) -> None:
    play = Play()
    play.see(0.0, o1=INSIDE)
    counts = play.see(gap * GAP, o1=INSIDE)
    assert len(play.visits) == visits
    assert counts.appeared == 1 + visits
    assert counts.dwell == {1: 0.0 if visits else 0.9}


def test_an_object_that_was_lost_and_is_seen_outside_has_one_end() -> None:
    play = Play()
    play.see(0.0, o1=INSIDE)
    counts = play.see(2.0, o1=OUTSIDE)
    assert (counts.left, counts.lost) == (1, 0)  # it did leave, and its visit was reported
    assert [visit.reason for visit in play.visits] == ["lost"]
    counts = play.see(2.5, o1=INSIDE)
    assert (counts.entered, counts.appeared) == (1, 1)


def test_a_way_through_the_zone_is_a_visit() -> None:
    play = Play()
    play.see(0.0, o1=(20, 120))
    play.see(1.0, o1=(300, 120))
    assert [visit.reason for visit in play.visits] == ["left"]


def test_a_step_back_in_time_ends_all_visits() -> None:
    play = Play()
    play.see(5.0, o1=INSIDE, o2=INSIDE)
    play.see(1.0, o1=INSIDE)
    assert [(visit.tracker_id, visit.reason) for visit in play.visits] == [(1, "lost"), (2, "lost")]


def test_loitering_is_told_once_per_visit() -> None:
    play = Play(loiter_after=2.0)
    for tenth in range(30):
        counts = play.see(tenth / 10, o1=INSIDE)
        assert counts.loitering == ((1,) if tenth >= 20 else ())
    assert play.loitered == [1]
    play.see(3.0, o1=OUTSIDE)
    for tenth in range(31, 60):
        play.see(tenth / 10, o1=INSIDE)
    assert play.loitered == [1, 1]


def test_loiter_may_differ_by_class() -> None:
    play = Play(loiter_after={"ball": 0.5, "car": 0.1})
    play.see(0.0, o1=INSIDE)
    assert play.see(0.4, o1=INSIDE).loitering == ()
    assert play.see(0.5, o1=INSIDE).loitering == (1,)
    others = Play(loiter_after={"car": 0.1})
    others.see(0.0, o1=INSIDE)
    assert others.see(0.9, o1=INSIDE).loitering == ()


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_dropped_frames_change_a_visit_by_an_interval_at_each_end(share: float) -> None:
    chance = random.Random(3)
    for _ in range(20):
        play = Play()
        came, went = 1 + chance.random(), 6 + 3 * chance.random()
        seen, longest = 0.0, 0.0
        for n in range(400):
            time = n / 30
            if chance.random() < share:
                continue
            longest, seen = max(longest, time - seen), time
            play.see(time, o1=INSIDE if came <= time < went else OUTSIDE)
        (visit,) = play.visits
        assert abs(visit.dwell - (went - came)) <= 2 * longest


def test_numbers_that_cannot_be_are_said() -> None:
    for loiter in (0, -1, float("nan"), {"ball": 0}):
        with pytest.raises(ff.OptionError, match="loiter"):
            ff.ZoneCounter({"till": ZONE}, loiter_after=loiter)
    with pytest.raises(ff.OptionTypeError, match="loiter"):
        ff.ZoneCounter({"till": ZONE}, loiter_after="long")  # type: ignore[arg-type]


def test_visits_survive_an_edge_that_drops_them_and_a_file_has_them() -> None:
    source = [at(INSIDE), at(OUTSIDE), at(INSIDE), at(OUTSIDE)]
    samples = ff.testing.run_node(ff.ZoneCounter({"till": ZONE}), source)
    assert [len(sample.value["till"].visits) for sample in samples] == [0, 1, 0, 1]


def test_loiter_for_a_class_that_cannot_be_is_refused() -> None:
    with pytest.raises(
        ff.FreshframeError,
        match=r"loiter_after= for the class 'persn', but the detector has no such class \(ball, car\)",
    ):
        Play(loiter_after={"persn": 15}).see(0.0, o1=INSIDE)
    zone = ff.ZoneCounter({"till": ZONE}, loiter_after={"ball": 1})
    with pytest.raises(ff.FreshframeError, match="circles have none"):
        zone.update(ff.CircleTracker().update(np.zeros((48, 64), np.uint8), pts=0), pts=0)
