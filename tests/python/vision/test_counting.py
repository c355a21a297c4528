"""LineCounter and ZoneCounter: the counts, even when frames are dropped."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import random
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from rigs.counting import LINE, ZONE, at
from support import Push

import freshframe as ff


def walk(counter: Any, *places: tuple[float, float], start: float = 0.0) -> Any:
    counts = None
    for n, place in enumerate(places):
        counts = counter.update(at(place), pts=start + n / 10)
    return counts


def test_a_thing_that_crosses_is_counted_once_in_its_direction() -> None:
    counts = walk(ff.LineCounter(*LINE), (50, 60), (60, 100), (70, 140), (80, 180), (90, 230))
    assert (counts.forward, counts.backward) == (1, 0)
    counts = walk(ff.LineCounter(*LINE), (50, 180), (60, 60), (70, 180))
    assert (counts.forward, counts.backward) == (1, 1)
    counts = walk(ff.LineCounter(LINE[1], LINE[0]), (50, 60), (70, 180))
    assert (counts.forward, counts.backward) == (0, 1)


def test_a_crossing_says_who_where_and_when() -> None:
    counter = ff.LineCounter(*LINE)
    assert counter.update(at((50, 90)), pts=1).crossings == ()
    counts = counter.update(at((80, 180)), pts=2)
    (crossing,) = counts.crossings
    assert (crossing.tracker_id, crossing.class_id, crossing.forward) == (1, 0, True)
    assert crossing.point == pytest.approx((60, 120))
    assert crossing.pts == pytest.approx(1 + 1 / 3)
    assert counts.by_class == {"ball": (1, 0)}
    assert (counts.start, counts.end) == LINE
    assert counts.tracks.tracker_id is not None
    assert counts.tracks.tracker_id.tolist() == [1]
    assert counter.update(at((80, 190)), pts=3).crossings == ()


def test_a_crossing_has_the_name_of_its_class() -> None:
    def cross(counter: Any, tracks: Any) -> ff.types.Crossing:
        last = [counter.update(each, pts=n / 10) for n, each in enumerate(tracks)][-1]
        crossings: tuple[ff.types.Crossing, ...]
        crossings = (last["till"] if isinstance(counter, ff.ZoneCounter) else last).crossings
        return crossings[0]

    for counter in (ff.LineCounter(*LINE), ff.ZoneCounter({"till": ZONE})):
        ways = [at((160, 30)), at((160, 150))]
        assert cross(counter, ways).class_name == "ball"
    car, odd, unnamed = (
        [dataclasses.replace(each, class_id=np.array([number]), names=names) for each in ways]
        for number, names in ((1, ("ball", "car")), (7, ("ball",)), (1, None))
    )
    assert cross(ff.LineCounter(*LINE), car).class_name == "car"
    assert cross(ff.LineCounter(*LINE), odd).class_name == "7"
    assert cross(ff.LineCounter(*LINE), unnamed).class_name is None
    circles = [ff.Circles([[160, y, 5]], tracker_id=[1]) for y in (30, 150)]
    assert cross(ff.LineCounter(*LINE), circles).class_name is None


def test_a_way_around_the_line_is_no_crossing() -> None:
    short = ff.LineCounter((100, 120), (200, 120))
    counts = walk(short, (50, 60), (50, 180), (150, 180), (150, 60))
    assert (counts.forward, counts.backward) == (0, 1)


def test_what_wavers_on_the_line_is_counted_once() -> None:
    places = [(50.0, 60.0), *((50.0, 120 + 0.9 * (-1) ** n) for n in range(20)), (50.0, 180.0)]
    counts = walk(ff.LineCounter(*LINE), *places)
    assert (counts.forward, counts.backward) == (1, 0)
    counts = walk(ff.LineCounter(*LINE), *places[:-1], (50.0, 60.0))
    assert (counts.forward, counts.backward) == (0, 0)
    counts = walk(ff.LineCounter(*LINE, margin=0.5), *places)
    assert counts.forward > 5


def test_the_lower_edge_of_a_thing_may_be_what_crosses() -> None:
    places = [(50.0, 90.0), (50.0, 115.0)]
    assert walk(ff.LineCounter(*LINE), *places).forward == 0
    assert walk(ff.LineCounter(*LINE, anchor="bottom"), *places).forward == 1


def test_a_thing_that_is_new_beyond_the_line_has_not_crossed() -> None:
    counter = ff.LineCounter(*LINE)
    counter.update(at((50, 60), ids=[1]), pts=0)
    assert counter.update(at((50, 180), ids=[2]), pts=0.1).forward == 0


def test_objects_of_one_result_are_inside_as_for_the_zone() -> None:
    corners = [(100.0, 60.0), (220.0, 60.0), (160.0, 120.0), (220.0, 180.0), (100.0, 180.0)]
    chance = np.random.default_rng(2)
    boxes = at(*((float(x), float(y)) for x, y in chance.uniform(50, 250, (300, 2))))
    for anchor in ("center", "bottom"):
        zone = ff.ZoneCounter({"till": corners}, anchor=anchor, margin=0)
        ids = zone.update(boxes, pts=0)["till"].inside
        assert boxes.tracker_id is not None
        found = boxes.inside(corners, anchor=anchor)
        assert boxes.tracker_id[found].tolist() == list(ids)
        assert 20 < found.sum() < 200
    circles = ff.Circles(np.array([[150, 100, 30], [150, 90, 10]], np.float32), np.ones(2, np.float32))
    assert circles.inside(corners).tolist() == [True, True]
    assert circles.inside(corners, anchor="bottom").tolist() == [True, True]
    assert circles.inside([(0, 0), (300, 0), (300, 110), (0, 110)], anchor="bottom").tolist() == [
        False,
        True,
    ]
    assert boxes[[]].inside(corners).shape == (0,)
    with pytest.raises(ff.OptionError, match="at least 3"):
        boxes.inside(corners[:2])
    with pytest.raises(ff.OptionError, match="anchor must be"):
        boxes.inside(corners, anchor="top")  # type: ignore[arg-type]


def test_after_a_step_back_in_time_all_things_are_new_and_counts_go_on() -> None:
    counter = ff.LineCounter(*LINE)
    walk(counter, (50, 60), (50, 180))
    counts = walk(counter, (50, 60), (50, 180), start=-5.0)
    assert counts.forward == 2
    assert counter.update(at((50, 60)), pts=-10).backward == 0


def test_a_zone_has_the_ids_inside_and_those_that_went_in_and_out() -> None:
    counter = ff.ZoneCounter({"till": ZONE}, max_gap=0.5)
    counts = walk(counter, (20, 120), (60, 120), (150, 120))["till"]
    assert (counts.entered, counts.left, counts.inside) == (1, 0, (1,))
    assert counts.crossings[0].point == pytest.approx((100, 120))
    assert counter.update(at(), pts=0.6)["till"].inside == (1,)
    assert counter.update(at(), pts=1)["till"].inside == ()
    counts = counter.update(at((300, 120)), pts=1.1)["till"]
    assert (counts.entered, counts.left, counts.inside) == (1, 1, ())


def test_a_way_through_the_zone_between_two_sightings_counts() -> None:
    counts = walk(ff.ZoneCounter({"till": ZONE}), (20, 120), (300, 120))["till"]
    assert (counts.entered, counts.left) == (1, 1)
    assert [crossing.forward for crossing in counts.crossings] == [True, False]
    # It only touches the border.
    counts = walk(ff.ZoneCounter({"till": ZONE}), (20, 59.5), (300, 60.5))["till"]
    assert (counts.entered, counts.left) == (0, 0)
    bay = [(0, 0), (100, 0), (100, 100), (60, 100), (60, 20), (40, 20), (40, 100), (0, 100)]
    counts = walk(ff.ZoneCounter({"till": bay}, margin=2), (20, 60), (80, 60))["till"]
    assert (counts.entered, counts.left) == (1, 1)


def test_an_object_inside_from_the_start_has_not_entered() -> None:
    counts = walk(ff.ZoneCounter({"till": ZONE}), (150, 120), (160, 120))["till"]
    assert (counts.entered, counts.inside) == (0, (1,))


# --- frames that are dropped --------------------------------------------------------------------------------

SCENE = "demo:circles?pace=0&frames=600&fps=30&size=640x360&balls=8&seed={seed}"
FRAMES = 600


def truth(seed: int) -> list[ff.Circles]:
    url = SCENE.format(seed=seed)
    frames = []
    for seq in range(FRAMES):
        balls = ff.demo.circles(url, seq)
        xyr = np.array([[ball.x, ball.y, ball.r] for ball in balls], np.float32).reshape(-1, 3)
        frames.append(
            ff.Circles(
                xyr, np.ones(len(balls), np.float32), tracker_id=np.array([b.id for b in balls], np.int64)
            )
        )
    return frames


def kept(share: float, seed: int) -> list[int]:
    chance = random.Random(seed)
    return [n for n in range(FRAMES) if chance.random() < share]


def crossed(counter: Any, frames: list[ff.Circles], which: list[int]) -> Counter[tuple[int, bool]]:
    """Returns the number of crossings of each object in each direction."""
    found: Counter[tuple[int, bool]] = Counter()
    for n in which:
        counts = counter.update(frames[n], pts=n / 30)
        if isinstance(counts, ff.types.Zones):
            counts = counts["till"]
        found.update((crossing.tracker_id, crossing.forward) for crossing in counts.crossings)
    total = (
        (counts.forward, counts.backward)
        if isinstance(counts, ff.types.LineCounts)
        else (counts.entered, counts.left)
    )
    assert total == (
        sum(n for (_, way), n in found.items() if way),
        sum(n for (_, way), n in found.items() if not way),
    )
    return found


def well_seen(frames: list[ff.Circles], which: list[int], side: Any) -> set[int]:
    """Returns the objects that were seen in three kept frames during each stay on a side, without a gap of a
    second.
    """
    kept_frames = set(which)
    stays: dict[int, list[list[Any]]] = {}
    last: dict[int, int] = {}
    gaps: set[int] = set()
    for n, circles in enumerate(frames):
        assert circles.tracker_id is not None
        for (x, y, _), id_ in zip(circles, circles.tracker_id.tolist(), strict=True):
            here = side(x, y)
            own = stays.setdefault(id_, [])
            if not own or own[-1][0] != here:
                own.append([here, 0])
            if n in kept_frames:
                own[-1][1] += 1
                if n - last.get(id_, n) > 30:
                    gaps.add(id_)
                last[id_] = n
    return {id_ for id_, own in stays.items() if id_ not in gaps and all(seen >= 3 for _, seen in own)}


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_dropped_frames_change_no_count(share: float) -> None:
    compared = 0
    for seed in range(1, 9):
        frames = truth(seed)
        which = kept(share, seed)
        kinds: list[tuple[Any, Any]] = [
            (lambda: ff.LineCounter((0, 180), (640, 180)), lambda x, y: y >= 180),
            (lambda: ff.LineCounter((320, 0), (320, 360)), lambda x, y: x <= 320),
            (
                lambda: ff.ZoneCounter({"till": [(200, -99), (440, -99), (440, 459), (200, 459)]}),
                lambda x, y: 1 if x > 440 else -1 if x < 200 else 0,
            ),
        ]
        for make, side in kinds:
            sure = well_seen(frames, which, side)
            expected = crossed(make(), frames, list(range(FRAMES)))
            got = crossed(make(), frames, which)
            for id_ in sure:
                for way in (True, False):
                    assert got[id_, way] == expected[id_, way], (seed, id_, way)
                    compared += expected[id_, way]
    assert compared > 50


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_a_tracker_on_part_of_the_frames_leads_to_the_count_of_the_truth(share: float) -> None:
    seed = 3
    url = SCENE.format(seed=seed).replace("balls=8", "balls=2")
    expected = ff.LineCounter((320, 0), (320, 360))
    for seq in range(FRAMES):
        balls = ff.demo.circles(url, seq)
        xyr = np.array([[b.x, b.y, b.r] for b in balls], np.float32).reshape(-1, 3)
        ids = np.array([b.id for b in balls], np.int64)
        counts = expected.update(
            ff.Circles(xyr, np.ones(len(balls), np.float32), tracker_id=ids), pts=seq / 30
        )
    keep = set(kept(share, seed))

    class Drop(ff.Node[ff.Frame, ff.Frame]):
        def process(self, sample: ff.Sample[ff.Frame]) -> ff.Frame | None:
            return sample.value if sample.seq in keep else None

    pipeline = ff.Pipeline()
    frames = pipeline.add(Drop(), pipeline.add(ff.open(url)))
    tracks = pipeline.add(ff.CircleTracker(), frames)
    reader = pipeline.reader(pipeline.add(ff.LineCounter((320, 0), (320, 360)), tracks))
    with pipeline:
        last = [sample.value for sample in reader][-1]
    assert counts.forward + counts.backward >= 6
    assert (last.forward, last.backward) == (counts.forward, counts.backward)


def test_a_line_may_be_moved_while_the_node_works() -> None:
    counter = ff.LineCounter(*LINE)
    tracks = Push()
    pipeline = ff.Pipeline()
    counts = pipeline.reader(pipeline.add(counter, pipeline.add(tracks, name="cam")))

    def seen(place: tuple[float, float], pts: float) -> ff.types.LineCounts:
        tracks.push_stamped(at(place), pts, time.monotonic())
        found: ff.types.LineCounts = counts.get(timeout=100).value
        return found

    with pipeline:
        seen((50, 60), 0)
        assert seen((50, 180), 0.1).forward == 1
        counter.line = ((0, 300), (320, 300))
        assert counter.line == ((0, 300), (320, 300))
        assert seen((50, 190), 0.2).forward == 1
        assert seen((50, 390), 0.3).forward == 2
        with pytest.raises(ff.OptionError, match="one pixel"):
            counter.line = ((1, 1), (1, 1))
        with pytest.raises(ff.OptionTypeError, match="line must be"):
            counter.line = 3  # type: ignore[assignment]
        assert counter.line == ((0, 300), (320, 300))
        assert seen((50, 200), 0.4).backward == 1


def test_zones_may_be_moved_while_the_node_works() -> None:
    zone = ff.ZoneCounter({"till": ZONE})
    assert zone.zones == {"till": tuple(ZONE)}
    counts = walk(zone, (50, 120), (150, 120))["till"]
    assert (counts.entered, counts.lost) == (1, 0)
    away = [(x + 500, y) for x, y in ZONE]
    zone.zones = {"till": away}
    counts = zone.update(at((150, 120)), pts=1)["till"]
    assert (counts.entered, counts.left, counts.lost) == (1, 0, 1)
    assert len(counts.inside) == 0
    with pytest.raises(ff.OptionError, match="3"):
        zone.zones = {"till": ZONE[:2]}

    zones = ff.ZoneCounter({"a": ZONE})
    walk(zones, (50, 120), (150, 120))
    zones.zones = {"a": away, "b": ZONE}
    assert list(zones.zones) == ["a", "b"]
    found = zones.update(at((150, 120)), pts=1)
    assert (found["a"].entered, found["a"].lost, found["b"].appeared) == (1, 1, 1)
    with pytest.raises(ff.OptionError, match="1 to 1000"):
        zones.zones = {}
