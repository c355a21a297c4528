"""Mistakes that mypy --strict must find: each marked line is one. Checked, not run."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import freshframe as ff
from freshframe.fleet import FleetRedear  # type: ignore[attr-defined]  # FleetReader


def takes_circles(circles: ff.Circles) -> int:
    return len(circles.xyr)


def both(frame: ff.Frame, circles: ff.Circles) -> int:
    return len(circles.xyr)


def build() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(0))
    circles = pipeline.add(ff.CircleTracker(), camera)
    reader = pipeline.reader(circles)

    print(ff.Pipelinx, FleetRedear)  # type: ignore[attr-defined]  # Pipeline
    pipeline.add(ff.CircleTracker(), circles)  # type: ignore[misc]  # takes frames, gets circles
    pipeline.add(takes_circles, camera)  # type: ignore[arg-type]  # takes circles, gets frames
    pipeline.add(ff.CircleTracker())  # type: ignore[call-overload]  # a node without a parent
    pipeline.add(ff.open(0), camera)  # type: ignore[misc]  # a source with a parent
    pipeline.add(ff.CircleTracker, camera)  # type: ignore[arg-type]  # a class, not an instance
    pipeline.add(ff.CircleTracker(), camera, on_error="ignore")  # type: ignore[call-overload]  # no such choice
    pipeline.add(ff.CircleTracker(), camera, queue=1)  # type: ignore[call-overload]  # a number is no queue
    pipeline.add(both, (circles, camera), join=ff.Join())  # type: ignore[arg-type]  # the other way round
    pipeline.add(both, (camera, circles), join=0.1)  # type: ignore[call-overload]  # a number is no join
    pipeline.reader(camera, circles)  # type: ignore[call-overload]  # several ports are one list
    pipeline.reader(camera, circles, join=ff.Join())  # type: ignore[call-overload]  # one list or tuple is wanted
    print(reader.latest().value)  # type: ignore[union-attr]  # may be None
    reader.latest(0.1)  # type: ignore[call-arg]  # max_age goes by name
    pipeline.remove(reader)  # type: ignore[arg-type]  # reader.close() takes it out
    print(reader.get().value.xyxy)  # type: ignore[attr-defined]  # circles have xyr
    reader.get().seq = 3  # type: ignore[misc]  # read-only
    ff.Detections([[0, 0, 1, 1]], [1], [0], [7])  # type: ignore[call-arg]  # tracker_id by name
    ff.ZoneCounter([(0, 0), (9, 0), (9, 9)])  # type: ignore[arg-type]  # zones have names
    ff.BoxTracker().update(ff.Detections.empty(), 0.1)  # type: ignore[call-arg]  # pts by name
    ff.Annotate(ids=False)  # type: ignore[call-arg]  # labels= is the one way
    ff.Queue(1, "sometimes")  # type: ignore[arg-type]  # no such policy
    ff.open(3.5)  # type: ignore[arg-type]  # no address
    ff.CircleTracker(radius=5)  # type: ignore[arg-type]  # a pair is wanted
    pipeline.run(progress=3)  # type: ignore[arg-type]  # neither bool nor callable
    reader.get("soon")  # type: ignore[arg-type]  # seconds
    for sample in reader:
        print(sample.bgr)  # type: ignore[attr-defined]  # sample.frame.bgr
        sample.frame.to("yuv")  # type: ignore[arg-type]  # no such format
    ff.open("a.mp4", "r")  # type: ignore[call-arg]  # one thing is opened
    pipeline.add(ff.BoxTracker(), camera)  # type: ignore[misc]  # takes boxes, gets frames
    with pipeline.start():  # type: ignore[attr-defined]  # start() returns nothing
        pass
    pipeline.serve("0.0.0.0", 80)  # type: ignore[call-arg]  # by name
    ff.Join(0.01, 0.1)  # type: ignore[call-arg]  # max_wait by name
    ff.Frame.from_array(sample.frame.bgr, "bgrx")  # type: ignore[arg-type]  # no such format
    ff.Queue(8, max_bytes="1e9")  # type: ignore[arg-type]  # a number
    state: ff.stats.NodeState = "asleep"  # type: ignore[assignment]  # no such state
    print(state)
    ff.open(url=0)  # type: ignore[call-arg]  # it has no name
    ff.VideoFile("a.mp4", codec=None)  # type: ignore[arg-type]  # "auto"


class WrongResult(ff.Node[ff.Frame, int]):
    def process(self, sample: ff.Sample[ff.Frame]) -> str:  # type: ignore[override]  # promised int
        return "text"


class WrongInput(ff.Node[ff.Frame, int]):
    def process(self, sample: ff.Sample[ff.Circles]) -> int:  # type: ignore[override]  # promised frames
        return 1
