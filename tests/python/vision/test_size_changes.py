"""Frames that change size under nodes with coordinates in pixels: one WARNING for each size."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from support import until

import freshframe as ff
from freshframe._interpreter import log

LARGE, SMALL, OTHER = (640, 480), (320, 240), (800, 600)
SIZES = [LARGE] * 4 + [SMALL] * 4 + [LARGE] * 4 + [SMALL] * 2 + [OTHER] * 3
ZONE = [(0, 10), (300, 10), (300, 100), (0, 100)]
POINTS = [(0, 200), (300, 200), (300, 100), (0, 100)]
PLACES = [(0, 0), (5, 0), (5, 9), (0, 9)]


class Switches(ff.Source[ff.Frame]):
    """Emits frames of the given sizes."""

    live = False

    def __init__(self, sizes: Sequence[tuple[int, int]]) -> None:
        self.sizes = sizes

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        for n, (width, height) in enumerate(self.sizes):
            yield ff.Frame.from_array(np.zeros((height, width, 3), np.uint8)), n / 20


def found(frame: ff.Frame) -> ff.Detections:
    """Returns a box at the same relative position in each frame."""
    return ff.Detections(np.array([[0.4, 0.3, 0.6, 0.45]]) * ([frame.width, frame.height] * 2), [0.9], [0])


def model() -> str:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    return str(ff.demo.shapes_model())


ROI = (0, 0, 200, 200)
OF_FRAMES = {
    "CircleDetector roi": lambda relative: ff.CircleDetector(roi=None if relative else ROI),
    "CircleTracker roi": lambda relative: ff.CircleTracker(roi=None if relative else ROI),
    "OnnxDetector roi": lambda relative: ff.OnnxDetector(model(), roi=None if relative else ROI, threads=1),
}
OF_TRACKS = {
    "LineCounter": lambda relative: ff.LineCounter(
        *(((0, 0.3), (0.9, 0.3)) if relative else ((0, 100), (300, 100))), relative=relative
    ),
    "ZoneCounter": lambda relative: ff.ZoneCounter(
        {"top": [(x / 640, y / 480) for x, y in ZONE] if relative else ZONE}, relative=relative
    ),
    "BoxTracker ground": lambda relative: ff.BoxTracker(
        ground=None if relative else ff.Ground(POINTS, PLACES)
    ),
}
CONSUMERS: dict[str, Any] = {**OF_FRAMES, **OF_TRACKS}


def warnings(caplog: pytest.LogCaptureFixture, wanted: int = 0) -> list[str]:
    """Returns the warnings so far, once there are at least `wanted`: the engine logs on another thread."""
    log.drain(last=True)  # similar lines are otherwise held back for seconds
    until(lambda: len(_warnings(caplog)) >= wanted, f"{wanted} warnings")
    return _warnings(caplog)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "is in pixels of frames" in record.getMessage()
    ]


def run(node: Any, *, of_tracks: bool, sources: int = 1, batch: ff.Batch | None = None) -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Switches(SIZES), name=f"camera{n}") for n in range(sources)]
    parents: Any = cameras
    if of_tracks:
        parents = pipeline.add(ff.BoxTracker(), pipeline.add(found, cameras, name="found"), name="tracks")
    pipeline.add(node, parents, name="consumer", batch=batch)
    pipeline.run()


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_each_further_size_is_a_warning(consumer: str, caplog: pytest.LogCaptureFixture) -> None:
    run(CONSUMERS[consumer](False), of_tracks=consumer in OF_TRACKS)
    said = warnings(caplog, 2)
    assert [each.split("frames of ")[2].split(",")[0] for each in said] == ["320x240", "800x600"]
    assert all(each.startswith("'consumer': its ") or "the zone 'top'" in each for each in said)
    assert all("frames of 640x480" in each for each in said)


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_without_pixels_no_size_is_a_warning(consumer: str, caplog: pytest.LogCaptureFixture) -> None:
    run(CONSUMERS[consumer](True), of_tracks=consumer in OF_TRACKS)
    assert warnings(caplog) == []


def test_a_batch_and_several_sources_are_looked_at_each(caplog: pytest.LogCaptureFixture) -> None:
    run(ff.OnnxDetector(model(), roi=ROI, threads=2), of_tracks=False, batch=ff.Batch(3, max_wait=1000.0))
    assert len(warnings(caplog, 2)) == 2
    caplog.clear()
    run(CONSUMERS["LineCounter"](False), of_tracks=True, sources=2)
    assert len(warnings(caplog, 2)) == 2  # one for each size, not for each source


@pytest.mark.parametrize("counter", ["LineCounter", "ZoneCounter"])
def test_update_warns_of_its_sizes_too(counter: str, caplog: pytest.LogCaptureFixture) -> None:
    node = CONSUMERS[counter](False)
    for n, size in enumerate(SIZES):
        node.update(ff.Detections([[1, 2, 3, 4]], tracker_id=[1]), pts=float(n), size=size)
    assert len(warnings(caplog, 2)) == 2


def test_a_line_that_is_set_for_the_new_size_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    counter = ff.LineCounter((0, 100), (300, 100))
    boxes = ff.Detections([[1, 2, 3, 4]], tracker_id=[1])
    counter.update(boxes, pts=0.0, size=LARGE)
    counter.line = ((0, 50), (150, 50))
    counter.update(boxes, pts=1.0, size=SMALL)
    assert warnings(caplog) == []


def test_many_sizes_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    counter = ff.LineCounter((0, 100), (300, 100))
    boxes = ff.Detections([[1, 2, 3, 4]], tracker_id=[1])
    for n in range(200):
        counter.update(boxes, pts=float(n), size=(640 + n, 480))
    assert 0 < len(warnings(caplog, 1)) <= 16


def test_no_box_is_predicted_from_tracks_of_another_size() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Switches([LARGE] * 6 + [SMALL] * 6), name="camera")
    # Detections only in the large frames, so that those in the small ones are predicted.
    large = pipeline.add(lambda frame: found(frame) if frame.width == LARGE[0] else None, camera)
    tracks = pipeline.add(ff.BoxTracker(), large)
    reader = pipeline.reader(pipeline.add(ff.BoxPredictor(max_age=60), [camera, tracks]), frames=True)
    with pipeline:
        boxes = [(sample.frame.width, len(sample.value)) for sample in reader]
    assert {count for width, count in boxes if width == SMALL[0]} == {0}


def test_a_trail_does_not_lead_from_one_size_to_another() -> None:
    annotate = ff.Annotate(trail=10.0)

    def drawn(size: tuple[int, int], n: int, of: ff.Annotate) -> Any:
        width, height = size
        frame = ff.Frame.from_array(np.zeros((height, width, 3), np.uint8))
        box = np.array([[0.1 + 0.1 * n, 0.4, 0.15 + 0.1 * n, 0.5]]) * ([width, height] * 2)
        return of.draw(frame, ff.Detections(box, tracker_id=[1]), pts=float(n)).bgr

    for n in range(4):
        drawn(LARGE, n, annotate)
    assert (drawn(SMALL, 4, annotate) == drawn(SMALL, 4, ff.Annotate(trail=10.0))).all()
