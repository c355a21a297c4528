"""Python sources and MockCamera: stamps, stop, invalid items."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Collect, edge, picture, until

import freshframe as ff


def test_a_source_may_give_its_own_capture_time() -> None:
    class Late(ff.Source[str]):
        live = False

        def read(self) -> Iterator[tuple[str, float, float]]:
            yield "a", 0.5, 123.25

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Late()))
    with pipeline:
        sample = reader.get()
        assert (sample.value, sample.pts, sample.captured) == ("a", 0.5, 123.25)


def test_a_source_is_live_unless_it_says_otherwise() -> None:
    assert ff.Source.live is True

    class Default(ff.Source[int]):
        def read(self) -> Iterator[tuple[int, float]]:
            yield 1, 0.0

    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Default()))
    with pipeline:
        assert edge(pipeline, "reader").queue == ff.LATEST


def test_stop_wakes_a_source_that_waits_and_its_finally_runs() -> None:
    ends: list[object] = []
    waiting = threading.Event()

    class Slow(ff.Source[int]):
        def read(self) -> Iterator[tuple[int, float]]:
            try:
                yield 0, 0.0
                waiting.set()
                ends.append(self.stop_token.wait(1000))
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
        def read(self) -> Iterator[tuple[int, float]]:
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

        def read(self) -> Iterator[tuple[int, float]]:
            before = time.monotonic()
            answers.append(self.stop_token.wait(0.03))
            answers.append(time.monotonic() - before >= 0.03)
            yield 0, 0.0

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Patient()))
    pipeline.run()
    assert answers == [False, True]


class WantsStop(ff.Source[int]):
    def read(self, stop: Any) -> Iterator[tuple[int, float]]:  # type: ignore[override]
        yield 0, 0.0


class MayWant(ff.Source[int]):
    live = False

    def read(self, rate: float = 1.0, **options: Any) -> Iterator[tuple[int, float]]:
        yield 0, 0.0


class NoFunction(ff.Source[int]):
    live = False
    read = staticmethod(functools.partial(iter, [(5, 0.0)]))


def test_a_read_that_wants_an_argument_is_refused_by_add() -> None:
    with pytest.raises(
        ff.GraphError, match=r"^WantsStop.read\(stop.* write read\(self\), .* self.stop_token"
    ):
        ff.Pipeline().add(WantsStop())


@pytest.mark.parametrize("source", [MayWant, NoFunction])
def test_any_other_read_is_taken(source: type[ff.Source[int]]) -> None:
    assert len(list(ff.stream(source()))) == 1


class Yields(ff.Source[Any]):
    """Yields one item, valid or not."""

    live = False

    def __init__(self, item: Any) -> None:
        self.item = item

    def read(self) -> Iterator[Any]:
        yield self.item


def run_source(source: ff.Source[Any]) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(source))
    pipeline.run()


@pytest.mark.parametrize(
    "item",
    [5, (1,), (1, "late"), (1, 0.0, 0.0, 0.0), None],
    ids=["no tuple", "too short", "pts no number", "too long", "None"],
)
def test_the_error_of_a_source_that_yields_something_else_names_the_right_items(item: Any) -> None:
    with pytest.raises(ff.NodeError, match=r"(?s)'Yields'.*pts") as caught:
        run_source(Yields(item))
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize("item", [(1, float("nan")), (1, float("inf")), (1, 0.0, float("nan"))])
def test_the_error_of_a_source_that_yields_no_time_says_so(item: Any) -> None:
    with pytest.raises(ff.NodeError, match=r"= (nan|inf); it must be a finite number of seconds") as caught:
        run_source(Yields(item))
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_error_of_a_source_whose_read_is_no_generator_says_so() -> None:
    class Returns(ff.Source[int]):
        live = False

        def read(self) -> Any:
            return 5

    class Async(ff.Source[int]):
        live = False

        async def read(self) -> Any:
            yield 1, 0.0

    for kind, found in ((Returns, "it returned 5"), (Async, "it returned <async_generator")):
        with pytest.raises(ff.NodeError, match=rf"must yield \(value, pts\).*{found}"):
            run_source(kind())


def test_a_source_is_live_or_not() -> None:
    class Unclear(ff.Source[int]):
        live = "yes"  # type: ignore[assignment]

        def read(self) -> Iterator[tuple[int, float]]:
            yield 1, 0.0

    with pytest.raises(ff.OptionTypeError, match=r"Unclear.live must be True or False, got 'yes'"):
        ff.Pipeline().add(Unclear())


def test_a_source_may_return_any_iterator() -> None:
    class Listed(ff.Source[str]):
        live = False

        def read(self) -> Iterator[tuple[str, float]]:
            return iter([("a", 0.0), ("b", 0.04)])

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Listed()))
    with pipeline:
        assert [(s.value, s.pts) for s in reader] == [("a", 0.0), ("b", 0.04)]


def test_a_source_that_ends_before_its_first_sample_ends_the_run() -> None:
    class Empty(ff.Source[int]):
        live = False

        def read(self) -> Iterator[tuple[int, float]]:
            return iter(())

    pipeline, collect = ff.Pipeline(), Collect()
    pipeline.add(collect, pipeline.add(Empty()))
    report = pipeline.run()
    assert report.complete
    assert (report.samples, collect.seen) == (0, [])


def test_a_live_source_that_ends_ends_its_readers() -> None:
    class Short(ff.Source[int]):
        def read(self) -> Iterator[tuple[int, float]]:
            yield 7, 0.0

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Short()))
    with pipeline:
        assert [sample.value for sample in reader] == [7]


@pytest.mark.parametrize("before", [0, 2], ids=["at once", "after two samples"])
def test_what_a_source_raises_is_a_node_error_that_says_where(before: int) -> None:
    class Breaks(ff.Source[int]):
        live = False

        def read(self) -> Iterator[tuple[int, float]]:
            for number in range(before):
                yield number, number / 25
            raise KeyError("sensor")

    pipeline, collect = ff.Pipeline(), Collect()
    pipeline.add(collect, pipeline.add(Breaks()))
    with pytest.raises(ff.NodeError, match="'Breaks'") as caught:
        pipeline.run()
    assert isinstance(caught.value.__cause__, KeyError)
    numbers = [seq for seq, _ in collect.seen]
    assert numbers == list(range(len(numbers))), "what came before the failure may still wait when all stops"
    assert len(numbers) <= before


def test_stop_names_a_source_that_blocks_without_its_token() -> None:
    blocked, release = threading.Event(), threading.Event()

    class Deaf(ff.Source[int]):
        def read(self) -> Iterator[tuple[int, float]]:
            yield 0, 0.0
            blocked.set()
            release.wait(WATCHDOG)

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Deaf(), name="deaf"))
    pipeline.start()
    reader.get()
    assert blocked.wait(WATCHDOG)
    with pytest.raises(ff.StopTimeoutError) as caught:
        pipeline.stop(timeout=0.05)
    assert caught.value.nodes == ["deaf"]
    release.set()
    pipeline.stop()


def test_a_live_source_does_not_wait_for_a_slow_consumer() -> None:
    class Fast(ff.Source[int]):
        def read(self) -> Iterator[tuple[int, float]]:
            for number in range(50):
                yield number, number / 1000

    released = threading.Event()

    class Slow(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int]) -> int | None:
            assert released.wait(WATCHDOG)
            return sample.value

    pipeline = ff.Pipeline()
    slow = pipeline.add(Slow(), pipeline.add(Fast()))
    reader = pipeline.reader(slow, queue=ff.Queue(50))
    with pipeline:
        until(lambda: pipeline.stats().nodes["Fast"].state == "ended", "the source to run on by itself")
        released.set()
        numbers = [sample.value for sample in reader]
    assert numbers[-1] == 49
    assert len(numbers) <= 2, "the one in hand and the newest"
    assert edge(pipeline, "Slow").dropped == 50 - len(numbers)


def test_a_mock_camera_shows_its_picture() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(
        pipeline.add(ff.testing.MockCamera(ff.Frame.from_array(picture(77), "gray"), fps=500))
    )
    with pipeline:
        first, second = reader.get(), reader.get()
        assert int(first.value.luma[5, 5]) == 77
        assert second.seq > first.seq
        assert second.pts - first.pts == pytest.approx((second.seq - first.seq) / 500)


def test_a_mock_camera_takes_an_array() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[..., 2] = 200
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.testing.MockCamera(image, fps=500)))
    with pipeline:
        frame = reader.get().value
        assert frame.format == "bgr"
        assert np.array_equal(frame.bgr, image)


def test_a_mock_camera_gives_each_frame_of_a_list_once_and_drops_none(tmp_path: Path) -> None:
    path = tmp_path / "last.png"
    ff.Frame.from_array(picture(30), "gray").write(path)
    given = [ff.Frame.from_array(picture(10), "gray"), picture(20), path]
    camera = ff.testing.MockCamera(given, fps=500)
    assert not camera.live
    pipeline = ff.Pipeline()

    def tone(frame: ff.Frame) -> int:
        time.sleep(0.02)  # slower than the camera
        return int(frame.luma[5, 5])

    reader = pipeline.reader(pipeline.add(tone, pipeline.add(camera)))
    with pipeline:
        samples = list(reader)
    assert [sample.value for sample in samples] == [10, 20, 30]
    assert [sample.pts for sample in samples] == [0, 1 / 500, 2 / 500]
    assert all(each.dropped == 0 for each in pipeline.stats().edges)


def test_a_mock_camera_of_a_list_of_no_frames_is_refused() -> None:
    with pytest.raises(ff.OptionError, match="MockCamera needs at least one frame"):
        ff.testing.MockCamera([])
    with pytest.raises(ff.OptionTypeError, match=r"needs a uint8 array"):
        ff.testing.MockCamera([picture(1), None])
    with pytest.raises(ff.SourceError):
        ff.testing.MockCamera(["no/such/picture.png"])


def test_a_source_error_of_a_python_source_stays_itself_and_names_its_source() -> None:
    lost = ff.SourceError("the cable is out")

    class Cable(ff.Source[int]):
        def read(self) -> Iterator[tuple[int, float]]:
            yield 0, 0.0
            raise lost

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Cable(), name="cable"))
    with pytest.raises(ff.SourceError) as caught:
        pipeline.run()
    assert caught.value is lost
    assert caught.value.source == "cable"
