"""finish(): the last results of a node."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.process.nodes import LastOfSource
from rigs.windows import Window
from support import Collect, Count, Gate, Push, Ticker, check_books, edge, run_node, until

import freshframe as ff


def test_finish_comes_after_the_last_sample_and_before_close() -> None:
    calls: list[str] = []

    class Logs(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> None:
            calls.append("process")

        def finish(self) -> Iterator[int]:
            calls.append("finish")
            yield 1
            yield 2

        def close(self) -> None:
            calls.append("close")

    samples = run_node(Logs(), [0, 0])
    assert calls == ["process", "process", "finish", "close"]
    assert [(s.seq, s.part, s.value, s.source) for s in samples] == [(0, 0, 1, "Logs"), (0, 1, 2, "Logs")]


def test_the_last_window_of_a_camera_that_is_stopped_is_in_the_json_lines(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"{number}.jsonl"
        pipeline = ff.Pipeline()
        window = Window()
        window.tick_every = 3600
        pipeline.add(
            ff.JsonLines(path),
            pipeline.add(window, pipeline.add(Ticker(0.001), name="camera"), name="window"),
        )
        with pipeline:
            until(lambda: window.count >= 3, "three samples")  # noqa: B023
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["value"] for line in lines] == [1000 + window.count]
        check_books(pipeline)


def test_last_results_wait_for_a_recorder_after_a_stop(tmp_path: Path) -> None:
    class Flush(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> int:
            return sample.value

        def finish(self) -> Iterator[int]:
            yield from range(-100, 0)

    path = tmp_path / "last.jsonl"
    pipeline = ff.Pipeline()
    pipeline.add(ff.JsonLines(path), pipeline.add(Flush(), pipeline.add(Count(10**9)), name="flush"))
    with pipeline:
        until(lambda: pipeline.stats().nodes["flush"].processed > 20, "samples")
    values = [json.loads(line)["value"] for line in path.read_text().splitlines()]
    assert [value for value in values if value < 0] == list(range(-100, 0))
    check_books(pipeline)


def test_finish_after_a_stop_counts_as_stop_on_other_edges() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Window(), pipeline.add(Push()), name="window"), name="sink")
    with pipeline:
        pass
    assert edge(pipeline, "sink").drops.get("stop") == 1


def test_finish_does_not_come_after_a_failure() -> None:
    finished: list[int] = []

    class Bad(Window):
        def process(self, sample: ff.Sample[Any], /) -> None:
            raise ValueError("broken")

        def finish(self) -> int:
            finished.append(1)
            return 1

    with pytest.raises(ff.NodeError, match="broken"):
        run_node(Bad(), [1])
    assert finished == []


def test_a_failure_of_finish_is_the_nodes_error() -> None:
    class Bad(Window):
        def finish(self) -> int:
            raise ValueError("at the end")

    with pytest.raises(ff.NodeError, match=r"failed in finish\(\): ValueError: at the end"):
        run_node(Bad(), [1])


@pytest.mark.slow
def test_a_finish_that_never_ends_is_closed_when_a_stop_leaves_it_no_more_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed: list[str] = []

    class Endless(Window):
        def finish(self) -> Iterator[int | None]:  # type: ignore[override]
            try:
                while True:
                    yield None
            finally:
                closed.append(threading.current_thread().name)

        def close(self) -> None:
            closed.append("close")

    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Endless(), pipeline.add(Push()), name="endless"))
    with pipeline:
        pipeline.stop(timeout=100)
    assert closed == ["endless", "close"]
    assert "finish() of 'endless' still returns results 2 s after the stop" in caplog.text


def test_finish_waits_for_room_at_the_end_of_a_file() -> None:
    class Many(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> None:
            return None

        def finish(self) -> Iterator[int]:
            yield from range(100)

    gate, pipeline = Gate(), ff.Pipeline()
    sink = Collect(gate)
    pipeline.add(sink, pipeline.add(Many(), pipeline.add(Count(1)), name="many"))
    pipeline.start()
    until(lambda: pipeline.stats().nodes["many"].state == "blocked", "a full edge")
    gate.open()
    pipeline.wait()
    assert len(sink.seen) == 100


@pytest.mark.table
@pytest.mark.parametrize("how", ["remove", "drain", "disconnect", "end"])
@pytest.mark.parametrize("batch", [None, ff.Batch(2)])
@pytest.mark.parametrize("process", [False, True])
def test_the_last_results_of_a_source_that_leaves_are_there_before_its_end(
    how: str, batch: ff.Batch | None, process: bool
) -> None:
    calls: list[tuple[str, int | str]] = []

    class Notes(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> None:
            calls.append((sample.source, sample.value))

        def source_gone(self, name: str, /) -> None:
            calls.append((name, "gone"))

    pipeline = ff.Pipeline()
    one, two = Push(), Push()
    ports = [pipeline.add(one, name="one"), pipeline.add(two, name="two")]
    last = pipeline.add(LastOfSource(), ports, name="last", queue=ff.RECORDING, batch=batch, process=process)
    pipeline.add(Notes(), last, queue=ff.RECORDING)
    with pipeline:
        one.push(1)
        two.push(2)
        until(lambda: len(calls) == 2, "both samples")
        if how == "end":
            one.end()
        elif how == "disconnect":
            pipeline.disconnect(last, ports[0])
        else:
            pipeline.remove(ports[0], drain=how == "drain")
        until(lambda: len(calls) >= 4, "the end of one")
        assert calls[2:] == [("one", -1), ("one", "gone")]
        assert pipeline.stats().nodes["last"].ticks == 1  # the next tick is more than an hour away
        two.push(3)
        until(lambda: len(calls) >= 5, "a further sample")
    assert calls[4:] == [("two", 3)]
