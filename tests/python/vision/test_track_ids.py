"""No ID is used twice: not by another source of the same name, nor by a replacement tracker."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support import Push, until

import freshframe as ff


class Boxes:
    """Input for a box tracker: one more object each time, far from the previous ones."""

    make: Callable[[], Any] = ff.BoxTracker

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> Any:
        self.count += 1
        x = 150 * self.count
        return ff.Detections([[x, 20, x + 40, 80]], [0.95])


class Discs:
    """Input for a circle tracker: a frame with a disc."""

    make: Callable[[], Any] = ff.CircleTracker

    def next(self) -> ff.Frame:
        y, x = np.mgrid[:120, :160]
        return ff.Frame.from_array(
            np.where((x - 80) ** 2 + (y - 60) ** 2 < 900, 230, 20).astype(np.uint8), "gray"
        )


class Seen(ff.Node[Any, None]):
    """Collects the IDs of all samples in order."""

    def __init__(self) -> None:
        self.ids: list[list[int]] = []

    def process(self, sample: ff.Sample[Any]) -> None:
        self.ids.append([int(each) for each in sample.value.tracker_id])


class Line:
    """A camera that is replaced, a tracker, and the IDs that it has assigned."""

    def __init__(self, things: Any) -> None:
        self.things = things()
        self.pipeline = ff.Pipeline()
        self.pipeline.add(
            lambda value: None, self.pipeline.add(Push(), name="stays")
        )  # it keeps the pipeline alive
        self.source = Push()
        self.camera: Any = self.pipeline.add(self.source, name="cam")
        self.tracker: Any = self.pipeline.add(
            things.make(), [self.camera], name="tracker", queue=ff.Queue(depth=50)
        )
        self.seen = Seen()
        self.pipeline.add(self.seen, self.tracker, queue=ff.Queue(depth=50))

    def push(self, pts: float) -> list[int]:
        before = len(self.seen.ids)
        self.source.push_stamped(self.things.next(), pts, time.monotonic())
        until(lambda: len(self.seen.ids) > before, "the tracks")
        return self.seen.ids[-1]

    def remove_camera(self) -> None:
        self.pipeline.remove(self.camera)

    def add_camera(self, name: str = "cam") -> None:
        self.source = Push()
        self.camera = self.pipeline.add(self.source, name=name)
        self.pipeline.connect(self.tracker, self.camera, queue=ff.Queue(depth=50))


@pytest.fixture
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    made = Line(request.param)
    with made.pipeline:
        yield made


BOTH = pytest.mark.parametrize("line", [Boxes, Discs], indirect=True)


@BOTH
def test_a_camera_that_comes_after_another_has_ids_after_its_ids(line: Line) -> None:
    used: list[int] = []
    for _ in range(4):
        used += line.push(0.0)
        line.remove_camera()
        line.add_camera()
    used += line.push(0.0)
    assert used == [1, 2, 3, 4, 5]


@BOTH
def test_a_camera_of_another_name_has_ids_after_them_too(line: Line) -> None:
    used = line.push(0.0)
    line.remove_camera()
    line.add_camera("other")
    assert used + line.push(0.0) == [1, 2]


@BOTH
def test_a_replaced_tracker_goes_on_with_the_ids(line: Line) -> None:
    used = line.push(0.0)
    for n in range(3):
        line.pipeline.replace(line.tracker, type(line.things).make())
        used += line.push(10.0 + n)
    assert used == [1, 2, 3, 4]


@BOTH
def test_a_replaced_tracker_knows_the_ids_of_cameras_that_have_gone(line: Line) -> None:
    used = line.push(0.0)
    line.remove_camera()
    line.pipeline.replace(line.tracker, type(line.things).make())
    line.add_camera()
    assert used + line.push(0.0) == [1, 2]


@BOTH
def test_two_cameras_both_begin_at_one_and_their_followers_after_both(line: Line) -> None:
    first, source = line.camera, line.source
    line.push(0.0)
    line.push(10.0)
    line.add_camera("second")
    assert line.push(0.0) == [1]  # the first camera is still there, so its IDs prove nothing
    line.remove_camera()
    line.camera, line.source = first, source
    line.remove_camera()
    line.add_camera("third")
    assert line.push(0.0) == [3]


def test_counters_below_do_not_take_a_new_object_for_an_old_one() -> None:
    pipeline = ff.Pipeline()
    source = Push()
    tracker = pipeline.add(
        ff.BoxTracker(), [pipeline.add(source, name="cam")], name="tracker", queue=ff.Queue(depth=50)
    )
    counts: list[tuple[int, int]] = []
    counter = pipeline.add(ff.LineCounter((0, 100), (640, 100)), tracker, queue=ff.Queue(depth=50))
    pipeline.add(
        lambda value: counts.append((value.forward, value.backward)), counter, queue=ff.Queue(depth=50)
    )

    def push(y: float, pts: float) -> None:
        before = len(counts)
        source.push_stamped(ff.Detections([[100, y, 140, y + 20]], [0.95]), pts, time.monotonic())
        until(lambda: len(counts) > before, "the counts")

    with pipeline:
        push(20, 0.0)
        pipeline.replace(tracker, ff.BoxTracker())
        push(200, 20.0)  # another object, below the line
        assert counts[-1] == (0, 0)


@pytest.mark.parametrize("pts", [0.0, 1.76e9])
def test_ids_go_on_after_steps_back_in_time_without_a_pipeline(pts: float) -> None:
    tracker, used = ff.BoxTracker(), []
    for n in range(20):
        boxes = ff.Detections([[10, 20, 50, 80]], [0.95])
        ids = tracker.update(boxes, pts=pts - n).tracker_id
        assert ids is not None
        used += ids.tolist()
    assert used == list(range(1, 21))
