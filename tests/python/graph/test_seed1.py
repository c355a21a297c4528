"""A camera, a node that sees every frame, and a slow node that always gets the newest."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time

import pytest
from support import check_books, edge, picture

import freshframe as ff

FPS = 140.0
NAP = 0.1  # seconds: 14 frames


class Debugger(ff.Node[ff.Frame, None]):
    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []  # seq, and when it arrived here

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        self.seen.append((sample.seq, time.monotonic()))


class SlowConsumer(ff.Node[ff.Frame, None]):
    def __init__(self, pipeline: ff.Pipeline) -> None:
        self.pipeline = pipeline
        self.seen: list[int] = []
        self.awake: list[float] = []  # when it was ready for the next one

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        self.seen.append(sample.seq)
        if len(self.seen) == 4:
            self.pipeline.stop()
            return
        time.sleep(NAP)
        self.awake.append(time.monotonic())


def run_once() -> tuple[ff.Pipeline, Debugger, SlowConsumer]:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.testing.MockCamera(ff.Frame.from_array(picture(7), "gray"), fps=FPS))
    debugger, slow = Debugger(), SlowConsumer(pipeline)
    # In this order, so that a frame that the debugger has seen is already on the slow node's edge.
    pipeline.add(slow, parent=camera)
    pipeline.add(debugger, parent=camera)
    pipeline.run()
    check_books(pipeline)
    return pipeline, debugger, slow


def test_the_slow_consumer_always_gets_the_newest_frame_there_is() -> None:
    _, debugger, slow = run_once()
    for awake, seq in zip(slow.awake, slow.seen[1:], strict=True):
        there = [number for number, arrived in debugger.seen if arrived < awake]
        assert seq >= max(there)


def test_the_counters_have_the_frames_that_the_debugger_did_not_see() -> None:
    pipeline, debugger, _ = run_once()
    numbers = [number for number, _ in debugger.seen]
    assert numbers == sorted(set(numbers))
    missing = set(range(numbers[-1])) - set(numbers)
    camera = pipeline.stats().nodes["MockCamera"]
    assert len(missing) <= edge(pipeline, "Debugger").dropped + camera.dropped


@pytest.mark.repeats
def test_frames_that_the_slow_consumer_skipped_are_counted_as_queue_full() -> None:
    pipeline, _, slow = run_once()
    books = edge(pipeline, "SlowConsumer")
    assert books.delivered == len(slow.seen) == 4
    assert set(books.drops) <= {"queue_full", "stop"}
    assert books.drops["queue_full"] > 3 * books.delivered


def test_a_consumer_that_sleeps_14_frames_sees_0_14_28_each_within_one() -> None:
    tries = []
    for _ in range(10):  # a busy machine can only delay it, and cannot hide a wrong queue
        seen = run_once()[2].seen[:3]
        tries.append(seen)
        if all(abs(seq - wanted) <= 1 for seq, wanted in zip(seen, (0, 14, 28), strict=True)):
            return
    pytest.fail(f"never saw 0, 14, 28: {tries}")
