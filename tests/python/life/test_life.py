"""Lifetimes: garbage collection, the module's references to running pipelines, no leaks."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
from support import Collect, Count, Gate, Pictures, Push, Ticker, check_books, run_program, until

import freshframe as ff


class Thing:
    """A value whose destruction can be observed."""


def collected(reference: weakref.ReferenceType[Any]) -> bool:
    gc.collect()
    return reference() is None


@pytest.mark.slow
def test_a_pipeline_that_never_started_is_collected_with_its_nodes(pipelines: list[ff.Pipeline]) -> None:
    pipeline, node = ff.Pipeline(), Collect()
    pipeline.add(node, pipeline.add(Count(1)))
    watched = [weakref.ref(pipeline), weakref.ref(node)]
    del pipeline, node
    pipelines.clear()
    for reference in watched:
        until(lambda r=reference: collected(r), f"{reference} to be collected")  # type: ignore[misc]


@pytest.mark.slow
def test_a_started_pipeline_without_references_runs_on_to_its_end(pipelines: list[ff.Pipeline]) -> None:
    collect, source = Collect(), Push(live=False)

    def build() -> weakref.ReferenceType[ff.Pipeline]:
        pipeline = ff.Pipeline()
        pipeline.add(collect, pipeline.add(source))
        pipeline.start()
        return weakref.ref(pipeline)

    reference = build()
    pipelines.clear()
    gc.collect()
    source.push(*range(10))
    until(lambda: len(collect.seen) == 10, "the forgotten pipeline to work")
    assert not collected(reference)
    source.end()
    until(lambda: collected(reference), "the ended pipeline to be collected")
    assert len(collect.seen) == 10


@pytest.mark.slow
def test_a_stopped_pipeline_is_collected(pipelines: list[ff.Pipeline]) -> None:
    def build() -> list[weakref.ReferenceType[Any]]:
        pipeline, node = ff.Pipeline(), Collect()
        reader = pipeline.reader(pipeline.add(Ticker()))
        pipeline.add(node, pipeline.add(Ticker()))
        with pipeline:
            reader.get()
        check_books(pipeline)
        return [weakref.ref(pipeline), weakref.ref(node), weakref.ref(reader)]

    watched = build()
    pipelines.clear()
    for reference in watched:
        until(lambda r=reference: collected(r), f"{reference} to be collected")  # type: ignore[misc]


@pytest.mark.slow
def test_a_cycle_through_a_node_that_holds_its_pipeline_is_collected(pipelines: list[ff.Pipeline]) -> None:
    class Selfish(ff.Node[int, int]):
        def __init__(self, pipeline: ff.Pipeline) -> None:
            self.pipeline = pipeline

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    def build() -> list[weakref.ReferenceType[Any]]:
        pipeline = ff.Pipeline()
        node = Selfish(pipeline)
        reader = pipeline.reader(pipeline.add(node, pipeline.add(Count(5))))
        node.reader = reader  # type: ignore[attr-defined]
        with pipeline:
            assert len(list(reader)) == 5
        return [weakref.ref(pipeline), weakref.ref(node)]

    watched = build()
    pipelines.clear()
    for reference in watched:
        until(lambda r=reference: collected(r), f"{reference} to be collected")  # type: ignore[misc]


def test_a_failed_pipeline_is_collected_with_its_error(pipelines: list[ff.Pipeline]) -> None:
    def build() -> weakref.ReferenceType[Any]:
        pipeline, thing = ff.Pipeline(), Thing()

        def boom(_: int) -> None:
            held = thing  # noqa: F841  # alive in the traceback of the error
            raise ZeroDivisionError

        pipeline.add(boom, pipeline.add(Count(5)))
        with pytest.raises(ff.NodeError):
            pipeline.run()
        return weakref.ref(thing)

    reference = build()
    pipelines.clear()
    until(lambda: collected(reference), "the objects of the error's traceback")


def test_a_value_dies_when_the_last_sample_that_holds_it_does() -> None:
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source), queue=ff.Queue(4))
    with pipeline:
        thing = Thing()
        reference = weakref.ref(thing)
        source.push(thing)
        del thing
        sample = reader.get()
        assert sample.value is reference()
        del sample
        source.push("next")  # the reader keeps its last sample for latest()
        reader.get()
        until(lambda: reader.poll() is None and collected(reference), "the value to die")


@pytest.mark.slow
def test_values_that_wait_when_the_pipeline_stops_are_freed() -> None:
    pipeline, source = ff.Pipeline(), Push()
    _reader = pipeline.reader(pipeline.add(source), queue=ff.Queue(100))
    things = [Thing() for _ in range(50)]
    watched = [weakref.ref(thing) for thing in things]
    with pipeline:
        source.push(*things)
        del things
        until(lambda: pipeline.stats().edges[0].waiting == 50, "the values to wait")
    until(lambda: all(collected(reference) for reference in watched[:2]), "waiting values to be freed")
    assert [reference() for reference in watched] == [None] * 50


@pytest.mark.slow
def test_values_dropped_by_a_full_queue_are_freed_while_the_pipeline_runs() -> None:
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        watched = []
        for _ in range(500):
            thing = Thing()
            watched.append(weakref.ref(thing))
            source.push(thing)
            del thing
        until(lambda: pipeline.stats().edges[0].passed_in == 500, "all to be offered")
        reader.poll()
        gc.collect()
        until(lambda: sum(r() is not None for r in watched) <= 3, "the dropped values to be freed")


def test_node_threads_carry_the_nodes_names() -> None:
    pipeline = ff.Pipeline()
    names = {}

    def look(value: int) -> int:
        names["python"] = threading.current_thread().name
        names["kernel"] = Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip()
        return value

    pipeline.add(look, pipeline.add(Ticker(), name="ticker"), name="looking")
    with pipeline:
        until(lambda: "kernel" in names, "the node to look")
        assert {"ticker", "looking"} <= {thread.name for thread in threading.enumerate()}
    assert names == {"python": "looking", "kernel": "looking"}


def test_native_node_threads_carry_the_nodes_names() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48"))
    pipeline.add(ff.CircleDetector(), camera, name="finder")
    with pipeline:
        names = {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
    assert "finder" in names


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_a_thousand_starts_and_stops_leak_no_thread_no_descriptor_and_no_memory(
    pipelines: list[ff.Pipeline],
) -> None:
    def once(number: int) -> None:
        pipeline = ff.Pipeline()
        camera = pipeline.add(Pictures(100, live=True) if number % 2 else ff.open("demo:circles?size=64x48"))
        width = pipeline.add(lambda frame: frame.width, camera)
        pipeline.add(Collect(), width)
        reader = pipeline.reader(width)
        with pipeline:
            if number % 3:
                reader.get()
        check_books(pipeline)
        pipelines.clear()

    def counted() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    for number in range(100):
        once(number)
    before, memory = counted(), resident()
    for number in range(1000):
        once(number)
    until(lambda: counted() <= before, "threads and descriptors to be given back")
    assert resident() - memory < 16 << 20


@pytest.mark.slow
def test_a_node_that_runs_for_long_does_not_grow() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(lambda value: {"number": value}, pipeline.add(Count())))
    with pipeline:
        for _ in range(2000):
            reader.get()
        gc.collect()
        memory = resident()
        for _ in range(30000):
            reader.get()
        gc.collect()
        assert resident() - memory < 8 << 20


@pytest.mark.slow
def test_stopping_in_a_destructor_during_collection_does_not_hang() -> None:
    ended = run_program("""
        import gc, freshframe as ff
        from support import Ticker
        class Owner:
            def __init__(self):
                self.me = self
                self.pipeline = ff.Pipeline()
                self.reader = self.pipeline.reader(self.pipeline.add(Ticker()))
                self.pipeline.start()
            def __del__(self):
                self.pipeline.stop()
        for _ in range(20):
            Owner()
            gc.collect()
        print("done")
    """)
    assert (ended.code, ended.out) == (0, "done\n"), ended.err


@pytest.mark.slow
def test_a_garbage_stream_asks_its_pipeline_to_stop() -> None:
    before = threading.active_count()
    stream = iter(ff.stream(Ticker(0.001)))
    next(stream)
    assert threading.active_count() > before
    del stream
    gc.collect()
    until(lambda: threading.active_count() <= before, "the stream's thread to end")


def test_the_collector_may_run_on_node_threads_while_pipelines_come_and_go(
    pipelines: list[ff.Pipeline],
) -> None:
    def cyclic(value: int) -> object:
        cycle: list[object] = [value]
        cycle.append(cycle)
        if value % 7 == 0:
            gc.collect(0)
        return cycle

    for _ in range(10):
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(cyclic, pipeline.add(Count(50))))
        with pipeline:
            assert len(list(reader)) == 50
        check_books(pipeline)
        pipelines.clear()


def test_readers_may_be_used_and_closed_by_many_threads_while_the_pipeline_stops() -> None:
    for _ in range(10):
        pipeline, gate = ff.Pipeline(), Gate()
        port = pipeline.add(Ticker(0.001))
        readers = [pipeline.reader(port) for _ in range(6)]

        def read(reader: ff.Reader[int], gate: Gate = gate) -> None:
            gate.enter()
            for _ in reader:
                time.sleep(0)

        threads = [threading.Thread(target=read, args=[reader]) for reader in readers]
        for thread in threads:
            thread.start()
        with pipeline:
            until(lambda: gate.arrived == 6, "the readers' threads")  # noqa: B023
            gate.open()
            readers[0].close()
        for thread in threads:
            thread.join()


def test_many_pipelines_that_run_without_a_name_are_logged_once(
    pipelines: list[ff.Pipeline], caplog: pytest.LogCaptureFixture
) -> None:
    ff.Pipeline.stop_all()
    for _ in range(10):
        pipeline = ff.Pipeline()
        pipeline.add(Ticker())
        pipeline.start()
        pipelines.append(pipeline)
    said = [line for line in caplog.messages if "pipelines without a name are running" in line]
    assert len(said) == 1
    assert "stop_all()" in said[0]
