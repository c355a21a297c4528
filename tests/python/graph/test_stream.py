"""ff.stream: the linear case in one expression."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import threading

import pytest
from support import Count, Ticker, until

import freshframe as ff
from freshframe._pipeline import life


def double(value: int) -> int:
    return 2 * value


def test_stream_is_the_linear_case() -> None:
    assert [s.value for s in ff.stream(Count(5), double, double)] == [0, 4, 8, 12, 16]


def test_stream_as_a_context_manager() -> None:
    with ff.stream(Count(5), double) as stream:
        assert [s.value for s in stream] == [0, 2, 4, 6, 8]


def test_a_loop_that_is_left_and_begun_again_logs_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        for _ in ff.stream(Ticker(0.001), double):
            break
    assert [line for line in caplog.messages if "another pipeline named" in line] == []


def test_leaving_a_loop_over_a_stream_early_stops_its_threads() -> None:
    before = threading.active_count()
    for sample in ff.stream(Ticker(0.001), double):
        if sample.seq >= 3:
            break
    until(lambda: threading.active_count() <= before, "the stream's threads to end")


def test_a_stream_that_is_garbage_waits_for_no_thread() -> None:
    """The collector may run on the log's thread, while another thread holds this lock and waits for that
    thread to start.
    """
    stream = ff.stream(Ticker(0.001))
    next(iter(stream))
    collector = threading.Thread(target=stream.__del__)
    with life._lock:
        collector.start()
        until(lambda: not collector.is_alive(), "the end of the finalizer")


def test_a_stream_raises_the_error_of_a_node() -> None:
    def boom(_: int) -> int:
        raise ZeroDivisionError("in a stream")

    with pytest.raises(ff.NodeError, match="in a stream"):
        list(ff.stream(Count(3), boom))


def test_stream_without_nodes_reads_the_source() -> None:
    assert [s.value for s in ff.stream(Count(3))] == [0, 1, 2]


def test_stream_takes_a_queue_for_its_reader() -> None:
    with ff.stream(Ticker(0.001), double, queue=ff.Queue(100)) as stream:
        first = [sample.seq for sample in itertools.islice(stream, 5)]
    assert first == sorted(set(first))
