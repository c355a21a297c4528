"""Reader.close() and `with reader`: it leaves the graph, whenever and from wherever it is called."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from rigs.pushed import arrived, pushed
from support import Count, Pictures, Push, Ticker, check_books, until

import freshframe as ff


def test_its_edge_goes_and_its_queue_is_emptied_and_counted() -> None:
    pipeline, source, reader = pushed(ff.Queue(8))
    with pipeline:
        source.push("a", "b", "c")
        arrived(pipeline, 3)
        assert reader.get().value == "a"
        reader.close()
        assert pipeline.stats().edges == []
        removed = pipeline.stats().removed
        assert (removed.edge_count, removed.passed_in, removed.delivered) == (1, 3, 1)
        assert removed.drops == {"removed": 2}
        reader.close()
        assert pipeline.stats().removed.edge_count == 1, "the second call has no effect"


def test_guests_come_and_go_and_their_name_is_free_again() -> None:
    pipeline, source = ff.Pipeline(), Push()
    camera = pipeline.add(source)
    with pipeline:
        for value in range(4):
            with pipeline.reader(camera, name="guest") as guest:
                source.push(value)
                assert guest.get().value == value
        assert pipeline.stats().edges == []
        assert pipeline.stats().removed.delivered == 4


def test_with_closes_it_after_an_exception_too() -> None:
    pipeline, _, reader = pushed()

    def fails() -> None:
        with reader as same:
            assert same is reader
            raise ZeroDivisionError

    with pipeline:
        with pytest.raises(ZeroDivisionError):
            fails()
        assert pipeline.stats().edges == []


@pytest.mark.slow
def test_it_gives_its_frames_back() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Pictures(8))
    reader = pipeline.reader(camera, queue=ff.Queue(8, "block"))
    other = pipeline.reader(camera)
    with pipeline:
        list(other)
        before = pipeline.stats().pool
        assert before.in_use >= 8
        reader.close()
        gc.collect()
        after = pipeline.stats().pool
        assert after.in_use <= before.in_use - 7
        assert after.bound <= before.bound - 8


def test_a_file_that_waited_for_it_goes_on() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(200))
    unread, other = pipeline.reader(source), pipeline.reader(source)
    seen: list[int] = []
    with pipeline:
        thread = threading.Thread(target=lambda: seen.extend(sample.seq for sample in other))
        thread.start()
        until(lambda: any(each.waiting == 8 for each in pipeline.stats().edges), "the source to wait")
        unread.close()
        thread.join()
    assert seen == list(range(200))
    check_books(pipeline)


def get(reader: ff.Reader[Any]) -> object:
    with pytest.raises(ff.EndOfStreamError, match="'reader' was closed"):
        reader.get()
    return "end"


def poll(reader: ff.Reader[Any]) -> object:
    with pytest.raises(ff.EndOfStreamError, match="'reader' was closed"):
        reader.poll()
    return "end"


def latest(reader: ff.Reader[Any]) -> object:
    with pytest.raises(ff.StateError, match="'reader' was closed"):
        reader.latest(max_age=1)
    return "end"


def loop(reader: ff.Reader[Any]) -> object:
    return list(reader) or "end"


def async_loop(reader: ff.Reader[Any]) -> object:
    async def read() -> list[object]:
        return [sample async for sample in reader]

    return asyncio.run(read()) or "end"


VERBS = [get, poll, latest, loop, async_loop]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("when", ["before the start", "while it runs", "after the end", "after a stop"])
def test_it_is_at_its_end_afterwards(verb: Callable[[ff.Reader[Any]], object], when: str) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(3) if when == "after the end" else Ticker(0.001)))
    if when == "before the start":
        reader.close()
        assert verb(reader) == "end"
    with pipeline:
        if when == "while it runs":
            reader.get()
            reader.close()
        elif when == "after the end":
            assert len(list(reader)) == 3
            pipeline.wait()
        if when == "after a stop":
            pipeline.stop()
        reader.close()
        assert verb(reader) == "end"
        assert reader.ended
        assert pipeline.stats().edges == []


@pytest.mark.parametrize("verb", [get, loop, async_loop])
def test_a_thread_that_waits_in_it_gets_the_end(verb: Callable[[ff.Reader[Any]], object]) -> None:
    for _ in range(3):
        pipeline, _, reader = pushed()
        found: list[object] = []
        with pipeline:
            thread = threading.Thread(target=lambda: found.append(verb(reader)))  # noqa: B023
            thread.start()
            reader.close()
            thread.join()
        assert found == ["end"]


def test_any_number_of_threads_close_it_beside_its_samples() -> None:
    for _ in range(20):
        pipeline = ff.Pipeline()
        camera = pipeline.add(Ticker(0.0005))
        reader = pipeline.reader(camera)
        together = threading.Barrier(5)

        def close(together: threading.Barrier = together, reader: ff.Reader[int] = reader) -> None:
            together.wait()
            reader.close()

        threads = [threading.Thread(target=close) for _ in range(4)]
        with pipeline:
            reader.get()
            for thread in threads:
                thread.start()
            together.wait()
            for _ in reader:
                pass
            for thread in threads:
                thread.join()
            assert pipeline.stats().removed.edge_count == 1


def test_a_node_closes_a_reader_on_its_own_thread() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Ticker(0.001))
    reader = pipeline.reader(camera, name="guest")
    pipeline.add(lambda _: reader.close(), camera)
    with pipeline:
        assert list(reader) is not None
        until(lambda: len(pipeline.stats().edges) == 1, "the reader to leave")


def test_closed_before_the_start_it_is_no_part_of_the_graph() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(5))
    pipeline.reader(camera, name="early").close()
    kept = pipeline.reader(camera, name="early")
    assert str(pipeline).count("early") == 1
    with pipeline:
        assert len(list(kept)) == 5
    assert [each.child for each in pipeline.stats().edges] == ["early"]


@pytest.mark.slow
def test_of_a_pipeline_that_has_gone_it_closes_quietly(pipelines: list[ff.Pipeline]) -> None:
    pipeline, _, reader = pushed()
    with pipeline:
        pass
    del pipeline
    pipelines.clear()
    gc.collect()
    reader.close()
    assert list(reader) == []


def test_remove_refuses_it_and_names_close() -> None:
    pipeline, _, reader = pushed()
    wanted = r"port of a node, got <Reader 'reader'>: to remove a reader, call reader.close\(\)"
    with pipeline, pytest.raises(ff.OptionTypeError, match=wanted):
        pipeline.remove(reader)  # type: ignore[arg-type]
