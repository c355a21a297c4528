"""Nodes with a clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rigs.windows import Window
from support import Collect, Count, Push, Ticker, edge, run_node, until

import freshframe as ff


def test_ticks_come_on_a_grid_in_a_stream_of_the_nodes_own() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(
        pipeline.add(Window(), pipeline.add(Ticker(0.005)), name="window"), queue=ff.Queue(100)
    )
    with pipeline:
        samples = [reader.get(timeout=100) for _ in range(5)]
    assert [sample.seq for sample in samples] == list(range(5))
    assert {(sample.source, sample.node) for sample in samples} == {("window", "window")}
    with pytest.raises(ff.StateError, match=r"'window' has no frame: .* the result of a tick"):
        _ = samples[0].frame
    numbers = [sample.pts / 0.05 for sample in samples]
    assert numbers == pytest.approx([round(number) for number in numbers])
    starts = [sample.captured - sample.pts for sample in samples]
    assert starts == pytest.approx([starts[0]] * 5)
    stats = pipeline.stats().nodes["window"]
    assert stats.ticks >= 5


def test_ticks_come_before_the_first_sample_and_pass_max_age() -> None:
    pipeline = ff.Pipeline()
    silent = pipeline.add(Push())
    port = pipeline.add(lambda value: value, pipeline.add(Window(), silent, as_source="windows"), max_age=1.0)
    reader = pipeline.reader(port)
    with pipeline:
        sample = reader.get(timeout=100)
    assert sample.value == 0
    assert sample.source == "windows"
    assert sample.age < 10


def test_ticks_come_below_a_parent_that_never_pauses() -> None:
    """All samples are queued before the first one is processed, so the queue is never empty."""
    samples = 500
    seen_at: list[int] = []

    class Counted(Window):
        tick_every = 0.01

        def process(self, sample: ff.Sample[Any], /) -> None:
            if sample.seq == 0:
                until(lambda: edge(pipeline, "window").waiting == samples - 1, "all samples to wait")
            self.count += 1
            time.sleep(0.0002)

        def on_tick(self, now: float, /) -> int:
            if self.count:
                seen_at.append(self.count)
            return self.count

    pipeline = ff.Pipeline()
    pipeline.add(Counted(), pipeline.add(Count(samples)), name="window", queue=ff.Queue(samples, "block"))
    pipeline.run()
    assert len(seen_at) >= 3  # of about ten periods
    assert seen_at[0] < samples


def test_missed_ticks_are_counted_and_shown() -> None:
    class Slow(Window):
        def process(self, sample: ff.Sample[Any], /) -> None:
            time.sleep(0.16)

    source = Push()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Slow(), pipeline.add(source), name="slow"), queue=ff.Queue(100))
    with pipeline:
        source.push(1)
        until(lambda: pipeline.stats().nodes["slow"].ticks_missed >= 2, "missed ticks")
        assert reader.get(timeout=100) is not None
    assert " ticks missed" in str(pipeline.stats())


def test_a_node_may_tick_in_batches() -> None:
    class Batched(ff.Node[int, int]):
        tick_every = 0.02

        def process_batch(self, samples: list[ff.Sample[int]], /) -> list[int]:
            return [sample.value for sample in samples]

        def on_tick(self, now: float, /) -> Iterator[int]:
            yield -1
            yield -2

        def finish(self) -> int:
            return -3

    source = Push(live=False)
    pipeline = ff.Pipeline()
    port = pipeline.add(Batched(), pipeline.add(source), batch=ff.Batch(8, max_wait=0.1))
    reader = pipeline.reader(port, queue=ff.Queue(1000, "block"))
    with pipeline:
        source.push(1, 2, 3)
        until(lambda: pipeline.stats().nodes["Batched"].ticks >= 2, "two ticks")
        source.end()
        values = [sample.value for sample in reader]
    assert [value for value in values if value > 0] == [1, 2, 3]
    assert values.count(-1) == values.count(-2) >= 2
    assert values.count(-3) == 1


def test_on_tick_may_give_a_result_to_the_stream_of_a_sample() -> None:
    class Late(ff.Node[int, int]):
        tick_every = 0.02
        last: ff.Sample[int] | None = None

        def process(self, sample: ff.Sample[int], /) -> None:
            self.last = sample

        def on_tick(self, now: float, /) -> int | None:
            if self.last is None:
                return None
            last, self.last = self.last, None
            return ff.stamped(last.value, like=last)

    source = Push()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Late(), pipeline.add(source, name="camera")))
    with pipeline:
        source.push(7)
        sample = reader.get(timeout=100)
    assert (sample.source, sample.seq, sample.value) == ("camera", 0, 7)


def test_an_exception_in_on_tick_is_the_nodes_error() -> None:
    class Bad(Window):
        def on_tick(self, now: float, /) -> int:
            raise ValueError("no time")

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Bad(), pipeline.add(Push()), name="bad"))
    with (
        pipeline,
        pytest.raises(ff.NodeError, match=r"node 'bad' failed in on_tick\(\): ValueError: no time") as raised,
    ):
        reader.get(timeout=100)
    assert raised.value.seq is None


def test_skipped_exceptions_in_on_tick_lose_no_sample() -> None:
    class Bad(Window):
        def on_tick(self, now: float, /) -> int:
            raise ValueError("no time")

    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Bad(), pipeline.add(Push()), name="bad", on_error="skip"), queue=ff.LATEST)
    with pipeline:
        until(lambda: pipeline.stats().nodes["bad"].errors >= 2, "two exceptions")
    assert pipeline.stats().nodes["bad"].dropped == 0


# --- refusals -----------------------------------------------------------------------------------------------


def test_a_stream_of_a_nodes_own_has_the_time_of_this_machine() -> None:
    sample = run_node(Window(), [1])[-1]
    assert (sample.utc_from, sample.utc_error) == ("arrival", math.inf)


@pytest.mark.parametrize("name", ["on_tick", "finish"])
def test_a_method_that_is_none_is_refused(name: str) -> None:
    pipeline = ff.Pipeline()
    wrong = type("Wrong", (Window,), {name: 3})
    with pytest.raises(ff.GraphError, match=rf"{name} of 'Wrong' must be a method, got 3"):
        pipeline.add(wrong(), pipeline.add(Count(1)))


def test_the_name_of_the_stream_has_no_control_characters() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(1))
    for name in ("a\nb", "a\0b", "a\x7f"):
        with pytest.raises(ff.OptionError, match="source must not contain control characters"):
            pipeline.add(Window(), camera, as_source=name)


def test_print_of_the_pipeline_names_the_streams_of_nodes() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Window(), pipeline.add(Count(1)), as_source="minutes"))
    pipeline.run()
    assert "[with the node's own stream 'minutes']" in str(pipeline)


def test_the_name_of_the_stream_is_unique_and_needs_one() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(1), name="camera")
    with pytest.raises(ff.GraphError, match="the name 'camera' is taken"):
        pipeline.add(Window(), camera, as_source="camera")
    with pytest.raises(ff.GraphError, match="it does not start a stream"):
        pipeline.add(Collect(), camera, as_source="results")
    with pytest.raises(ff.OptionTypeError, match="source must be"):
        pipeline.add(Window(), camera, as_source=3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("period", "error", "text"),
    [
        (0, ff.OptionError, "tick_every of 'Window' must be more than 0 seconds"),
        (-1, ff.OptionError, "must be more than 0 seconds"),
        (86401, ff.OptionError, "at most a day"),
        (float("nan"), ff.OptionError, "must be a finite number"),
        ("1", ff.OptionTypeError, "tick_every of Window must be"),
    ],
)
def test_a_period_is_between_zero_and_a_day(period: Any, error: type[Exception], text: str) -> None:
    window = Window()
    window.tick_every = period
    pipeline = ff.Pipeline()
    with pytest.raises(error, match=text):
        pipeline.add(window, pipeline.add(Count(1)))


def test_a_clock_without_on_tick_and_on_tick_without_a_clock_are_refused() -> None:
    class NoMethod(ff.Node[int, None]):
        tick_every = 1.0

        def process(self, sample: ff.Sample[int], /) -> None: ...

    class NoClock(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> None: ...

        def on_tick(self, now: float, /) -> int:
            return 1

    class Clocked(Count):
        tick_every = 1.0

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    with pytest.raises(ff.GraphError, match=r"has tick_every, but no method on_tick\(self, now\)"):
        pipeline.add(NoMethod(), source)
    with pytest.raises(ff.GraphError, match=r"has on_tick\(\), but no tick_every"):
        pipeline.add(NoClock(), source)
    with pytest.raises(ff.GraphError, match="is a source"):
        pipeline.add(Clocked())


def test_of_separates_the_nodes_own_stream() -> None:
    class Both(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> int:
            return sample.value

        def finish(self) -> int:
            return 100

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(3))
    both = pipeline.add(Both(), source)
    own = pipeline.reader(both.of(both), name="own")
    others = pipeline.reader(both.of(source), name="others")
    with pipeline:
        assert [sample.value for sample in others] == [0, 1, 2]
        assert [sample.value for sample in own] == [100]


def test_a_node_whose_process_gives_nothing_is_no_sink_if_its_clock_does() -> None:
    class Bare(ff.Node):
        tick_every = 0.02

        def process(self, sample: ff.Sample[int], /) -> None:
            return None

        def on_tick(self, now: float, /) -> int:
            return 7

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Bare(), pipeline.add(Push())))
    with pipeline:
        assert reader.get(timeout=100).value == 7
