"""Python nodes and sources: their arguments, their threads, and their open() and close()."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rigs.adder import Adder
from support import Collect, Count, Gate, Pictures, Push, Ticker, run_node, until

import freshframe as ff

# --- conventions --------------------------------------------------------------------------------------------


def test_a_function_gets_the_value() -> None:
    assert [s.value for s in run_node(lambda value: value * 3, [1, 2])] == [3, 6]


def test_a_class_gets_the_sample() -> None:
    class Stamps(ff.Node[int, tuple[int, int, str]]):
        def process(self, sample: ff.Sample[int]) -> tuple[int, int, str]:
            return sample.seq, sample.value, sample.source

    assert [s.value for s in run_node(Stamps(), [7, 8])] == [(0, 7, "values"), (1, 8, "values")]


@pytest.mark.parametrize(
    "node",
    [Adder(1), Adder(1).method, functools.partial(Adder(3).__call__), max, lambda value: [value]],
    ids=["object", "bound method", "partial", "builtin", "lambda"],
)
def test_anything_that_can_be_called_is_a_node(node: Any) -> None:
    value: Any = [4] if node is max else 4
    assert [s.value for s in run_node(node, [value])] == [node(value)]


def test_a_node_needs_no_super_init() -> None:
    class Bare(ff.Node[int, int]):
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value * self.factor

    assert [s.value for s in run_node(Bare(5), [1, 2])] == [5, 10]


def test_none_emits_nothing_and_leaves_a_gap_in_seq_that_is_no_drop() -> None:
    samples = run_node(lambda value: value if value % 3 else None, range(7))
    assert [s.seq for s in samples] == [1, 2, 4, 5]
    assert {s.dropped for s in samples} == {0}


@pytest.mark.parametrize("value", [0, False, "", (), 0.0], ids=repr)
def test_a_value_that_is_false_is_emitted(value: object) -> None:
    assert [s.value for s in run_node(lambda _: value, [1])] == [value]


def test_stamps_are_inherited_through_the_graph() -> None:
    pipeline, source = ff.Pipeline(), Push()
    last = pipeline.add(
        lambda value: value, pipeline.add(lambda value: value, pipeline.add(source, name="cam0"))
    )
    reader = pipeline.reader(last)
    with pipeline:
        captured = time.monotonic() - 1
        source.push_stamped("value", 12.25, captured)
        sample = reader.get()
        assert (sample.seq, sample.pts, sample.source) == (0, 12.25, "cam0")
        assert sample.captured == pytest.approx(captured, abs=1e-6)


def test_a_sample_remembers_the_frame_that_its_value_was_made_from() -> None:
    pipeline = ff.Pipeline()
    mean = pipeline.add(lambda frame: float(frame.luma.mean()), pipeline.add(Pictures(5)), name="mean")
    reader = pipeline.reader(pipeline.add(lambda value: value + 100, mean))
    with pipeline:
        for sample in reader:
            assert sample.value == sample.seq + 100
            assert int(sample.frame.luma[0, 0]) == sample.seq


def test_a_node_that_makes_a_frame_gives_its_own_as_the_frame_of_the_sample() -> None:
    def bright(frame: ff.Frame) -> ff.Frame:
        return ff.Frame.from_array(frame.luma + 100, "gray")

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(bright, pipeline.add(Pictures(3))))
    with pipeline:
        for sample in reader:
            assert sample.frame is sample.value
            assert int(sample.value.luma[0, 0]) == sample.seq + 100


def test_a_value_passes_python_nodes_as_the_identical_object() -> None:
    values = [object(), {"a": 1}, [1]]
    samples = run_node(lambda value: value, values)
    assert all(s.value is value for s, value in zip(samples, values, strict=True))


def test_native_results_reach_python_functions_as_their_python_types() -> None:
    def count(circles: ff.Circles) -> tuple[type, int]:
        return type(circles), len(circles.xyr)

    pipeline = ff.Pipeline()
    tracks = pipeline.add(ff.CircleDetector(), pipeline.add(Pictures(2)))
    reader = pipeline.reader(pipeline.add(count, tracks))
    with pipeline:
        assert [s.value for s in reader] == [(ff.Circles, 0)] * 2


# --- open, process, close -----------------------------------------------------------------------------------


class Diary(ff.Node[int, int]):
    """Records the calls and their threads."""

    def __init__(self, fail_in: str = "") -> None:
        self.fail_in = fail_in
        self.entries: list[str] = []
        self.threads: set[threading.Thread] = set()

    def note(self, what: str) -> None:
        self.entries.append(what)
        self.threads.add(threading.current_thread())
        if self.fail_in == what:
            raise OSError(f"failing in {what}")

    def open(self) -> None:
        self.note("open")

    def process(self, sample: ff.Sample[int]) -> int:
        self.note("process")
        return sample.value

    def close(self) -> None:
        self.note("close")


def test_open_process_close_run_in_order_on_one_thread_of_the_nodes_own() -> None:
    diary = Diary()
    run_node(diary, range(3), name="diary")
    assert diary.entries == ["open", "process", "process", "process", "close"]
    (thread,) = diary.threads
    assert thread is not threading.current_thread()
    assert thread.name == "diary"
    assert thread.daemon


def test_close_is_called_once_after_a_failure_in_process() -> None:
    diary = Diary("process")
    with pytest.raises(ff.NodeError, match="failing in process"):
        run_node(diary, range(3))
    until(lambda: "close" in diary.entries, "close()")
    assert diary.entries == ["open", "process", "close"]


def test_close_is_called_once_after_stop() -> None:
    pipeline, diary = ff.Pipeline(), Diary()
    pipeline.add(diary, pipeline.add(Ticker()))
    with pipeline:
        until(lambda: "process" in diary.entries, "a sample")
    assert diary.entries[-1] == "close"
    assert diary.entries.count("close") == 1


def test_close_is_not_called_when_open_failed_and_start_raises() -> None:
    pipeline, diary = ff.Pipeline(), Diary("open")
    pipeline.add(diary, pipeline.add(Ticker()))
    with pytest.raises(ff.NodeError, match=r"'Diary'.*failing in open") as caught:
        pipeline.start()
    assert isinstance(caught.value.__cause__, OSError)
    pipeline.stop()
    assert diary.entries == ["open"]


def test_when_one_node_cannot_open_those_that_could_are_closed() -> None:
    pipeline, good, bad = ff.Pipeline(), Diary(), Diary("open")
    source = pipeline.add(Ticker())
    pipeline.add(good, source, name="good")
    pipeline.add(bad, source, name="bad")
    with pytest.raises(ff.NodeError, match="'bad'"):
        pipeline.start()
    pipeline.stop()
    assert good.entries in (["open", "close"], [])


def test_a_failing_close_is_a_node_error_and_the_run_is_not_complete() -> None:
    pipeline, diary = ff.Pipeline(), Diary("close")
    pipeline.add(diary, pipeline.add(Count(3)))
    with pytest.raises(ff.NodeError, match="failing in close"):
        pipeline.run()


def test_no_sample_flows_before_every_node_is_open() -> None:
    gate, seen_early = Gate(), []

    class Late(ff.Node[int, int]):
        def open(self) -> None:
            gate.enter()

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    pipeline, collect = ff.Pipeline(), Collect()
    source = pipeline.add(Count(3))
    pipeline.add(Late(), source)
    pipeline.add(collect, source)

    def look() -> None:
        until(lambda: gate.arrived, "the late node to open")
        seen_early.extend(collect.seen)
        gate.open()

    thread = threading.Thread(target=look)
    thread.start()
    pipeline.run()
    thread.join()
    assert seen_early == []
    assert len(collect.seen) == 3


# --- sharing the GIL ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("burn", [0, 400], ids=["short calls", "long calls"])
def test_nodes_that_never_wait_let_other_threads_have_the_gil(burn: int) -> None:
    class Busy(ff.Source[int]):
        live = True
        made = 0

        def read(self) -> Iterator[tuple[int, float]]:
            while not self.stop_token.wait(0):
                sum(range(burn))
                self.made += 1
                yield self.made, 0.0

    source = Busy()
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(source))
    made = []
    with pipeline:
        for _ in range(100):
            time.sleep(0)  # releases and requests the GIL
            made.append(source.made)
    between = sorted(after - before for before, after in itertools.pairwise(made))
    # At most 5 ms of its calls pass, which is some thousands; without a fair share it makes hundreds of
    # thousands.
    assert between[50] < 20_000, between[-10:]
