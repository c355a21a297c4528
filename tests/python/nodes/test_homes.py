"""The same contract wherever a node runs: a thread, a worker process, batches in both, a plugin in both."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from support import Count, Pictures, Push, check_books, until

import freshframe as ff

HOMES: dict[str, dict[str, Any]] = {
    "thread": {},
    "process": {"process": True},
    "batch": {"batch": ff.Batch(3, max_wait=0.01)},
    "batch in a process": {"batch": ff.Batch(3, max_wait=0.01), "process": True},
    "plugin": {},
    "plugin in a process": {"process": True},
}
EVERY = pytest.mark.parametrize("home", HOMES)
ONE_BY_ONE = pytest.mark.parametrize("home", [home for home in HOMES if "batch" not in home])
_library: list[Path] = []


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiles the nodes in homes.cpp."""
    code = Path(__file__).with_name("homes.cpp").read_text(encoding="utf-8")
    _library.append(compiled(tmp_path_factory.mktemp("homes"), code, language="c++"))
    yield
    _library.clear()


def made(kind: type[ff.Node[Any, Any]], home: str, **options: Any) -> Any:
    """Returns a node of this class for this place.

    The plugin's nodes have the names of the Python classes.
    """
    return ff.native.node(_library[0], kind.__name__, **options) if "plugin" in home else kind(**options)


def run(
    kind: type[ff.Node[Any, Any]],
    values: list[Any],
    home: str,
    of_node: Any = {},  # noqa: B006
    **options: Any,
) -> list[ff.Sample[Any]]:
    source = Push(live=False)
    source.push(*(map(float, values) if "plugin" in home else values))
    source.end()
    pipeline = ff.Pipeline()
    parent = pipeline.add(source, name="values")
    port = pipeline.add(made(kind, home, **of_node), parent, name="node", **HOMES[home], **options)
    reader = pipeline.reader(port, queue=ff.Queue(10_000, "block"))
    with pipeline:
        samples = list(reader)
    check_books(pipeline)
    return samples


class Several(ff.Node[int, int]):
    """Emits as many results as the value says."""

    def process(self, sample: ff.Sample[int], /) -> Iterator[int]:
        for number in range(sample.value):
            yield 10 * sample.value + number


class Delayed(ff.Node[Any, Any]):
    """Emits each value one sample later, and the last one at the end."""

    def open(self) -> None:
        self.waiting: list[ff.Sample[Any]] = []

    def process(self, sample: ff.Sample[Any], /) -> Any:
        self.waiting.append(sample)
        if len(self.waiting) < 2:
            return None
        before = self.waiting.pop(0)
        return ff.stamped(before.value, like=before.stamp)

    def process_batch(self, samples: list[ff.Sample[Any]], /) -> list[Any]:
        return [self.process(sample) for sample in samples]

    def finish(self) -> Any:
        (last,) = self.waiting
        return ff.stamped(last.value, like=last)


class Window(ff.Node[Any, int]):
    def __init__(self, tick_every: float = 0.05, lasts: float = 0.0) -> None:
        self.tick_every = tick_every
        self.lasts = lasts
        self.count = 0

    def process(self, sample: ff.Sample[Any], /) -> None:
        self.count += 1

    def process_batch(self, samples: list[ff.Sample[Any]], /) -> list[None]:
        self.count += len(samples)
        return [None] * len(samples)

    def on_tick(self, now: float, /) -> int:
        assert abs(now - time.monotonic()) < 10
        time.sleep(self.lasts)
        count, self.count = self.count, 0
        return count

    def finish(self) -> Iterator[int]:
        yield 1000 + self.count
        yield os.getpid()


class Backwards(Delayed):
    def process(self, sample: ff.Sample[Any], /) -> Any:
        if sample.seq == 0:
            self.first = sample.stamp
        return sample.value if sample.seq < 4 else ff.stamped(0, like=self.first)

    def finish(self) -> Any:
        return None


class Fails(ff.Node[int, int]):
    """Emits two results, and raises between them."""

    def process(self, sample: ff.Sample[int], /) -> Iterator[int]:
        yield sample.value
        if sample.value == 1:
            raise ValueError("odd")
        yield sample.value


class FailsAtTheEnd(Delayed):
    def finish(self) -> Any:
        raise ValueError("at the end")


class FailsInTime(Window):
    def on_tick(self, now: float, /) -> int:
        raise ValueError("no time")


@pytest.mark.slow
@EVERY
def test_ticks_that_take_longer_than_their_period_leave_room_for_samples(home: str) -> None:
    samples = run(Window, list(range(20)), home, {"tick_every": 0.01, "lasts": 0.02})
    assert sum(s.value % 1000 for s in samples[:-1]) == 20


@pytest.mark.table(cases=2)
@ONE_BY_ONE
def test_a_sample_has_any_number_of_results_in_their_order(home: str) -> None:
    samples = run(Several, [2, 0, 1000, 1], home)
    assert [(s.seq, s.part, s.value) for s in samples] == [
        *((0, part, 20 + part) for part in range(2)),
        *((2, part, 10_000 + part) for part in range(1000)),
        (3, 0, 10),
    ]


@pytest.mark.table(cases=4)
@EVERY
def test_a_delayed_result_has_the_stamp_of_its_sample(home: str) -> None:
    samples = run(Delayed, [5, 6, 7, 8, 9], home)
    assert [(s.seq, s.part, s.value, s.source) for s in samples] == [
        (n, 0, n + 5, "values") for n in range(5)
    ]


@pytest.mark.table(cases=4)
@EVERY
def test_a_result_that_goes_backwards_is_an_error_that_names_both(home: str) -> None:
    with pytest.raises(ff.NodeError, match="the stamp of sample 0 after one of sample 3"):
        run(Backwards, [5, 6, 7, 8, 9], home)


@pytest.mark.table(cases=2)
@EVERY
def test_the_end_gives_last_results_in_a_stream_of_the_nodes_own(home: str) -> None:
    samples = run(Window, list(range(7)), home, {"tick_every": 3600.0}, as_source="windows")
    assert [(s.seq, s.part, s.source) for s in samples] == [(0, 0, "windows"), (0, 1, "windows")]
    assert samples[0].value == 1007
    assert (samples[1].value == os.getpid()) == ("process" not in home)


@pytest.mark.table(cases=2)
@EVERY
def test_ticks_come_while_nothing_else_does(home: str) -> None:
    pipeline = ff.Pipeline()
    source = Push()
    window = pipeline.add(
        made(Window, home), pipeline.add(source), name="window", queue=ff.Queue(8), **HOMES[home]
    )
    reader = pipeline.reader(window, queue=ff.Queue(1000))
    with pipeline:
        first = reader.get(timeout=100)
        source.push(1.0, 2.0, 3.0)
        seen = 0
        while seen < 3:
            seen += reader.get(timeout=100).value
        pipeline.stop(timeout=100)  # on a busy machine a worker process may need more than 5 s to end
    assert first.value == 0
    assert first.source == "window"
    assert first.pts / 0.05 == pytest.approx(round(first.pts / 0.05))
    stats = pipeline.stats().nodes["window"]
    assert stats.ticks >= 2
    assert stats.processed <= 3
    check_books(pipeline)


@pytest.mark.table(cases=2)
@ONE_BY_ONE
def test_an_exception_after_a_result_is_an_error_of_the_sample(home: str) -> None:
    samples = run(Fails, [0, 1, 2], home, on_error="skip")
    before = [] if "process" in home else [1]  # a worker's results are sent together
    assert [s.value for s in samples] == [0, 0, *before, 2, 2]


@pytest.mark.slow
@EVERY
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_an_exception_in_finish_is_the_nodes_error(home: str, on_error: Any) -> None:
    with pytest.raises(ff.NodeError, match=r"^node 'node' failed in finish\(\): .*at the end") as info:
        run(FailsAtTheEnd, [1, 2], home, on_error=on_error)
    assert "plugin" in home or type(info.value.__cause__) is ValueError
    assert (info.value.seq, info.value.sample) == (None, None)


class DiesAtTheEnd(Window):
    def finish(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("home", ["process", "batch in a process"])
def test_a_worker_that_dies_in_finish_is_the_nodes_error(home: str, stops: bool) -> None:
    pipeline, source = ff.Pipeline(), Push()
    node = pipeline.add(DiesAtTheEnd(3600.0), pipeline.add(source), name="node", **HOMES[home])
    pipeline.reader(node)

    def run_to_the_end() -> None:
        with pipeline:
            source.push(1)
            until(lambda: pipeline.stats().nodes["node"].processed == 1, "the sample")
            if not stops:
                source.end()
                pipeline.wait()

    with pytest.raises(
        ff.NodeError, match=r"failed in finish\(\): its worker died: killed by signal 9"
    ) as info:
        run_to_the_end()
    assert (info.value.seq, info.value.sample, info.value.batch) == (None, None, ())
    assert pipeline.stats().nodes["node"].drops == {}
    check_books(pipeline)


class DelaysInAList(Delayed):
    def process(self, sample: ff.Sample[Any], /) -> Any:
        return [ff.stamped(sample.value, like=sample)]

    def finish(self) -> Any:
        return None


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("home", ["thread", "process", "batch", "batch in a process"])
def test_a_list_of_stamped_results_is_refused(home: str) -> None:
    with pytest.raises(
        ff.NodeError, match=r"returned a list that contains a result of stamped\(\): yield each"
    ):
        run(DelaysInAList, [1], home)


@pytest.mark.table(cases=2)
@EVERY
def test_an_exception_in_on_tick_is_the_nodes_error_or_skipped(home: str) -> None:
    pipeline = ff.Pipeline()
    window = pipeline.add(made(FailsInTime, home), pipeline.add(Push()), name="window", **HOMES[home])
    reader = pipeline.reader(window)
    with pipeline, pytest.raises(ff.NodeError, match=r"failed in on_tick\(\): .*ValueError: no time"):
        reader.get(timeout=100)
    pipeline = ff.Pipeline()
    window = pipeline.add(
        made(FailsInTime, home), pipeline.add(Push()), name="window", on_error="skip", **HOMES[home]
    )
    pipeline.reader(window)
    with pipeline:
        until(lambda: pipeline.stats().nodes["window"].errors >= 2, "two exceptions")
    assert pipeline.stats().nodes["window"].dropped == 0


@pytest.mark.table(cases=2)
@EVERY
def test_the_last_window_reaches_the_recorder_when_a_live_pipeline_stops(home: str, tmp_path: Any) -> None:
    pipeline = ff.Pipeline()
    source = Push()
    window = pipeline.add(
        made(Window, home, tick_every=3600.0),
        pipeline.add(source),
        name="window",
        queue=ff.Queue(8),
        **HOMES[home],
    )
    pipeline.add(ff.JsonLines(tmp_path / "windows.jsonl"), window)
    with pipeline:
        source.push(1.0, 2.0, 3.0)
        until(lambda: pipeline.stats().nodes["window"].processed == 3, "three samples")
    lines = [json.loads(line) for line in (tmp_path / "windows.jsonl").read_text().splitlines()]
    assert (lines[0]["source"], lines[0]["value"]) == ("window", 1003)
    check_books(pipeline)


# --- worker processes only ----------------------------------------------------------------------------------


def test_large_results_and_frames_of_a_call_arrive_whole() -> None:
    class Large(ff.Node[ff.Frame, Any]):
        def process(self, sample: ff.Sample[ff.Frame], /) -> Iterator[Any]:
            for number in range(5):
                yield np.full(100_000, number, np.uint8)
                yield ff.Frame.from_array(np.full((48, 64), number, np.uint8), "gray")
                yield sample.value
                yield number

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Large(), pipeline.add(Pictures(3)), process=True))
    with pipeline:
        samples = list(reader)
    assert len(samples) == 60
    for sample in samples:
        number, kind = divmod(sample.part, 4)
        if kind == 0:
            assert sample.value.tolist() == [number] * 100_000
        elif kind == 1:
            assert int(sample.value.luma[0, 0]) == number
        elif kind == 2:
            assert int(sample.value.luma[0, 0]) == sample.seq
        else:
            assert sample.value == number


def test_more_than_1000_results_of_a_call_are_an_error() -> None:
    with pytest.raises(ff.NodeError, match="may return at most 1000 results"):
        run(Several, [1001], "process")


class DiesInTheMiddle(ff.Node[int, int]):
    """Kills its process after 50 of 100 results on every third sample."""

    def process(self, sample: ff.Sample[int], /) -> Iterator[int]:
        for number in range(100):
            if number == 50 and sample.value % 3 == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield number


@pytest.mark.slow
def test_a_worker_that_dies_in_the_middle_of_a_call_has_given_nothing() -> None:
    pipeline = ff.Pipeline()
    options = ff.Process(max_restarts=1000)
    port = pipeline.add(DiesInTheMiddle(), pipeline.add(Count(9)), name="node", process=options)
    reader = pipeline.reader(port)
    with pipeline:
        seqs = [sample.seq for sample in reader]
    assert seqs == [seq for seq in range(9) if seq % 3 != 2 for _ in range(100)]
    assert pipeline.stats().nodes["node"].drops == {"worker": 3}
    check_books(pipeline)


def test_workers_share_the_samples_so_on_tick_and_finish_need_one_of_them() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    with pytest.raises(
        ff.GraphError, match=r"has on_tick\(\) and 3 workers, and each worker sees only a part"
    ):
        pipeline.add(Window(), source, process=ff.Process(workers=3))
    with pytest.raises(ff.GraphError, match=r"has finish\(\) and 2 workers"):
        pipeline.add(Delayed(), source, process=ff.Process(workers=2))
    with pytest.raises(
        ff.GraphError, match=r"writes 'a.jsonl' and has 2 workers, but only one process can write a file"
    ):
        pipeline.add(ff.JsonLines("a.jsonl"), source, process=ff.Process(workers=2))


def test_several_workers_keep_the_order_of_the_results() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(Several(), pipeline.add(Count(30)), process=ff.Process(workers=2))
    reader = pipeline.reader(port)
    with pipeline:
        places = [(sample.seq, sample.part) for sample in reader]
    assert places == [(seq, part) for seq in range(30) for part in range(seq)]


def test_stamped_with_several_workers_is_an_error() -> None:
    class Stamps(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> int:
            return ff.stamped(1, like=sample)

    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Stamps(), pipeline.add(Count(3)), process=ff.Process(workers=2)))
    with pipeline, pytest.raises(ff.NodeError, match=r"stamped\(\) needs a single worker"):
        pipeline.wait(100)
