"""The reading verbs: latest, poll, get, for; their end, their errors, their independence."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Callable

import pytest
from rigs.pushed import arrived, pushed
from support import Count, Pictures, Push, edge, until

import freshframe as ff


def test_latest_and_poll_are_none_before_the_first_sample() -> None:
    pipeline, _, reader = pushed()
    with pipeline:
        assert reader.latest() is None
        assert reader.poll() is None


def test_latest_returns_the_newest_and_counts_those_before_it_as_skipped() -> None:
    pipeline, source, reader = pushed(ff.Queue(8))
    with pipeline:
        source.push(*"abcd")
        arrived(pipeline, 4)
        sample = reader.latest()
        assert sample is not None
        assert (sample.value, sample.seq, sample.dropped) == ("d", 3, 3)
        assert edge(pipeline, "reader").drops == {"skipped": 3}
        assert edge(pipeline, "reader").delivered == 1


def test_latest_returns_the_identical_sample_when_nothing_is_newer_and_counts_nothing() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push("a", "b")
        arrived(pipeline, 2)
        first = reader.latest()
        assert first is not None
        before = edge(pipeline, "reader")
        assert reader.latest() is first
        assert reader.latest() is first
        assert edge(pipeline, "reader").delivered == before.delivered
        assert first.dropped == 1


@pytest.mark.parametrize("as_one", [False, True], ids=["ports", "merge"])
def test_latest_is_the_newest_of_all_ports_by_its_capture(as_one: bool) -> None:
    """A camera that is offline has left an old sample, with the larger `pts`."""
    dead, alive = Push(), Push()
    pipeline = ff.Pipeline()
    ports = [pipeline.add(dead, name="dead"), pipeline.add(alive, name="alive")]
    if as_one:
        ports = [pipeline.add(lambda value: value, ports, name="both", queue=ff.Queue(8))]
    reader = pipeline.reader(ports, queue=ff.Queue(8), name="reader")

    def came(count: int) -> None:
        until(lambda: sum(each.passed_in for each in into_reader()) == count, "the samples are there")

    def into_reader() -> list[ff.stats.EdgeStats]:
        return [each for each in pipeline.stats().edges if each.child == "reader"]

    with pipeline:
        now = time.monotonic()
        dead.push_stamped("old", 900.0, now - 0.7)
        came(1)
        alive.push_stamped("older", 0.0, now - 0.2)
        alive.push_stamped("new", 0.1, now - 0.02)
        came(3)
        sample = reader.latest()
        assert sample is not None
        assert sample.value == "new"
        assert reader.latest() is sample
        dead.push_stamped("late", 900.1, now - 0.5)
        came(4)
        assert reader.latest() is sample, "an older sample of another source follows no newer one"
        dead.push_stamped("back", 900.2, now)
        came(5)
        newest = reader.latest()
        assert newest is not None
        assert newest.value == "back"
        edges = into_reader()
        assert [
            sum(each.drops.get("skipped", 0) for each in edges),
            sum(each.delivered for each in edges),
        ] == [3, 2]


def test_a_sample_returned_by_one_verb_is_seen_by_all() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push("a")
        sample = reader.get()
        assert reader.poll() is None
        assert reader.latest() is sample
        source.push("b")
        arrived(pipeline, 2)
        newest = reader.latest()
        assert newest is not None
        assert newest.value == "b"
        assert reader.poll() is None
        with pytest.raises(ff.ReadTimeoutError):
            reader.get(timeout=0.01)


def test_get_waits_at_least_its_timeout_and_leaves_the_reader_usable() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        before = time.monotonic()
        with pytest.raises(ff.ReadTimeoutError, match=r"'reader'.*0\.05"):
            reader.get(timeout=0.05)
        assert time.monotonic() - before >= 0.05
        source.push("a")
        assert reader.get().value == "a"


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
def test_a_timeout_that_is_no_duration_is_refused(timeout: float) -> None:
    pipeline, _, reader = pushed()
    with pipeline, pytest.raises(ValueError, match=r"(?i)timeout"):
        reader.get(timeout=timeout)


def test_a_for_loop_ends_with_the_stream() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(30)))
    with pipeline:
        assert [sample.seq for sample in reader] == list(range(30))
        assert list(reader) == []


def test_after_the_end_poll_and_get_raise_end_of_stream_and_latest_keeps_the_last() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push("last")
        sample = reader.get()
        assert reader.ended is False
        source.end()
        with pytest.raises(ff.EndOfStreamError):
            reader.get()
        with pytest.raises(ff.EndOfStreamError):
            reader.poll()
        assert reader.latest() is sample
        assert reader.ended is True
        assert list(reader) == []


@pytest.mark.parametrize("verb", ["get", "poll", "latest", "iterate"])
def test_every_verb_raises_the_failed_nodes_error_before_anything_else(verb: str) -> None:
    pipeline, source = ff.Pipeline(), Push()
    camera = pipeline.add(source)
    reader = pipeline.reader(camera)

    def boom(_: object) -> None:
        raise ZeroDivisionError("at will")

    pipeline.add(boom, camera)
    with pipeline:
        source.push("a")
        with pytest.raises(ff.NodeError, match="at will"):
            pipeline.wait()
        verbs: dict[str, Callable[[], object]] = {
            "get": reader.get,
            "poll": reader.poll,
            "latest": reader.latest,
            "iterate": lambda: next(iter(reader)),
        }
        for _ in range(2):  # it stays failed
            with pytest.raises(ff.NodeError, match="at will"):
                verbs[verb]()


def test_a_waiting_get_is_woken_by_stop() -> None:
    pipeline, _, reader = pushed()
    with pipeline:
        timer = threading.Timer(0.05, pipeline.stop)
        timer.start()
        with pytest.raises(ff.EndOfStreamError):
            reader.get()
        timer.join()


@pytest.mark.slow
def test_a_reader_that_is_garbage_never_blocks_the_others() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(200))
    forgotten, other = pipeline.reader(source), pipeline.reader(source)
    with pipeline:
        del forgotten
        gc.collect()
        assert len(list(other)) == 200
        assert set(edge(pipeline, "reader").drops) == {"stop"}


def test_closing_a_reader_wakes_the_thread_that_waits_in_it() -> None:
    pipeline, _, reader = pushed()
    with pipeline:
        timer = threading.Timer(0.05, reader.close)
        timer.start()
        with pytest.raises(ff.EndOfStreamError):
            reader.get()
        timer.join()


@pytest.mark.parametrize("verb", ["get", "poll", "latest", "iterate"])
def test_every_verb_of_an_unstarted_reader_is_refused(verb: str) -> None:
    _, _, reader = pushed()
    verbs: dict[str, Callable[[], object]] = {
        "get": reader.get,
        "poll": reader.poll,
        "latest": reader.latest,
        "iterate": lambda: next(iter(reader)),
    }
    with pytest.raises(ff.StateError, match="start"):
        verbs[verb]()


def test_latest_on_a_lossless_reader_is_refused_and_says_why() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(3), name="clip"))
    with pipeline:
        with pytest.raises(ff.GraphError, match=r"lossless because 'clip'.*poll\(\).*queue=LATEST"):
            reader.latest()
        assert len(list(reader)) == 3


def test_get_on_a_next_reader_takes_a_sample_that_comes_while_it_waits() -> None:
    pipeline, source, reader = pushed(ff.NEXT)
    with pipeline:
        stop = threading.Event()

        def push() -> None:
            while not stop.wait(0.005):
                source.push("now")

        thread = threading.Thread(target=push)
        thread.start()
        assert [sample.value for sample in itertools.islice(reader, 3)] == ["now"] * 3
        stop.set()
        thread.join()


def test_names_default_to_reader_and_count_up() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(Count(1))
    for name in (None, None, "mine"):
        _reader = pipeline.reader(port, name=name)
    with pipeline:
        assert [e.child for e in pipeline.stats().edges] == ["reader", "reader_2", "mine"]


@pytest.mark.slow
def test_latest_keeps_one_sample_alive_and_no_more() -> None:
    pipeline, source = ff.Pipeline(), Pictures(200, live=True)
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        while not reader.ended:
            reader.latest()
        reader.latest()
        gc.collect()
        assert pipeline.stats().held_bytes <= 2 * 64 * 48 + 4096
