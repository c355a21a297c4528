"""LineCounter and ZoneCounter: the counts, also when frames are dropped, and refused options."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.process import nodes as process_nodes
from support import Push, until

import freshframe as ff

SLOW = 0.25  # seconds per sample of a node that is slower than the camera
LINE = ((0.0, 120.0), (320.0, 120.0))
ZONE = [(100.0, 60.0), (220.0, 60.0), (220.0, 180.0), (100.0, 180.0)]


def at(*places: tuple[float, float], ids: Iterable[int] | None = None, side: float = 20) -> ff.Detections:
    """Boxes of 20 x 20 pixels around the places, with the ids 1, 2, ..."""
    boxes = [[x - side / 2, y - side / 2, x + side / 2, y + side / 2] for x, y in places]
    n = len(places)
    return ff.Detections(boxes, [0.9] * n, [0] * n, list(ids or range(1, n + 1)), names=["ball"])


def walk(counter: Any, *places: tuple[float, float], start: float = 0.0) -> Any:
    counts = None
    for n, place in enumerate(places):
        counts = counter.update(at(place), time=start + n / 10)
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
    assert counter.update(at((50, 90)), time=1).crossings == ()
    counts = counter.update(at((80, 180)), time=2)
    (crossing,) = counts.crossings
    assert (crossing.tracker_id, crossing.class_id, crossing.forward) == (1, 0, True)
    assert crossing.at == pytest.approx((60, 120))
    assert crossing.pts == pytest.approx(1 + 1 / 3)
    assert counts.classes == {"ball": (1, 0)}
    assert (counts.start, counts.end) == LINE
    assert counts.tracks.tracker_id is not None
    assert counts.tracks.tracker_id.tolist() == [1]
    assert counter.update(at((80, 190)), time=3).crossings == ()


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
    counter.update(at((50, 60), ids=[1]), time=0)
    assert counter.update(at((50, 180), ids=[2]), time=0.1).forward == 0


def test_after_a_step_back_in_time_all_things_are_new_and_counts_go_on() -> None:
    counter = ff.LineCounter(*LINE)
    walk(counter, (50, 60), (50, 180))
    counts = walk(counter, (50, 60), (50, 180), start=-5.0)
    assert counts.forward == 2
    assert counter.update(at((50, 60)), time=-10).backward == 0


def test_a_zone_has_the_ids_inside_and_those_that_went_in_and_out() -> None:
    counter = ff.ZoneCounter(ZONE, max_gap=0.5)
    counts = walk(counter, (20, 120), (60, 120), (150, 120))
    assert (counts.entered, counts.left, counts.inside) == (1, 0, (1,))
    assert counts.crossings[0].at == pytest.approx((100, 120))
    assert counter.update(at(), time=0.6).inside == (1,)
    assert counter.update(at(), time=1).inside == ()
    counts = counter.update(at((300, 120)), time=1.1)
    assert (counts.entered, counts.left, counts.inside) == (1, 1, ())


def test_a_way_through_the_zone_between_two_sightings_counts() -> None:
    counts = walk(ff.ZoneCounter(ZONE), (20, 120), (300, 120))
    assert (counts.entered, counts.left) == (1, 1)
    assert [crossing.forward for crossing in counts.crossings] == [True, False]
    counts = walk(ff.ZoneCounter(ZONE), (20, 59.5), (300, 60.5))  # it grazes the border
    assert (counts.entered, counts.left) == (0, 0)
    bay = [(0, 0), (100, 0), (100, 100), (60, 100), (60, 20), (40, 20), (40, 100), (0, 100)]
    counts = walk(ff.ZoneCounter(bay, margin=2), (20, 60), (80, 60))
    assert (counts.entered, counts.left) == (1, 1)


def test_an_object_inside_from_the_start_has_not_entered() -> None:
    counts = walk(ff.ZoneCounter(ZONE), (150, 120), (160, 120))
    assert (counts.entered, counts.inside) == (0, (1,))


# --- frames that are dropped --------------------------------------------------------------------------------

SCENE = "demo:circles?pace=0&frames=600&fps=30&size=640x360&balls=8&seed={seed}"
FRAMES = 600


def truth(seed: int) -> list[ff.Circles]:
    url = SCENE.format(seed=seed)
    frames = []
    for seq in range(FRAMES):
        balls = ff.demo.demo_truth(url, seq)
        xyr = np.array([[ball.x, ball.y, ball.r] for ball in balls], np.float32).reshape(-1, 3)
        frames.append(
            ff.Circles(xyr, np.ones(len(balls), np.float32), np.array([b.id for b in balls], np.int64))
        )
    return frames


def kept(share: float, seed: int) -> list[int]:
    chance = random.Random(seed)
    return [n for n in range(FRAMES) if chance.random() < share]


def crossed(counter: Any, frames: list[ff.Circles], which: list[int]) -> Counter[tuple[int, bool]]:
    """The number of crossings of each object in each direction."""
    found: Counter[tuple[int, bool]] = Counter()
    for n in which:
        counts = counter.update(frames[n], time=n / 30)
        found.update((crossing.tracker_id, crossing.forward) for crossing in counts.crossings)
    total = (
        (counts.forward, counts.backward)
        if isinstance(counts, ff.LineCounts)
        else (counts.entered, counts.left)
    )
    assert total == (
        sum(n for (_, way), n in found.items() if way),
        sum(n for (_, way), n in found.items() if not way),
    )
    return found


def well_seen(frames: list[ff.Circles], which: list[int], side: Any) -> set[int]:
    """The objects with three kept sightings during each stay on a side, without a gap of a second."""
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
                lambda: ff.ZoneCounter([(200, -99), (440, -99), (440, 459), (200, 459)]),
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


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2])
def test_a_tracker_on_part_of_the_frames_leads_to_the_count_of_the_truth(share: float) -> None:
    seed = 3
    url = SCENE.format(seed=seed).replace("balls=8", "balls=2")
    expected = ff.LineCounter((320, 0), (320, 360))
    for seq in range(FRAMES):
        balls = ff.demo.demo_truth(url, seq)
        xyr = np.array([[b.x, b.y, b.r] for b in balls], np.float32).reshape(-1, 3)
        ids = np.array([b.id for b in balls], np.int64)
        counts = expected.update(ff.Circles(xyr, np.ones(len(balls), np.float32), ids), time=seq / 30)
    keep = set(kept(share, seed))

    class Drop(ff.Node[ff.Frame, ff.Frame]):
        def process(self, sample: ff.Sample[ff.Frame]) -> ff.Frame | None:
            return sample.value if sample.seq in keep else None

    pipeline = ff.Pipeline()
    frames = pipeline.add(Drop(), pipeline.add(ff.open(url)))
    tracks = pipeline.add(ff.CircleTracker(), frames)
    reader = pipeline.reader(pipeline.add(ff.LineCounter((320, 0), (320, 360)), tracks))
    with pipeline.start():
        last = [sample.value for sample in reader][-1]
    assert counts.forward + counts.backward >= 6
    assert (last.forward, last.backward) == (counts.forward, counts.backward)


# --- in pipelines -------------------------------------------------------------------------------------------


def crossing_boxes() -> Push:
    source = Push(live=False)
    source.push(*[at((50, 60 + 10 * n), (250, 180 - 10 * n)) for n in range(13)])
    source.end()
    return source


def test_counts_travel_through_python_nodes_workers_and_files(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(crossing_boxes()))
    counts = pipeline.add(ff.LineCounter(*LINE), tracks)
    zones = pipeline.add(ff.ZoneCounter(ZONE), tracks)
    again = pipeline.reader(pipeline.add(process_nodes.same, counts, process=True))
    pipeline.add(ff.JsonLines(tmp_path / "counts.jsonl"), counts)
    pipeline.add(ff.Csv(tmp_path / "zones.csv"), zones)
    with pipeline.start():
        last = [sample.value for sample in again][-1]
    assert (last.forward, last.backward, last.classes) == (1, 1, {"ball": (1, 1)})
    assert last.tracks.class_name.tolist() == ["ball", "ball"]
    record = json.loads((tmp_path / "counts.jsonl").read_text().splitlines()[-1])["value"]
    assert (record["forward"], record["backward"], record["classes"]) == (1, 1, {"ball": [1, 1]})
    assert "tracks" not in record
    assert (
        (tmp_path / "zones.csv")
        .read_text()
        .splitlines()[0]
        .startswith("seq,pts,captured,corners,entered,left,inside")
    )


def test_each_source_has_counts_of_its_own() -> None:
    pipeline = ff.Pipeline()
    sources = [pipeline.add(crossing_boxes(), name=name) for name in ("door", "gate")]
    tracks = pipeline.add(ff.BoxTracker(), sources)
    reader = pipeline.reader(pipeline.add(ff.LineCounter(*LINE), tracks))
    last: dict[str, Any] = {}
    ids: dict[str, set[int]] = {}
    with pipeline.start():
        for sample in reader:
            last[sample.source] = sample.value
            ids.setdefault(sample.source, set()).update(last[sample.source].tracks.tracker_id.tolist())
    assert {name: (c.forward, c.backward) for name, c in last.items()} == {"door": (1, 1), "gate": (1, 1)}
    assert ids == {"door": {1, 2}, "gate": {1, 2}}


# --- refusals -----------------------------------------------------------------------------------------------


any_line: Any = ff.LineCounter
any_zone: Any = ff.ZoneCounter


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: any_line((1, 2), (1, 2)),
            ff.OptionError,
            r"a line of at least one pixel, got one from \(1, 2\)",
        ),
        (
            lambda: any_line((1, 2), (math.nan, 2)),
            ff.OptionError,
            "end .* must be a finite number, got nan",
        ),
        (
            lambda: any_line((0, 0), (1e9, 0)),
            ff.OptionError,
            r"within 1e\+06 pixels .* got \(1e\+09, 0\)",
        ),
        (
            lambda: any_line((1, 2, 3), (0, 0)),
            ff.OptionTypeError,
            r"start \(x, y\) must be two numbers",
        ),
        (lambda: any_line(5, (0, 0)), ff.OptionTypeError, r"start \(x, y\) must be two numbers, got 5"),
        (lambda: any_line(*LINE, anchor="top"), ff.OptionError, "'center' or 'bottom', got 'top'"),
        (lambda: any_line(*LINE, margin=-1), ff.OptionError, r"margin from 0 to .* pixels, got -1"),
        (lambda: any_zone([(0, 0), (9, 9)]), ff.OptionError, "3 to 1000 corners, got 2"),
        (lambda: any_zone([(0, 0), (9, 9), (18, 18)]), ff.OptionError, "at least one pixel of area"),
        (
            lambda: any_zone([(0, 0), (90, 90), (90, 0), (0, 80)]),
            ff.OptionError,
            "in their order around the zone, but the edges from corner 0 and from corner 2 cross",
        ),
        (lambda: any_zone(7), ff.OptionTypeError, r"corners must be a sequence of \(x, y\)"),
        (lambda: any_zone("abc"), ff.OptionTypeError, r"corners must be a sequence of \(x, y\)"),
        (
            lambda: any_zone([1, 2, 3]),
            ff.OptionTypeError,
            r"a corner \(x, y\) must be two numbers, got 1",
        ),
        (lambda: any_zone([(0, 0)] * 1001), ff.OptionError, "at most 1000, got 1001"),
        (lambda: any_zone(ZONE, max_gap=0), ff.OptionError, "max_gap of more than 0 .*, got 0"),
    ],
)
def test_geometry_that_cannot_be_is_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_things_without_ids_are_refused_with_what_to_do() -> None:
    found = ff.Detections([[0, 0, 9, 9]], [0.9], [0])
    with pytest.raises(ff.FreshframeError, match=r"LineCounter counts tracks, .* add a BoxTracker"):
        ff.LineCounter(*LINE).update(found, time=0)
    with pytest.raises(ff.OptionTypeError, match=r"ZoneCounter takes Circles or Detections .* got a int"):
        ff.ZoneCounter(ZONE).update(5, time=0)  # type: ignore[arg-type]
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?pace=0&frames=1"), name="camera")
    with pytest.raises(
        ff.GraphError, match="'LineCounter' takes Circles or Detections, but its parent 'camera' gives"
    ):
        pipeline.add(ff.LineCounter(*LINE), camera)  # type: ignore[misc]
    counter = ff.ZoneCounter(ZONE)
    pipeline.add(counter, pipeline.add(ff.CircleTracker(), camera))
    with pytest.raises(ff.StateError, match=r"ZoneCounter is a node of a pipeline.*make another one"):
        counter.update(at((1, 1)), time=0)


def crossing_things(n: int) -> Iterator[tuple[ff.Detections, float]]:
    """`n` things at 60 pictures per second; one of them crosses the line in every twelfth picture."""
    for frame in range(12 * n):
        below = frame // 12 % 2 == 1
        y = 90 if below == (frame % 12 < 6) else 150
        yield at((50, y)), frame / 60


class Crossings(ff.Node[ff.LineCounts, None]):
    """Keeps the crossings that it sees, and takes its time."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.seen: list[ff.Crossing] = []

    def process(self, sample: ff.Sample[ff.LineCounts]) -> None:
        self.seen += sample.value.crossings
        time.sleep(self.seconds)


def counted_live(things: Iterable[tuple[ff.Detections, float]]) -> tuple[ff.Pipeline, ff.Port[ff.LineCounts]]:
    class Camera(ff.Source[ff.Detections]):
        def read(self, stop: ff.StopToken) -> Iterator[tuple[ff.Detections, float]]:
            for thing in things:
                yield thing
                if stop.wait(1 / 240):
                    return

    pipeline = ff.Pipeline()
    return pipeline, pipeline.add(
        ff.LineCounter(*LINE), pipeline.add(Camera(), name="camera"), queue=ff.Queue(2000), name="line"
    )


def test_a_slow_node_sees_every_crossing_although_its_edge_drops_nearly_all_samples() -> None:
    pipeline, line = counted_live(crossing_things(99))
    nodes = {
        "latest": (Crossings(SLOW), ff.LATEST),
        "next": (Crossings(SLOW), ff.NEXT),
        "newest": (Crossings(SLOW), ff.Queue(8, "drop_newest")),
        "fast": (Crossings(), ff.LATEST),
    }
    for name, (node, queue) in nodes.items():
        pipeline.add(node, line, name=name, queue=queue)
    report = pipeline.run()
    (last,) = {edge.passed_in for edge in report.edges if edge.child == "fast"}
    assert last == 12 * 99
    for name, (node, _) in nodes.items():
        assert len(node.seen) == 99, name
        assert [each.pts for each in node.seen] == sorted(each.pts for each in node.seen)
    (edge,) = (edge for edge in report.edges if edge.child == "latest")
    assert edge.dropped > 1000
    assert edge.events_lost == 0


def test_a_stop_hands_over_the_crossings_that_wait() -> None:
    pipeline, line = counted_live(
        itertools.chain(crossing_things(10), itertools.repeat((at((50, 150)), 99.0)))
    )
    gate = threading.Event()
    seen: list[ff.Crossing] = []

    def slow(counts: ff.LineCounts) -> None:
        seen.extend(counts.crossings)
        gate.wait()

    pipeline.add(slow, line)
    with pipeline:
        until(lambda: pipeline.stats().nodes["line"].processed > 120, "all things")
        threading.Timer(0.1, gate.set).start()
    assert len(seen) == 10


def test_a_reader_of_the_newest_sees_every_crossing() -> None:
    pipeline, line = counted_live(crossing_things(20))
    reader = pipeline.reader(line)
    seen: list[ff.Crossing] = []
    last = None
    with pipeline:
        while not pipeline.wait(0.05):
            sample = reader.latest()
            if sample is not None and sample is not last:
                seen += sample.value.crossings
            last = sample
        with contextlib.suppress(ff.EndOfStream):
            seen += reader.get().value.crossings
    assert len(seen) == 20


@pytest.mark.parametrize(
    "make",
    [
        lambda: ff.LineCounter((0.0, 0.5), (1.0, 0.5)),
        lambda: ff.ZoneCounter([(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)]),
        lambda: ff.ZoneCounter([(0, 0), (1, 0), (1, 1), (0, 1)]),
    ],
)
def test_shares_of_the_picture_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ff.OptionError, match="needs coordinates in pixels, got shares of the picture"):
        make()


@pytest.mark.parametrize(
    ("counter", "told"),
    [
        (ff.LineCounter((700, 10), (900, 10)), True),
        (ff.LineCounter((600, 10), (900, 10)), False),
        (ff.ZoneCounter([(-90, 0), (-10, 0), (-10, 90)]), True),
        (ff.ZoneCounter([(-90, 0), (10, 0), (10, 90)]), False),
    ],
)
def test_a_line_or_zone_outside_of_the_picture_is_logged_once(
    counter: Any, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=640x360&frames=3&pace=0"))
    pipeline.add(counter, pipeline.add(ff.CircleTracker(), camera), name="door")
    pipeline.run()
    said = [line for line in caplog.messages if "outside of the picture of 640x360 pixels" in line]
    assert len(said) == told
    assert all(line.startswith("'door' counts nothing: its ") for line in said)
