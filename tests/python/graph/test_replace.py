"""replace(), on_error="remove", and options that change while a node works."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest
from support import Push, until

import freshframe as ff


class Adds(ff.Node[int, int]):
    def __init__(self, number: int) -> None:
        self.number = number
        self.opened = self.closed = 0
        self.thread = ""

    def open(self) -> None:
        self.opened += 1

    def process(self, sample: ff.Sample[int]) -> int:
        self.thread = threading.current_thread().name
        return sample.value + self.number

    def close(self) -> None:
        self.closed += 1


class Fails(ff.Node[int, int]):
    def open(self) -> None:
        raise OSError("no such model")

    def process(self, sample: ff.Sample[int]) -> int:
        return sample.value


class Texts(ff.Node[str, str]):
    def process(self, sample: ff.Sample[str]) -> str:
        return sample.value


def test_a_python_node_takes_the_place_of_another() -> None:
    source, first, second = Push(), Adds(10), Adds(20)
    pipeline = ff.Pipeline()
    step = pipeline.add(first, pipeline.add(source, name="cam"), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline.start():
        source.push(1)
        assert reader.get(timeout=20).value == 11
        pipeline.replace(step, second)  # also while no sample comes
        assert (first.closed, second.opened, second.closed) == (1, 1, 0)
        source.push(2)
        sample = reader.get(timeout=20)
        assert (sample.value, sample.seq, sample.node) == (22, 1, "step")
        assert second.thread == "step"
        assert pipeline.stats().nodes["step"].processed == 2
    assert second.closed == 1


def test_a_function_takes_the_place_of_another_while_samples_flow() -> None:
    pipeline = ff.Pipeline()

    class Count(ff.Source[int]):
        live = False

        def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float]]:
            for i in range(2000):
                yield i, i / 25

    step = pipeline.add(lambda value: value, pipeline.add(Count()), name="step")
    reader = pipeline.reader(step)
    seen: list[int] = []
    with pipeline.start():
        consumer = threading.Thread(target=lambda: seen.extend(sample.value % 10_000 for sample in reader))
        consumer.start()
        with contextlib.suppress(ff.StateError):  # it has ended
            for round_ in range(1, 50):
                pipeline.replace(step, lambda value, add=round_ * 10_000: value + add)
        consumer.join()
    assert seen == list(range(2000))


def test_a_failing_open_leaves_the_old_node_at_work() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(Adds(1), pipeline.add(source), name="step")
    reader = pipeline.reader(step)
    with pipeline.start():
        for _ in range(3):
            with pytest.raises(OSError, match="no such model"):
                pipeline.replace(step, Fails())
        source.push(1)
        assert reader.get(timeout=20).value == 2


def test_what_cannot_be_replaced_is_refused() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    step = pipeline.add(Adds(1), cam, name="step")
    with pytest.raises(ff.StateError, match="before start"):
        pipeline.replace(step, Adds(2))
    with pipeline.start():
        with pytest.raises(ff.GraphError, match="takes int"):
            pipeline.replace(step, Texts())
        with pytest.raises(ff.GraphError, match="a Node takes the place of a Node"):
            pipeline.replace(step, lambda value: value)
        with pytest.raises(ff.GraphError, match="a source in Python"):
            pipeline.replace(cam, Push())
        with pytest.raises(ff.OptionTypeError, match="a port that add"):
            pipeline.replace(3, Adds(2))  # type: ignore[arg-type]
        pipeline.remove(step)
        with pytest.raises(ff.StateError, match="was removed"):
            pipeline.replace(step, Adds(2))


def test_a_camera_gets_another_address_and_its_stream_goes_on() -> None:
    pipeline = ff.Pipeline()
    cam = pipeline.add(ff.open("demo:circles?fps=60&size=160x120"), name="cam")
    reader = pipeline.reader(cam, queue=ff.Queue(64))
    with pipeline.start():
        first = reader.get(timeout=20)
        pipeline.replace(cam, ff.open("demo:circles?fps=60&size=320x240"))
        before = first
        while True:
            sample = reader.get(timeout=20)
            assert sample.seq == before.seq + 1
            assert sample.pts > before.pts
            before = sample
            if sample.value.width == 320:
                break
        with pytest.raises(ff.GraphError, match="not live"):
            pipeline.replace(cam, ff.open("demo:circles?pace=0&frames=3"))


def test_a_node_that_fails_goes_alone() -> None:
    class Breaks(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int]) -> int:
            raise ValueError("broken")

    source = Push()
    below = Adds(0)
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    breaks = pipeline.add(Breaks(), cam, name="breaks", on_error="remove")
    pipeline.add(below, breaks, name="below")
    reader = pipeline.reader(cam, queue=ff.Queue(8))
    with pipeline.start():
        source.push(1)
        until(lambda: set(pipeline.stats().nodes) == {"cam"}, "the branch has gone")
        assert below.closed == 1
        source.push(2)
        assert [reader.get(timeout=20).value for _ in range(2)] == [1, 2]
        source.end()
        assert pipeline.wait(20)
        report = pipeline.run()
    assert not report.complete
    (failure,) = report.failures
    assert "'breaks' failed on sample 0 of 'cam'" in failure
    assert "broken" in failure
    assert failure in report.losses
