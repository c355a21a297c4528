"""pipeline.why(): the parts of the age compared with timestamps taken by the nodes, and the format of the
answer.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import WATCHDOG

import freshframe as ff

LIVE = "demo:circles?fps=30&size=64x48"


class Stamping(ff.Node[Any, Any]):
    """Sleeps, and records when each call started and ended."""

    def __init__(self, sleep: float) -> None:
        self.sleep = sleep
        self.calls: dict[int, tuple[float, float]] = {}

    def process(self, sample: ff.Sample[Any]) -> int:
        began = time.monotonic()
        time.sleep(self.sleep)
        self.calls[sample.seq] = (began, time.monotonic())
        return sample.seq


class Several(Stamping):
    """Does the same for batches."""

    def process_batch(self, samples: list[ff.Sample[Any]]) -> list[int]:
        began = time.monotonic()
        time.sleep(self.sleep)
        for sample in samples:
            self.calls[sample.seq] = (began, time.monotonic())
        return [sample.seq for sample in samples]


def part(age: ff.stats.Age, kind: str, node: str) -> float:
    return sum(part.mean for part in age.parts if (part.kind, part.node) == (kind, node))


def mean(values: Iterator[float] | list[float]) -> float:
    each = list(values)
    return sum(each) / len(each)


def seen(reader: ff.Reader[Any], count: int) -> list[tuple[int, float, float]]:
    samples = []
    for _ in range(count):
        sample = reader.get(timeout=WATCHDOG)
        samples.append((sample.seq, sample.captured, time.monotonic()))
    return samples


def age_of(pipeline: ff.Pipeline, consumer: str) -> ff.stats.Age:
    return next(age for age in pipeline.why().ages if age.consumer == consumer)


def assert_sums_up(age: ff.stats.Age) -> None:
    assert sum(part.mean for part in age.parts) == pytest.approx(age.mean, rel=0.01, abs=3e-4)
    assert sum(part.oldest_mean for part in age.parts) == pytest.approx(age.oldest_mean, rel=0.01, abs=3e-4)


@pytest.mark.slow
@pytest.mark.table(cases=2)
@pytest.mark.repeats
@pytest.mark.parametrize("queue", [ff.LATEST, ff.NEXT, ff.Queue(8), ff.LOSSLESS])
def test_the_parts_are_those_of_stamps_in_the_nodes(queue: ff.Queue) -> None:
    a, b = Stamping(0.01), Stamping(0.04)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    last = pipeline.add(b, pipeline.add(a, camera, name="A"), name="B", queue=queue)
    reader = pipeline.reader(last, name="reader", queue=ff.Queue(64))
    with pipeline:
        samples = seen(reader, 40)
        age = age_of(pipeline, "reader")
    assert age.samples == len(samples)
    assert age.sources == ("camera",)
    assert_sums_up(age)
    known = [(captured, *a.calls[seq], *b.calls[seq]) for seq, captured, _ in samples]

    def near(value: float) -> Any:  # a busy machine may suspend a thread between a timestamp and a record
        return pytest.approx(value, rel=0.05, abs=0.002)

    assert part(age, "call", "A") == near(mean([x[2] - x[1] for x in known]))
    assert part(age, "call", "B") == near(mean([x[4] - x[3] for x in known]))
    between = (
        part(age, "room", "A") + part(age, "queue", "B") + part(age, "gil", "B") + part(age, "start", "B")
    )
    assert between == near(mean([x[3] - x[2] for x in known]))


@pytest.mark.slow
@pytest.mark.repeats
def test_a_sink_has_an_age_that_includes_its_call() -> None:
    sink = Stamping(0.02)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    pipeline.add(sink, camera, name="sink")
    reader = pipeline.reader(camera, name="reader")
    with pipeline:
        seen(reader, 30)
        ages = {age.consumer: age for age in pipeline.why().ages}
    assert set(ages) == {"sink", "reader"}
    assert not ages["sink"].is_reader
    assert part(ages["sink"], "call", "sink") >= 0.02
    assert ages["sink"].mean >= 0.02
    assert_sums_up(ages["sink"])


@pytest.mark.slow
@pytest.mark.repeats
def test_a_batch_says_how_long_its_samples_waited_for_the_others() -> None:
    node = Several(0.005)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    last = pipeline.add(node, camera, name="B", batch=ff.Batch(4, max_wait=1), queue=ff.Queue(8))
    reader = pipeline.reader(last, name="reader", queue=ff.Queue(64))
    with pipeline:
        seen(reader, 24)
        age = age_of(pipeline, "reader")
    assert part(age, "batch", "B") >= 0.04  # the mean of 100, 67, 33 and 0 ms
    assert part(age, "queue", "B") <= part(age, "batch", "B") / 2
    assert_sums_up(age)


def sleep_a_little(frame: ff.Frame) -> int:
    time.sleep(0.05)
    return frame.width


@pytest.mark.slow
@pytest.mark.repeats
def test_samples_wait_for_a_free_worker() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    last = pipeline.add(sleep_a_little, camera, name="W", process=True, queue=ff.Queue(4))
    reader = pipeline.reader(last, name="reader", queue=ff.Queue(64))
    with pipeline:
        seen(reader, 30)
        age = age_of(pipeline, "reader")
        pipeline.stop(timeout=WATCHDOG)  # on a busy machine a worker process may need more than 5 s to end
    assert part(age, "call", "W") >= 0.05
    assert part(age, "worker", "W") >= 0.02
    assert part(age, "queue", "W") == 0
    assert_sums_up(age)


@pytest.mark.slow
@pytest.mark.repeats
@pytest.mark.needs_gil
def test_the_wait_for_the_gil_is_a_part() -> None:
    from ctypes import PyDLL  # noqa: PLC0415

    hold, stop = PyDLL(None), threading.Event()

    def holder() -> None:
        while not stop.is_set():
            hold.usleep(15_000)
            time.sleep(0.005)

    a = Stamping(0.01)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    reader = pipeline.reader(pipeline.add(a, camera, name="A"), name="reader", queue=ff.Queue(64))
    thread = threading.Thread(target=holder)
    with pipeline:
        thread.start()
        try:
            seen(reader, 60)
            age = age_of(pipeline, "reader")
        finally:
            stop.set()
            thread.join()
    assert part(age, "gil", "A") >= 0.005
    assert_sums_up(age)


@pytest.mark.slow
@pytest.mark.repeats
def test_the_answer_is_text_and_values() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    reader = pipeline.reader(pipeline.add(Stamping(0.01), camera, name="A"), name="reader")
    assert not pipeline.why().is_running
    with pipeline:
        seen(reader, 10)
        first = pipeline.why()
        assert first.is_running
        # On a busy machine, the scene may lose frames.
        assert {finding.kind for finding in first.findings} <= {"loss"}
        assert first.needed > 15
        assert str(first).startswith("No finding yet: ") or first.findings
        assert "reader: samples are " in str(first)
        assert " in the call of A" in str(first)
        seen(reader, 10)
        assert pipeline.why().watched_for > 0
    after = pipeline.why()
    assert not after.is_running
    assert str(after).startswith("The pipeline has ended: these are the ages of its last samples")
    assert any(age.samples > 0 for age in after.ages)


@pytest.mark.slow
def test_a_removed_node_leaves_the_others_known() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    other = pipeline.add(Stamping(0.001), camera, name="other")
    reader = pipeline.reader(pipeline.add(Stamping(0.005), camera, name="A"), name="reader")
    with pipeline:
        seen(reader, 5)
        pipeline.remove(other)
        seen(reader, 10)
        assert [age.consumer for age in pipeline.why().ages] == ["reader"]
        assert age_of(pipeline, "reader").samples >= 15


def test_results_of_a_clock_have_no_history() -> None:
    class Counting(ff.Node[Any, Any]):
        tick_every = 0.05

        def process(self, sample: ff.Sample[Any]) -> None:
            pass

        def on_tick(self, now: float) -> int:
            return 1

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(LIVE), name="camera")
    reader = pipeline.reader(pipeline.add(Counting(), camera, name="C"), name="reader")
    with pipeline:
        seen(reader, 5)
        age = age_of(pipeline, "reader")
    assert age.samples == 0
    assert age.unknown >= 5
