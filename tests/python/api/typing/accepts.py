"""Programs that mypy --strict must accept, with the types that it must see. Checked, not run."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import freshframe as ff

if sys.version_info >= (3, 11):
    from typing import assert_type
else:
    from typing_extensions import assert_type


def brightness(frame: ff.Frame) -> float:
    return float(frame.luma.mean())


def bright_only(value: float) -> float | None:
    return value if value > 100 else None


class Count(ff.Node[ff.Circles, int]):
    def process(self, sample: ff.Sample[ff.Circles]) -> int | None:
        assert_type(sample.value, ff.Circles)
        assert_type(sample.frame, ff.Frame)
        return len(sample.value.xyr)


def fuse(frame: ff.Frame, circles: ff.Circles | None) -> str | None:
    return None if circles is None else str(frame.width)


class Fuse(ff.Node[tuple[ff.Frame, ff.Circles], int]):
    def process(self, sample: ff.Sample[tuple[ff.Frame, ff.Circles]]) -> int:
        assert_type(sample.value, tuple[ff.Frame, ff.Circles])
        assert_type(sample.members, tuple[ff.Sample[Any] | None, ...])
        return 1


def joins(pipeline: ff.Pipeline, frames: ff.Port[ff.Frame], circles: ff.Port[ff.Circles]) -> None:
    join = ff.Join(within=0.01, max_wait=0.1)
    assert_type(pipeline.add(fuse, (frames, circles), join=join), ff.Port[str])
    assert_type(pipeline.add(Fuse(), (frames, circles), join=join, name="fuse"), ff.Port[int])
    assert_type(pipeline.add(lambda *views: len(views), [frames, frames], join=join), ff.Port[int])
    assert_type(pipeline.reader((frames, circles), join=join), ff.Reader[tuple[ff.Frame, ff.Circles]])
    assert_type(pipeline.reader([frames, frames], join=join), ff.Reader[tuple[ff.Frame, ...]])


def results(circles: ff.Circles, boxes: ff.Detections, frame: ff.Frame) -> None:
    assert_type(boxes[0], ff.types.Box)
    assert_type(boxes[1:], ff.Detections)
    assert_type(boxes[boxes.confidence > 0.5], ff.Detections)
    assert_type(boxes[boxes.inside([(0, 0), (90, 0), (90, 90)], anchor="bottom")], ff.Detections)
    assert_type(circles[[0, 1]], ff.Circles)
    for box in boxes:
        x1, _, _, _ = box
        assert_type(x1, float)
        assert_type(box.class_name, str | None)
        assert_type(box.velocity, tuple[float, float] | None)
    for x, _, _ in circles:
        assert_type(x, float)
    assert_type(circles.to_detections(), ff.Detections)
    assert_type(boxes.to_dicts(), list[dict[str, Any]])
    assert_type(ff.Detections([[0, 0, 1, 1]], 0.5), ff.Detections)
    assert_type(ff.Detections.merge([boxes, ff.Detections.empty()]), ff.Detections)
    assert_type(boxes.with_data(speed=[1.0]), ff.Detections)
    assert_type(ff.OnnxDetector("a.onnx", min_confidence=0.5, max_iou=0.5).detect(frame), ff.Detections)
    assert_type(ff.CircleDetector().detect(frame.bgr), ff.Circles)


def counts(pipeline: ff.Pipeline, tracks: ff.Port[ff.Detections], boxes: ff.Detections) -> None:
    zones = ff.ZoneCounter({"till": [(0, 0), (90, 0), (90, 90)]}, loiter_after={"person": 15})
    assert_type(pipeline.add(zones, tracks), ff.Port[ff.types.Zones])
    assert_type(zones.update(boxes, pts=0.0)["till"].dwell, Mapping[int, float])
    assert_type(ff.LineCounter((0, 0), (9, 9)).update(boxes, pts=0).by_class, Mapping[str, tuple[int, int]])
    assert_type(ff.BoxTracker(min_iou=0.2).update(boxes, pts=0.5), ff.Detections)


def asks(pipeline: ff.Pipeline, frames: ff.Port[ff.Frame]) -> None:
    node = ff.Ask("http://127.0.0.1:8000/v1", "Is it open?")
    assert_type(pipeline.add(node, frames, on_error="skip"), ff.Port[ff.types.Answer])
    assert_type(node.ask("What is there?").result(), ff.types.Answer)


def looks(pipeline: ff.Pipeline, frames: ff.Port[ff.Frame], packets: ff.Port[ff.types.Packet]) -> None:
    look = ff.Look(seconds=10)
    assert_type(look.now(max_age=2), ff.types.Snapshot)
    assert_type(look.last(10, n=4), list[ff.types.Snapshot])
    pipeline.add(look, packets)
    pipeline.add(ff.Look(every=0.5), frames, name="yard")
    ff.Ask("http://127.0.0.1:8000/v1").ask("What was there?", snapshots=look.last(10))
    pipeline.serve(look=[look], looks_per_minute=10)
    pipeline.serve(origins=["https://my.site"], token="a-token-of-mine-0")


class Numbers(ff.Source[int]):
    live = False

    def read(self) -> Iterator[tuple[int, float]]:
        for number in range(10):
            if self.stop_token.wait(0.1):
                return
            yield number, number / 10


class Counts(ff.Node):  # takes any type, like a bare Port, Reader and Sample
    def process(self, sample: ff.Sample) -> int:
        assert_type(sample.value, Any)
        return 1


def bare(port: ff.Port, reader: ff.Reader) -> ff.Port:
    assert_type(port, ff.Port[Any])
    assert_type(reader.get(), ff.Sample[Any])
    return port


class Sink(ff.Node[Any, None]):
    def process(self, sample: ff.Sample[Any]) -> None:
        print(sample.seq)


class Scale:
    def __call__(self, value: int) -> str:
        return str(value)


def ports_and_readers() -> None:
    pipeline = ff.Pipeline("typed", stall_timeout=None)
    source = ff.open(0, size=(640, 480), exposure=100, gain="auto", frozen_after=30)
    camera = pipeline.add(source, name="camera")
    assert_type(camera, ff.Port[ff.Frame])
    assert_type(pipeline.add(ff.testing.MockCamera("pepsi.png", fps=14)), ff.Port[ff.Frame])
    circles = pipeline.add(ff.CircleTracker(radius=(8, 120)), camera, queue=ff.NEXT, max_age=0.1, max_rate=5)
    assert_type(circles, ff.Port[ff.Circles])
    assert_type(pipeline.add(Count(), circles, on_error="skip"), ff.Port[int])
    assert_type(pipeline.add(brightness, camera), ff.Port[float])
    assert_type(pipeline.add(bright_only, pipeline.add(brightness, camera)), ff.Port[float])
    assert_type(pipeline.add(Scale(), pipeline.add(Numbers())), ff.Port[str])
    assert_type(pipeline.add(ff.Annotate(), circles), ff.Port[ff.Frame])
    pipeline.add(Sink(), circles)
    pipeline.add(ff.JsonLines("out.jsonl"), circles)
    merged = pipeline.add(brightness, [camera, pipeline.add(ff.testing.MockCamera("pepsi.png"))])
    assert_type(merged, ff.Port[float])

    reader = pipeline.reader(circles, queue=ff.Queue(4), frames=False, max_rate=0.5)
    assert_type(reader, ff.Reader[ff.Circles])
    assert_type(pipeline.reader([camera, camera]), ff.Reader[ff.Frame])
    assert_type(pipeline.reader((camera, circles)), ff.Reader[ff.Frame | ff.Circles])
    assert_type(pipeline.reader((camera, circles, camera)), ff.Reader[ff.Frame | ff.Circles])
    with pipeline as started:
        assert_type(started, ff.Pipeline)
        if sample := reader.latest():
            assert_type(sample, ff.Sample[ff.Circles])
            assert_type(sample.value.xyr, npt.NDArray[np.float32])
        assert_type(reader.latest(max_age=0.1), ff.Sample[ff.Circles] | None)
        assert_type(reader.poll(), ff.Sample[ff.Circles] | None)
        assert_type(reader.get(timeout=1.0).value, ff.Circles)
        for sample in reader:
            assert_type(sample.seq, int)
            assert_type(sample.age, float)
    assert_type(pipeline.run(), ff.stats.Report)
    assert_type(pipeline.wait(), bool)
    assert_type(pipeline.stats().edges[0].drops.get("queue_full", 0), int)
    assert_type(pipeline.stats().nodes["camera"].busy, float)


async def asynchronous() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Numbers()))
    async with pipeline as started:
        assert_type(started, ff.Pipeline)
        async for sample in reader:
            assert_type(sample.value, int)


def frames(array: npt.NDArray[np.uint8]) -> None:
    frame = ff.Frame.from_array(array, "rgb", copy=False)
    assert_type(frame, ff.Frame)
    assert_type(frame.luma, npt.NDArray[np.uint8])
    assert_type(frame.copy("bgr"), npt.NDArray[np.uint8])
    assert_type(frame.to("nv12"), ff.Frame)
    assert_type(ff.Frame.read("match.mp4", pts=3.2), ff.Frame)
    assert_type(frame.jpeg(max_side=640), bytes)
    frame.write("a.png")
    info: ff.types.VideoInfo = ff.probe("match.mp4")
    assert_type(ff.probe("match.mp4").format, ff.types.Format)
    print(info.codec)
    np.asarray(frame)
    for sample in ff.stream(ff.open("clip.mp4"), ff.CircleTracker()):
        print(sample.seq, sample.age)
    with ff.open("clip.mp4") as video, ff.testing.MockCamera() as camera:
        assert_type(video, ff.types.VideoSource)
        assert_type(camera, ff.testing.MockCamera)
        for picture in video:
            assert_type(picture, ff.Sample[ff.Frame])
        assert_type(next(iter(camera)), ff.Sample[ff.Frame])
        video.close()


def subclass_of_subclass() -> None:
    class Doubled(Count):
        def process(self, sample: ff.Sample[ff.Circles]) -> int | None:
            count = super().process(sample)
            return None if count is None else 2 * count

    pipeline = ff.Pipeline()
    port = pipeline.add(Doubled(), pipeline.add(ff.CircleDetector(), pipeline.add(ff.open("a.mp4"))))
    assert_type(port, ff.Port[int])
