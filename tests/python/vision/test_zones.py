"""Several zones in one node, and lines and zones as fractions of the image."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.counting import ZONE, at
from support import Push

import freshframe as ff

LEFT = [(0.0, 0.0), (150.0, 0.0), (150.0, 240.0), (0.0, 240.0)]
any_zones: Any = ff.ZoneCounter


def test_each_zone_counts_as_a_counter_of_its_own() -> None:
    zones = ff.ZoneCounter({"middle": ZONE, "left": LEFT}, loiter_after=0.5)
    alone = {name: ff.ZoneCounter({name: zone}, loiter_after=0.5) for name, zone in zones.zones.items()}
    chance = np.random.default_rng(1)
    place = np.array([[120.0, 120.0], [20.0, 20.0]])
    for n in range(200):
        place = (place + chance.normal(0, 12, (2, 2))).clip(0, 240)
        tracks = at(*[tuple(each) for each in place.tolist()])
        together = zones.update(tracks, pts=n / 10)
        assert list(together) == ["middle", "left"]
        for name, counter in alone.items():
            single = counter.update(tracks, pts=n / 10)[name]
            counts = together[name]
            for field in dataclasses.fields(counts):
                assert getattr(counts, field.name) == getattr(single, field.name), (n, name, field.name)
        assert together.tracks is not None
    assert together["middle"].entered > 3


def test_a_file_has_the_zones_by_name(tmp_path: Path) -> None:
    source = Push(live=False)
    source.push(at((160, 120)), at((20, 20)))
    source.end()
    pipeline = ff.Pipeline()
    counts = pipeline.add(ff.ZoneCounter({"till": ZONE, "left": LEFT}), pipeline.add(source))
    pipeline.add(ff.JsonLines(tmp_path / "zones.jsonl"), counts)
    pipeline.run()
    records = [json.loads(line)["value"] for line in (tmp_path / "zones.jsonl").read_text().splitlines()]
    assert [[len(record[name]["inside"]) for name in ("till", "left")] for record in records] == [
        [1, 0],
        [0, 1],
    ]
    assert [record["till"]["visible"] for record in records] == [[1], []]
    assert [len(record["till"]["visits"]) for record in records] == [0, 1]


def test_events_of_each_zone_pass_an_edge_that_drops() -> None:
    source = Push(live=False)
    inside, outside = at((160, 120)), at((20, 200))
    source.push(*[inside, outside] * 20)
    source.end()
    pipeline = ff.Pipeline()
    counts = pipeline.add(ff.ZoneCounter({"till": ZONE}), pipeline.add(source))
    reader = pipeline.reader(counts, queue=ff.LATEST)
    pipeline.start()
    pipeline.wait()
    samples = [*reader]
    assert sum(len(sample.value["till"].visits) for sample in samples) == 20
    assert len(samples) < 40


def test_shares_are_those_of_each_sources_picture() -> None:
    zone = ff.ZoneCounter({"till": [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]}, relative=True)
    counts = zone.update(at((160, 120)), pts=0, size=(320, 240))["till"]
    assert counts.corners == ((80, 60), (240, 60), (240, 180), (80, 180))
    assert counts.inside == (1,)
    larger = zone.update(at((160, 120)), pts=1, size=(640, 480))["till"]
    assert larger.corners[2] == (480, 360)
    line = ff.LineCounter((0, 0.5), (1, 0.5), relative=True)
    line.update(at((100, 100)), pts=0, size=(320, 240))
    crossed = line.update(at((100, 150)), pts=1, size=(320, 240))
    assert (crossed.start, crossed.end, crossed.forward) == ((0, 120), (320, 120), 1)


def test_in_a_pipeline_the_size_is_that_of_the_frame() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=320x240&frames=5&pace=0"))
    whole = {"all": [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]}
    counts = pipeline.add(ff.ZoneCounter(whole, relative=True), pipeline.add(ff.CircleTracker(), camera))
    reader = pipeline.reader(counts)
    drawn = pipeline.reader(pipeline.add(ff.Annotate(), counts))
    with pipeline:
        last = [*reader][-1].value
        assert last["all"].corners[2] == (320, 240)
        assert len(last["all"].inside) == len(last.tracks) > 0
        assert next(iter(drawn)).value.width == 320


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ff.ZoneCounter({}), ff.OptionError, "1 to 1000 zones, got 0"),
        (lambda: any_zones([ZONE]), ff.OptionTypeError, "must map names to corners"),
        (
            lambda: ff.ZoneCounter({"till": ZONE[:2]}),
            ff.OptionError,
            "the zone 'till' needs 3 to 1000 corners, got 2",
        ),
        (
            lambda: ff.ZoneCounter({"till": ZONE}, relative=True),
            ff.OptionError,
            "needs fractions of the frame, 0 to 1",
        ),
        (lambda: ff.ZoneCounter({"till": [(0, 0), (1, 0), (1, 1)]}), ff.OptionError, "pass relative=True"),
        (
            lambda: ff.ZoneCounter({"till": [*ZONE, ZONE[0]]}),
            ff.OptionError,
            "corner 4 equals corner 0: leave it out",
        ),
        (
            lambda: at((1, 1)).inside([(0, 0), (0.5, 0), (0.5, 1)]),
            ff.OptionError,
            "corners must be in pixels",
        ),
        (lambda: ff.Annotate(caption="{nope}"), ff.OptionError, "there are only pts, utc, seq and count"),
        (lambda: ff.LineCounter((0.1, 0.5), (0.1, 0.5), relative=True), ff.OptionError, "a line of at least"),
    ],
)
def test_zones_that_cannot_be_are_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_shares_without_a_size_are_an_error_each_time() -> None:
    for counter in (
        ff.ZoneCounter({"till": [(0, 0), (0.5, 0), (0.5, 0.5)]}, relative=True),
        ff.LineCounter((0, 0.5), (1, 0.5), relative=True),
    ):
        for _ in range(2):
            with pytest.raises(ff.FreshframeError, match="needs the frame's size"):
                counter.update(at((1, 1)), pts=0)


@pytest.mark.parametrize("place", [0.45, 0.8])
def test_a_picture_of_another_size_moves_nothing_across_a_border(place: float) -> None:
    middle = [(0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.4, 1.0)]
    zone = ff.ZoneCounter({"till": middle}, relative=True)
    line = ff.LineCounter((0.5, 0), (0.5, 1), relative=True)
    for number, (width, height) in enumerate([(640, 480)] * 3 + [(1280, 960)] * 3 + [(320, 480)] * 3):
        tracks = at((place * width, 0.5 * height))
        inside = zone.update(tracks, pts=number / 30, size=(width, height))["till"]
        crossed = line.update(tracks, pts=number / 30, size=(width, height))
    assert (inside.entered, inside.left, inside.lost) == (0, 0, 0)
    assert inside.inside == ((1,) if place < 0.6 else ())
    assert (crossed.forward, crossed.backward) == (0, 0)
    after = line.update(at((320 - place * 320, 240)), pts=0.4, size=(320, 480))
    assert after.forward + after.backward == 1  # later crossings are counted


def test_ids_that_were_outside_or_are_lost_are_inside_no_more() -> None:
    zone = ff.ZoneCounter({"till": ZONE}, max_gap=0.5)
    inside: list[tuple[int, ...]] = []
    for number, places in enumerate(
        [[(160, 120), (10, 10)], [(160, 120), (160, 100)], [(10, 10), (150, 100)], []]
    ):
        inside.append(zone.update(at(*places), pts=number / 10)["till"].inside)
    assert inside == [(1,), (1, 2), (2,), (2,)]
    last = zone.update(at(), pts=2)["till"]
    assert (last.inside, last.lost, [visit.tracker_id for visit in last.visits]) == ((), 1, [2])
    assert zone.update(at((160, 120)), pts=0)["till"].inside == (1,)  # a decreasing timestamp resets all


def test_a_long_time_without_sight_and_a_tiny_picture_lose_nothing_uncounted() -> None:
    zone = ff.ZoneCounter({"till": ZONE})
    many = at(*[(160, 120)] * 1100)
    assert len(zone.update(many, pts=0)["till"].inside) == 1100
    later = zone.update(at(), pts=700)["till"]  # objects last seen more than ten minutes ago are forgotten
    assert (later.inside, later.lost, len(later.visits)) == ((), 1100, 1100)
    assert later.appeared == 1100
    half = ff.ZoneCounter({"till": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]}, relative=True)
    assert half.update(at((40, 40)), pts=0, size=(640, 480))["till"].inside == (1,)
    with pytest.raises(ff.OptionError, match="must have an area of at least one pixel"):
        half.update(at((0, 0)), pts=0.1, size=(1, 1))
    assert half.update(at(), pts=0.2, size=(640, 480))["till"].inside == (1,)
    assert half.update(at(), pts=2, size=(640, 480))["till"].lost == 1


def test_a_size_in_parts_of_a_pixel_is_refused() -> None:
    zone = ff.ZoneCounter({"till": [(0, 0), (0.5, 0), (0.5, 0.5)]}, relative=True)
    with pytest.raises(ff.OptionTypeError, match="each number of size must be a whole number"):
        zone.update(at((1, 1)), pts=0, size=(2.5, 3))  # type: ignore[arg-type]
