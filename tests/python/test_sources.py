"""Python sources and MockCamera: stamps, stop, wrong items."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Collect, edge, picture

import freshframe as ff


def test_a_source_may_give_its_own_capture_time() -> None:
    class Late(ff.Source[str]):
        live = False

        def read(self, stop: ff.StopToken) -> Iterator[tuple[str, float, float]]:
            yield "a", 0.5, 123.25

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Late()))
    with pipeline:
        sample = reader.get()
        assert (sample.value, sample.pts, sample.captured) == ("a", 0.5, 123.25)


def test_a_source_is_live_unless_it_says_otherwise() -> None:
    assert ff.Source.live is True

    class Default(ff.Source[int]):
        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            yield 1, 0.0

    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Default()))
    with pipeline:
        assert edge(pipeline, "reader").queue == ff.LATEST


def test_stop_wakes_a_source_that_waits_and_its_finally_runs() -> None:
    ends: list[object] = []
    waiting = threading.Event()

    class Slow(ff.Source[int]):
        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            try:
                yield 0, 0.0
                waiting.set()
                ends.append(stop.wait(1000))
            finally:
                ends.append("finally")

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Slow()))
    with pipeline:
        reader.get()
        assert waiting.wait(WATCHDOG)
    assert ends == [True, "finally"]


def test_the_finally_of_a_source_runs_on_its_own_thread_when_it_is_stopped_at_a_yield() -> None:
    threads = []

    class Endless(ff.Source[int]):
        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            try:
                while True:
                    yield 0, 0.0
            finally:
                threads.append(threading.current_thread().name)

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Endless(), name="endless"))
    with pipeline:
        reader.get()
    assert threads == ["endless"]


def test_stop_wait_returns_false_after_the_time() -> None:
    answers = []

    class Patient(ff.Source[int]):
        live = False

        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            before = time.monotonic()
            answers.append(stop.wait(0.03))
            answers.append(time.monotonic() - before >= 0.03)
            yield 0, 0.0

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Patient()))
    pipeline.run()
    assert answers == [False, True]


@pytest.mark.parametrize(
    "item",
    [5, (1,), (1, "late"), (1, 0.0, 0.0, 0.0), None],
    ids=["no tuple", "too short", "pts no number", "too long", "None"],
)
def test_a_source_that_yields_something_else_is_told_what_it_should_yield(item: Any) -> None:
    class Wrong(ff.Source[int]):
        live = False

        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            yield item

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Wrong()))
    with pytest.raises(ff.NodeError, match=r"(?s)'Wrong'.*pts"):
        pipeline.run()


def test_a_source_may_return_any_iterator() -> None:
    class Listed(ff.Source[str]):
        live = False

        def read(self, stop: ff.StopToken) -> Iterator[tuple[str, float]]:
            return iter([("a", 0.0), ("b", 0.04)])

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Listed()))
    with pipeline:
        assert [(s.value, s.pts) for s in reader] == [("a", 0.0), ("b", 0.04)]


def test_a_mock_camera_shows_its_picture() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.MockCamera(ff.Frame.from_array(picture(77), "gray"), fps=500)))
    with pipeline:
        first, second = reader.get(), reader.get()
        assert int(first.value.luma[5, 5]) == 77
        assert second.seq > first.seq
        assert second.pts - first.pts == pytest.approx((second.seq - first.seq) / 500)


def test_a_mock_camera_takes_an_array() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[..., 2] = 200
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.MockCamera(image, fps=500)))
    with pipeline:
        frame = reader.get().value
        assert frame.format == "bgr"
        assert np.array_equal(frame.bgr, image)


def test_a_source_error_of_a_python_source_stays_itself_and_names_its_source() -> None:
    lost = ff.SourceError("the cable is out")

    class Cable(ff.Source[int]):
        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            yield 0, 0.0
            raise lost

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Cable(), name="cable"))
    with pytest.raises(ff.SourceError) as caught:
        pipeline.run()
    assert caught.value is lost
    assert caught.value.source == "cable"
