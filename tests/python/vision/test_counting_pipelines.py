"""LineCounter and ZoneCounter in pipelines: workers, files, several sources, slow nodes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.counting import LINE, ZONE, at
from rigs.process import nodes as process_nodes
from support import Push, until

import freshframe as ff

SLOW = 0.25  # seconds per sample of a node that is slower than the camera


def open_boxes() -> Push:
    source = Push(live=False)
    source.push(*[at((50, 60 + 10 * n), (250, 180 - 10 * n)) for n in range(13)])
    return source


def crossing_boxes() -> Push:
    source = open_boxes()
    source.end()
    return source


def test_counts_travel_through_python_nodes_workers_and_files(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(crossing_boxes()))
    counts = pipeline.add(ff.LineCounter(*LINE), tracks)
    zones = pipeline.add(ff.ZoneCounter({"till": ZONE}), tracks)
    again = pipeline.reader(pipeline.add(process_nodes.same, counts, process=True))
    pipeline.add(ff.JsonLines(tmp_path / "counts.jsonl"), counts)
    pipeline.add(ff.Csv(tmp_path / "zones.csv"), zones)
    with pipeline:
        last = [sample.value for sample in again][-1]
    assert (last.forward, last.backward, last.by_class) == (1, 1, {"ball": (1, 1)})
    assert last.tracks.class_name.tolist() == ["ball", "ball"]
    record = json.loads((tmp_path / "counts.jsonl").read_text().splitlines()[-1])["value"]
    assert (record["forward"], record["backward"], record["by_class"]) == (1, 1, {"ball": [1, 1]})
    assert "tracks" not in record
    assert (tmp_path / "zones.csv").read_text().splitlines()[0].startswith("seq,pts,captured,till")


def test_each_source_has_counts_of_its_own() -> None:
    pipeline = ff.Pipeline()
    boxes = {"door": open_boxes(), "gate": open_boxes()}
    tracks = pipeline.add(ff.BoxTracker(), [pipeline.add(each, name=name) for name, each in boxes.items()])
    reader = pipeline.reader(pipeline.add(ff.LineCounter(*LINE), tracks))
    last: dict[str, Any] = {}
    ids: dict[str, set[int]] = {}
    with pipeline:
        for sample in reader:
            last[sample.source] = sample.value
            ids.setdefault(sample.source, set()).update(last[sample.source].tracks.tracker_id.tolist())
            if ids.keys() == boxes.keys():  # IDs restart at 1 only for sources that run at the same time
                for each in boxes.values():
                    each.end()
    assert {name: (c.forward, c.backward) for name, c in last.items()} == {"door": (1, 1), "gate": (1, 1)}
    assert ids == {"door": {1, 2}, "gate": {1, 2}}


def crossing_things(n: int) -> Iterator[tuple[ff.Detections, float]]:
    """Yields `n` objects at 60 frames per second, one of which crosses the line every twelve frames."""
    for frame in range(12 * n):
        below = frame // 12 % 2 == 1
        y = 90 if below == (frame % 12 < 6) else 150
        yield at((50, y)), frame / 60


class Crossings(ff.Node[ff.types.LineCounts, None]):
    """Records the crossings that it receives, slowly."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.seen: list[ff.types.Crossing] = []

    def process(self, sample: ff.Sample[ff.types.LineCounts]) -> None:
        self.seen += sample.value.crossings
        time.sleep(self.seconds)


def counted_live(
    things: Iterable[tuple[ff.Detections, float]],
) -> tuple[ff.Pipeline, ff.Port[ff.types.LineCounts]]:
    class Camera(ff.Source[ff.Detections]):
        def read(self) -> Iterator[tuple[ff.Detections, float]]:
            for thing in things:
                yield thing
                if self.stop_token.wait(1 / 240):
                    return

    pipeline = ff.Pipeline()
    return pipeline, pipeline.add(
        ff.LineCounter(*LINE), pipeline.add(Camera(), name="camera"), queue=ff.Queue(2000), name="line"
    )


@pytest.mark.slow
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
    seen: list[ff.types.Crossing] = []

    def slow(counts: ff.types.LineCounts) -> None:
        seen.extend(counts.crossings)
        gate.wait()

    pipeline.add(slow, line)
    with pipeline:
        until(lambda: pipeline.stats().nodes["line"].processed > 120, "all things")
        threading.Timer(0.1, gate.set).start()
        pipeline.stop(timeout=None)
    assert len(seen) == 10


def test_a_stop_hands_over_the_crossing_of_a_counter_that_waits_for_room() -> None:
    sides = itertools.cycle([(50.0, 50.0), (50.0, 150.0)])
    pipeline, line = counted_live((at(next(sides)), n / 240) for n in itertools.count())
    gate, at_work = threading.Event(), threading.Event()
    fast, slow = Crossings(), Crossings()

    def held(counts: ff.types.LineCounts) -> None:
        slow.seen += counts.crossings
        at_work.set()
        gate.wait()

    pipeline.add(fast, line, name="fast")
    pipeline.add(held, line, queue=ff.Queue(1, "block"))

    def let_go() -> None:
        until(lambda: pipeline.stats().nodes["line"].state == "ended", "the counter")
        gate.set()

    with pipeline:
        assert at_work.wait(100)
        until(lambda: pipeline.stats().nodes["line"].processed == 3, "a third sample")
        until(lambda: pipeline.stats().nodes["line"].state == "blocked", "a full queue")
        threading.Thread(target=let_go).start()
    # Of three samples, one is being processed, one is queued, and one waits. The counter may have taken
    # another before its queue closed.
    assert len(fast.seen) >= 2
    assert slow.seen == fast.seen


@pytest.mark.slow
def test_a_reader_of_the_newest_sees_every_crossing() -> None:
    pipeline, line = counted_live(crossing_things(20))
    reader = pipeline.reader(line)
    seen: list[ff.types.Crossing] = []
    last = None
    with pipeline:
        while not pipeline.wait(0.05):
            sample = reader.latest()
            if sample is not None and sample is not last:
                seen += sample.value.crossings
            last = sample
        with contextlib.suppress(ff.EndOfStreamError):
            seen += reader.get().value.crossings
    assert len(seen) == 20
