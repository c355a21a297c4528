"""A running node is replaced by another one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from support import Count, Gate, Push, until

import freshframe as ff
from freshframe._graph import place, replacing, wiring
from freshframe._graph.contract import Contract


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


class Untyped(ff.Node[Any, Any]):
    opened = 0

    def open(self) -> None:
        self.opened += 1

    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value


class Texts(ff.Node[str, str]):
    def process(self, sample: ff.Sample[str]) -> str:
        return sample.value


def test_a_python_node_takes_the_place_of_another() -> None:
    source, first, second = Push(), Adds(10), Adds(20)
    pipeline = ff.Pipeline()
    step = pipeline.add(first, pipeline.add(source, name="cam"), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        source.push(1)
        assert reader.get(timeout=100).value == 11
        pipeline.replace(step, second)  # even while no sample arrives
        assert (first.closed, second.opened, second.closed) == (1, 1, 0)
        source.push(2)
        sample = reader.get(timeout=100)
        assert (sample.value, sample.seq, sample.node) == (22, 1, "step")
        assert second.thread == "step"
        assert pipeline.stats().nodes["step"].processed == 2
    assert second.closed == 1


class Sums(ff.Node[int, int]):
    def __init__(self) -> None:
        self.sum = self.finished = 0

    def process(self, sample: ff.Sample[int]) -> None:
        self.sum += sample.value

    def finish(self) -> int:
        self.finished += 1
        return self.sum


def test_finish_of_a_node_that_was_replaced_does_not_run_and_its_state_is_the_programs() -> None:
    source, first, second = Push(), Sums(), Sums()
    pipeline = ff.Pipeline()
    step = pipeline.add(first, pipeline.add(source, name="cam"), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        source.push(3)
        until(lambda: first.sum == 3, "the first sample")
        pipeline.replace(step, second)
        assert (first.finished, first.sum) == (0, 3)
        source.push(4)
        source.end()
        assert [sample.value for sample in reader] == [4]  # one last result, from the node that was replaced
        pipeline.wait()
    assert (first.finished, second.finished) == (0, 1)


def test_a_function_takes_the_place_of_another_while_samples_flow() -> None:
    pipeline = ff.Pipeline()
    may_begin = threading.Event()

    class Begins(ff.Source[int]):
        live = False

        def read(self) -> Iterator[tuple[int, float]]:
            may_begin.wait()
            for i in range(2000):
                yield i, i / 25

    step = pipeline.add(lambda value: value, pipeline.add(Begins()), name="step")
    reader = pipeline.reader(step)
    seen: list[int] = []
    replaced = 0
    with pipeline:
        consumer = threading.Thread(target=lambda: seen.extend(sample.value % 10_000 for sample in reader))
        consumer.start()
        with contextlib.suppress(ff.StateError):  # it has ended
            for round_ in range(1, 50):
                pipeline.replace(step, lambda value, add=round_ * 10_000: value + add)
                replaced += 1
                may_begin.set()
        consumer.join()
    assert replaced > 0
    assert seen == list(range(2000))


def test_a_function_and_a_node_take_each_others_place() -> None:
    pipeline = ff.Pipeline()
    step = pipeline.add(first := Adds(1), pipeline.add(source := Push()), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        pipeline.replace(step, lambda value: 10 * value)
        source.push(2)
        assert reader.get(timeout=100).value == 20
        pipeline.replace(step, second := Adds(3))
        source.push(4)
        assert reader.get(timeout=100).value == 7
    assert (first.closed, second.opened, second.closed) == (1, 1, 1)


def test_a_function_takes_its_own_place() -> None:
    def add_one(value: int) -> int:
        return value + 1

    pipeline = ff.Pipeline()
    step = pipeline.add(add_one, pipeline.add(source := Push()))
    reader = pipeline.reader(step)
    with pipeline:
        for number in range(3):
            pipeline.replace(step, add_one)
            assert step.node is add_one
            source.push(number)
            assert reader.get(timeout=100).value == number + 1
        assert len(step._place.entries) == 1


def test_a_failing_open_leaves_the_old_node_at_work() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(Adds(1), pipeline.add(source), name="step")
    reader = pipeline.reader(step)
    with pipeline:
        for _ in range(3):
            with pytest.raises(OSError, match="no such model"):
                pipeline.replace(step, Fails())
        source.push(1)
        assert reader.get(timeout=100).value == 2


def test_what_cannot_be_replaced_is_refused() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    step = pipeline.add(Adds(1), cam, name="step")
    with pytest.raises(ff.StateError, match="before start"):
        pipeline.replace(step, Adds(2))
    with pipeline:
        with pytest.raises(ff.GraphError, match="takes int"):
            pipeline.replace(step, Texts())
        with pytest.raises(ff.GraphError, match="a source written in Python"):
            pipeline.replace(cam, Push())
        with pytest.raises(ff.OptionTypeError, match="a port that add"):
            pipeline.replace(3, Adds(2))  # type: ignore[arg-type]
        pipeline.remove(step)
        with pytest.raises(ff.StateError, match="was removed"):
            pipeline.replace(step, Adds(2))


def test_a_camera_gets_another_address_and_its_stream_goes_on() -> None:
    pipeline = ff.Pipeline()
    cam = pipeline.add(ff.open("demo:circles?fps=60&size=160x120"), name="cam")
    # One minute, because a busy machine may pause in replace().
    reader = pipeline.reader(cam, queue=ff.Queue(4096))
    with pipeline:
        first = reader.get(timeout=100)
        pipeline.replace(cam, ff.open("demo:circles?fps=60&size=320x240"))
        before, missing = first, 0
        while before.value.width != 320:
            sample = reader.get(timeout=100)
            assert sample.seq > before.seq
            assert sample.pts > before.pts
            missing += sample.seq - before.seq - 1
            before = sample
        # On a machine that pauses, this camera skips images by itself, and counts them.
        assert missing <= pipeline.stats().nodes["cam"].drops.get("device", 0)
        with pytest.raises(ff.GraphError, match="not live"):
            pipeline.replace(cam, ff.open("demo:circles?pace=0&frames=3"))


def _plus(number: int) -> Callable[[int], int]:
    def plus(value: int) -> int:
        return value + number

    return plus


def _python(pipeline: ff.Pipeline) -> tuple[ff.Port[Any], Callable[[], Any]]:
    return pipeline.add(_plus(0), pipeline.add(Count(300))), lambda: _plus(1000)


def _native(pipeline: ff.Pipeline) -> tuple[ff.Port[Any], Callable[[], Any]]:
    camera = pipeline.add(ff.open("demo:circles?frames=40&pace=0&size=64x48"))
    return pipeline.add(ff.CircleTracker(), camera), ff.CircleTracker


def _source(pipeline: ff.Pipeline) -> tuple[ff.Port[Any], Callable[[], Any]]:
    url = "demo:circles?frames=40&pace=0&size=64x48"
    return pipeline.add(ff.open(url)), lambda: ff.open(url)


@pytest.mark.parametrize("build", [_python, _native, _source])
def test_a_loop_over_a_reader_replaces_the_node_that_waits_for_it(
    build: Callable[[ff.Pipeline], tuple[ff.Port[Any], Callable[[], Any]]],
) -> None:
    pipeline = ff.Pipeline()
    port, make = build(pipeline)
    reader = pipeline.reader(port)
    numbers: list[int] = []
    with pipeline:
        for sample in reader:
            numbers.append(sample.seq)
            if len(numbers) == 10:
                pipeline.replace(port, new := make())
                assert port.node is new
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 40


class Waits(Adds):
    """Blocks in its calls until the gate opens."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(0)
        self.gate = gate

    def process(self, sample: ff.Sample[int]) -> int:
        self.gate.enter()
        return super().process(sample)


def test_a_node_that_stays_in_its_call_works_on() -> None:
    source, gate, other = Push(), Gate(), Adds(10)
    pipeline = ff.Pipeline()
    old = Waits(gate)
    step = pipeline.add(old, pipeline.add(source), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        source.push(1)
        until(lambda: gate.arrived, "the call")
        with pytest.raises(
            ff.StopTimeoutError, match=r"'step' is still in a call .* nothing was replaced"
        ) as raised:
            pipeline.replace(step, other, timeout=0.05)
        assert raised.value.nodes == ["step"]
        assert (other.opened, other.closed) == (1, 1)
        assert step.node is old
        gate.open()
        assert reader.get(timeout=100).value == 1
        pipeline.replace(step, other)  # the same again, now that the call has ended
        source.push(1)
        assert reader.get(timeout=100).value == 11
        with pytest.raises(ff.OptionError, match="timeout must be at least 0"):
            pipeline.replace(step, Adds(1), timeout=-1)


def test_a_node_with_batches_needs_one_that_takes_them() -> None:
    class InBatches(ff.Node[int, int]):
        def process_batch(self, samples: list[ff.Sample[int]]) -> list[int]:
            return [sample.value for sample in samples]

    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(InBatches(), pipeline.add(source), batch=ff.Batch(4))
    reader = pipeline.reader(step)
    with pipeline:
        with pytest.raises(ff.GraphError, match="has no method process_batch"):
            pipeline.replace(step, Adds(1))
        source.push(1)
        assert reader.get(timeout=100).value == 1
        pipeline.replace(step, InBatches())


def test_a_signal_may_replace_a_node_at_any_line_of_a_replacement() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(_plus(0), pipeline.add(source), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    outcomes: list[str] = []

    def interrupt(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line" and frame.f_code.co_filename.endswith(("_graph/place.py", "_graph/replacing.py")):
            signal.raise_signal(signal.SIGUSR1)
        return interrupt

    def handle(number: int, frame: FrameType | None) -> None:
        sys.settrace(None)
        try:
            pipeline.replace(step, _plus(2))
            outcomes.append("replaced")
        except ff.StateError as error:
            outcomes.append(str(error))
        sys.settrace(interrupt)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with pipeline:
            sys.settrace(interrupt)
            try:
                with contextlib.suppress(ff.StateError):  # a handler was first
                    pipeline.replace(step, _plus(1))
            finally:
                sys.settrace(None)
            pipeline.replace(step, _plus(3))
            source.push(1)
            assert reader.get(timeout=100).value == 4
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert set(outcomes) == {"replaced"}


def test_a_handler_that_raises_at_any_line_leaves_no_node_claimed_or_open() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(_plus(0), pipeline.add(source), name="step")
    pipeline.reader(step, queue=ff.Queue(8))
    lines_left = 0

    def interrupt(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines_left
        if frame.f_code is not replacing.replace.__code__ and frame.f_code is not wiring.claim.__code__:
            return None
        if event == "line":
            lines_left -= 1
            if lines_left == 0:
                raise KeyboardInterrupt
        return interrupt

    with pipeline:
        for line in itertools.count(1):
            node, lines_left = Adds(1), line
            sys.settrace(interrupt)
            try:
                with contextlib.suppress(KeyboardInterrupt):
                    pipeline.replace(step, node)
            finally:
                sys.settrace(None)
            if step.node is node:
                break
            assert node.opened == node.closed, f"line {line}"
            assert not wiring.is_claimed(node), f"line {line}"
    assert line > 10


@pytest.mark.parametrize("node", [Adds(1), Untyped()])
def test_a_node_that_cannot_take_the_place_is_not_opened(node: Any) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera")
    pipeline.reader(camera)
    with pipeline, pytest.raises(ff.GraphError, match="camera"):
        pipeline.replace(camera, node)
    assert node.opened == 0
    assert not wiring.is_claimed(node)


def test_a_node_that_is_left_over_is_released_once_and_when_it_has_left_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, entries = Adds(1), []
    spot = place.Place(Adds(0))
    spot.entries.append(place.Entry(node))
    monkeypatch.setattr(
        wiring, "release", lambda released: entries.append([each.node for each in spot.entries])
    )
    spot.close_and_log(node)
    assert [node in there for there in entries] == [False]
    assert node.closed == 1


def test_a_signal_may_call_replace_while_another_call_of_it_waits() -> None:
    source, gate = Push(), Gate()
    pipeline = ff.Pipeline()
    step = pipeline.add(Waits(gate), pipeline.add(source), name="step")
    reader = pipeline.reader(step, queue=ff.Queue(8))
    refused = Adds(2)
    outcomes: list[str] = []

    def handle(number: int, frame: FrameType | None) -> None:
        try:
            pipeline.replace(step, refused)
        except ff.StateError as error:
            outcomes.append(str(error))
        gate.open()

    def interrupt() -> None:
        until(lambda: len(step._place.entries) > 1, "the replacement")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with pipeline:
            source.push(1)
            until(lambda: gate.arrived, "the call")
            thread = threading.Thread(target=interrupt)
            thread.start()
            pipeline.replace(step, Adds(3), timeout=100)
            thread.join()
            source.push(1)
            assert [reader.get(timeout=100).value for _ in range(2)] == [1, 4]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert outcomes == ["'step' is being replaced by another call"]
    assert (refused.opened, refused.closed) == (1, 1)


def test_a_camera_that_cannot_be_reached_leaves_the_old_one_at_work() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=60&size=64x48"), name="cam")
    reader = pipeline.reader(camera)
    with pipeline:
        old = camera.node
        with pytest.raises(ff.SourceError, match=r"127\.0\.0\.1:1"):
            pipeline.replace(camera, ff.open("rtsp://127.0.0.1:1/x", open_timeout=2))
        assert camera.node is old
        seen = reader.get(timeout=100)
        assert reader.get(timeout=100).seq > seen.seq
        source = pipeline.stats().nodes["cam"].source
        assert source is not None
        assert source.state == "reading"


def test_a_source_that_took_over_is_shown_as_reading() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=60&size=64x48"), name="cam")
    with pipeline:
        pipeline.replace(camera, ff.open("demo:circles?fps=60&size=64x48"))
        source = pipeline.stats().nodes["cam"].source
        assert source is not None
        assert source.state == "reading"


def test_all_ports_of_a_node_have_the_one_that_works() -> None:
    class Fragile(Adds):
        def close(self) -> None:
            raise OSError("cannot close")

    source = Push()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=60&size=64x48"), name="cam")
    tracker = pipeline.add(ff.CircleTracker(), [camera])
    step = pipeline.add(Fragile(1), pipeline.add(source, name="numbers"))
    of_camera = tracker.of(camera)
    with pipeline:
        pipeline.replace(of_camera, other := ff.CircleTracker())
        assert tracker.node is of_camera.node is other
        with pytest.raises(OSError, match="cannot close"):
            pipeline.replace(step, new := Adds(2))
        assert step.node is new  # the replacement was already complete
        pipeline.remove(step)
        assert step.node is new


def test_on_a_nodes_own_thread_the_port_has_the_old_node_until_the_other_works() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=60&size=64x48"), name="cam")
    asked: list[Any] = []

    def ask(circles: ff.Circles) -> int:
        if not asked:
            pipeline.replace(camera, new)
            asked.append(camera.node)
        return 1

    old, new = camera.node, ff.open("rtsp://127.0.0.1:1/x", open_timeout=1)
    reader = pipeline.reader(pipeline.add(ask, pipeline.add(ff.CircleTracker(), camera)))
    with pipeline:
        reader.get(timeout=100)
        assert asked == [old]
        until(lambda: new._handle.has_place is False, "it could not be opened")
        assert camera.node is old


def test_a_node_that_was_replaced_or_refused_may_come_again() -> None:
    source, gate, refused = Push(), Gate(), Adds(7)
    pipeline = ff.Pipeline()
    first = Waits(gate)
    step = pipeline.add(first, pipeline.add(source))
    reader = pipeline.reader(step, queue=ff.Queue(8))
    with pipeline:
        source.push(1)
        until(lambda: gate.arrived, "the call")
        thread = threading.Thread(target=pipeline.replace, args=(step, Adds(5)))
        thread.start()
        until(lambda: len(step._place.entries) > 1, "the replacement")
        with pytest.raises(ff.StateError, match="is being replaced by another call"):
            pipeline.replace(step, refused)
        gate.open()
        thread.join()
        pipeline.replace(step, refused)
        pipeline.replace(step, first)
        source.push(1)
        assert [reader.get(timeout=100).value for _ in range(2)] == [1, 1]
        assert (first.opened, first.closed) == (2, 1)
        with pytest.raises(ff.GraphError, match="already belongs to a pipeline"):
            pipeline.replace(step, first)


def test_a_removal_during_the_checks_is_an_error_with_a_name() -> None:
    class Removes(Adds):
        def _freshframe_contract(self) -> Contract:
            pipeline.remove(step)
            return super()._freshframe_contract()

    pipeline = ff.Pipeline(keep_running=True)
    step = pipeline.add(Adds(1), pipeline.add(Push()), name="step")
    with pipeline:
        with pytest.raises(ff.StateError, match="'step'"):
            pipeline.replace(step, Removes(2))
        with pytest.raises(ff.StateError, match="cannot replace 'step': it was removed"):
            pipeline.replace(step, Adds(3))
        assert len(pipeline._graph._kept) == 1


def test_the_types_of_the_node_that_was_added_hold_for_all_that_follow() -> None:
    def text(value: int) -> str:
        return str(value)

    def untyped(value):  # type: ignore[no-untyped-def]
        return value

    source = Push()
    pipeline = ff.Pipeline()
    step = pipeline.add(_plus(1), pipeline.add(source), name="step")
    with pipeline:
        pipeline.replace(step, untyped)
        with pytest.raises(ff.GraphError, match="returns int, but the new node"):
            pipeline.replace(step, text)
        with pytest.raises(ff.GraphError, match="returns int, but the new node takes Frame"):
            pipeline.replace(step, ff.CircleTracker())
