"""The counters, and the consistency of every snapshot."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import threading
import time

import pytest
from support import Collect, Count, Gate, Pictures, Push, Ticker, at_once, check_books, edge, until

import freshframe as ff
from freshframe._look.stats_text import lost_samples


@pytest.mark.slow
def test_the_books_balance_in_every_snapshot_while_everything_moves() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Count(live=True), name="camera")
    step = pipeline.add(lambda value: value if value % 3 else None, camera, name="step")
    pipeline.add(Collect(), [camera, step])
    pipeline.add(lambda value: value, camera, queue=ff.NEXT, name="next")
    pipeline.add(lambda value: value, camera, queue=ff.Queue(5, "drop_newest"), max_age=0.001, name="aged")
    pipeline.add(lambda value: value, camera, max_rate=1000, name="newest")
    pipeline.add(lambda value: value, camera, queue=ff.Queue(5), max_rate=1000, name="rated")
    readers = [pipeline.reader(step), pipeline.reader(step, queue=ff.Queue(4))]
    with pipeline:
        for _ in range(300):
            check_books(pipeline)
            readers[0].latest()
            readers[1].poll()
            time.sleep(0)
    check_books(pipeline)


def test_stats_before_start_show_the_graph_with_nothing_counted() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(1)))
    stats = pipeline.stats()
    assert set(stats.nodes) == {"Count", "Collect"}
    assert stats.elapsed == 0
    assert all(e.passed_in == 0 for e in stats.edges)


def test_an_edge_says_who_it_connects_how_and_what_passed() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(30), name="clip"), name="all")
    pipeline.run()
    e = edge(pipeline, "all")
    assert (e.parent, e.child, e.queue) == ("clip", "all", ff.LOSSLESS)
    assert (e.passed_in, e.delivered, e.waiting, e.dropped, dict(e.drops)) == (30, 30, 0, 0, {})
    assert 0 <= e.age_p50 <= e.age_p99


def test_the_age_of_an_edge_is_at_least_what_its_samples_waited() -> None:
    pipeline, source = ff.Pipeline(), Push()
    pipeline.add(Collect(), pipeline.add(source))
    with pipeline:
        source.push_stamped("old", 0.0, time.monotonic() - 5)
        until(lambda: edge(pipeline, "Collect").delivered, "the old sample")
        assert edge(pipeline, "Collect").age_p50 >= 4.8  # buckets are up to 2.2 % wide


def test_a_node_has_a_state() -> None:
    pipeline, source, gate = ff.Pipeline(stall_timeout=None), Push(), Gate()
    collect = Collect(gate)
    camera = pipeline.add(source, name="camera")
    pipeline.add(collect, camera, name="worker")
    _unread = pipeline.reader(
        pipeline.add(lambda v: v, camera, name="blocked", queue=ff.Queue(8)), queue=ff.Queue(1, "block")
    )
    with pipeline:

        def state(name: str) -> str:
            return pipeline.stats().nodes[name].state

        until(lambda: state("worker") == "waiting", "the worker to wait")
        source.push(*range(5))
        until(lambda: state("worker") == "working", "the worker to work")
        until(lambda: state("blocked") == "blocked", "the other to be blocked")
        gate.open()
    assert {node.state for node in pipeline.stats().nodes.values()} == {"ended"}


def test_a_node_that_is_opening_says_so() -> None:
    gate, states = Gate(), []

    class Slow(ff.Node[int, int]):
        def open(self) -> None:
            gate.enter()

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    pipeline = ff.Pipeline()
    pipeline.add(Slow(), pipeline.add(Count(1)))

    def look() -> None:
        until(lambda: gate.arrived, "the node to open")
        states.append(pipeline.stats().nodes["Slow"].state)
        gate.open()

    thread = threading.Thread(target=look)
    thread.start()
    pipeline.run()
    thread.join()
    assert states == ["opening"]


def test_the_time_per_sample_of_a_node_is_at_least_its_sleep() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(lambda _: time.sleep(0.02), pipeline.add(Count(5)), name="sleeper")
    pipeline.run()
    node = pipeline.stats().nodes["sleeper"]
    assert 0.019 <= node.duration_p50 <= node.duration_p99
    assert 0 < node.busy <= 1


def test_the_time_per_sample_of_a_source_is_that_of_its_read() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Ticker(0.02)))
    with pipeline:
        until(lambda: pipeline.stats().nodes["Ticker"].processed >= 5, "five samples")
    node = pipeline.stats().nodes["Ticker"]
    assert 0.019 <= node.duration_p50 <= node.duration_p99
    assert 0 < node.busy <= 1


def test_a_python_node_is_metered_for_the_gil_and_a_native_one_never_takes_it() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?pace=0&size=64x48&frames=50"), name="camera")
    pipeline.add(ff.CircleDetector(), camera, name="native")
    pipeline.add(lambda _: sum(range(20_000)), camera, name="python")
    stats = pipeline.run()
    assert stats.nodes["python"].gil_hold > 0
    for name in ("camera", "native"):
        assert (stats.nodes[name].gil_hold, stats.nodes[name].gil_wait) == (0, 0)


def test_uptime_grows_while_it_runs_and_stands_still_afterwards() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Ticker()))
    with pipeline:
        first = pipeline.stats().elapsed
        until(lambda: pipeline.stats().elapsed > first, "the clock to move")
    last = pipeline.stats().elapsed
    time.sleep(0.01)
    assert pipeline.stats().elapsed == last


def test_the_fps_of_a_node_that_works_is_positive() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Ticker(0.005)))
    with pipeline:
        until(lambda: pipeline.stats().nodes["Collect"].rate > 1, "a rate to be measured")


def test_stats_are_values_that_do_not_change_afterwards() -> None:
    pipeline, source = ff.Pipeline(), Push()
    pipeline.add(Collect(), pipeline.add(source))
    with pipeline:
        before = pipeline.stats()
        source.push(1)
        until(lambda: edge(pipeline, "Collect").delivered == 1, "a sample")
        assert before.edges[0].delivered == 0
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            before.edges[0].delivered = 5  # type: ignore[misc]


def test_stats_may_be_read_by_many_threads_at_once() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(live=True)))

    def look() -> None:
        for _ in range(50):
            check_books(pipeline)
            str(pipeline)

    with pipeline:
        assert at_once(*[look] * 4) == [None] * 4


def test_the_pool_shows_the_bound_of_published_frames() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Pictures(5)))
    report = pipeline.run()
    # depth + 1 for the edge, one for each of two nodes, and four more
    assert report.pool.bound == 8 + 1 + 2 + 4
    assert report.pool.in_use == 0


def test_a_report_is_also_the_stats() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(10)))
    report = pipeline.run()
    assert isinstance(report, ff.stats.Report)
    assert isinstance(report, ff.stats.Stats)
    assert report.complete
    assert report.edges[0].delivered == 10
    assert report.samples == 10
    assert isinstance(report.gil, ff.gil.GilStats)


@pytest.mark.slow
def test_the_warning_above_256_mib_names_the_reader(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Pictures(300, size=(1000, 1000))), name="greedy")
    with caplog.at_level("WARNING", logger="freshframe"), pipeline:
        held = [sample.value for sample in reader]
        until(lambda: any("greedy" in r.getMessage() for r in caplog.records), "the warning")
    assert len(held) == 300


def test_a_video_source_has_counters_of_its_connection_and_no_other_node_does() -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?pace=0&frames=3&size=64x48"), name="scene")
    pipeline.add(Collect(), scene, name="sink")
    before = pipeline.stats().nodes["scene"].source
    assert before is not None
    assert before.state == "closed"
    nodes = pipeline.run().nodes
    assert nodes["sink"].source is None
    source = nodes["scene"].source
    assert source is not None
    assert (source.state, source.outages, source.away_total, source.stalls) == ("closed", 0, 0.0, 0)
    assert (source.size_changes, source.decoder_frames, source.last_error) == (0, 0, None)
    assert source.clock is None


@pytest.mark.repeats
def test_the_gil_is_held_while_a_node_computes_and_not_while_it_sleeps() -> None:
    slept, computed, lasted = 0.0, 0.0, 0.0

    def work(number: int) -> None:
        nonlocal slept, computed, lasted
        if number % 4 == 1:  # the short calls in between make the next one unexpected
            began = time.monotonic()
            time.sleep(0.02)
            slept += time.monotonic() - began
        if number % 4 == 3:
            began, start = time.thread_time(), time.monotonic()
            while time.thread_time() < began + 0.02:
                pass
            computed += time.thread_time() - began
            lasted += time.monotonic() - start  # it holds the GIL, too, while another process uses its CPU

    pipeline = ff.Pipeline()
    pipeline.add(work, pipeline.add(Count(16)), name="work")
    hold = pipeline.run().nodes["work"].gil_hold
    assert computed / 2 < hold < lasted + slept / 2  # samples come every 5 to 15 ms


def test_a_name_that_no_node_has_is_an_error_with_the_names_that_there_are() -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(KeyError, match="no node 'cam': the pipeline has no nodes"):
        pipeline.stats().nodes["cam"]
    pipeline.add(ff.open("demo:circles"), name="camera")
    with pytest.raises(KeyError, match="no node 'cam'; the nodes are 'camera'"):
        pipeline.stats().nodes["cam"]
    assert pipeline.stats().nodes.get("cam") is None


def test_a_report_says_where_samples_were_lost() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?frames=5&pace=0"), name="camera")

    def picky(frame: ff.Frame) -> None:
        raise ValueError("not this one")

    pipeline.add(picky, camera, on_error="skip")
    slow = pipeline.reader(camera, queue=ff.Queue(2, "drop_newest"), name="slow")
    report = pipeline.run()
    assert slow.get().seq == 0
    assert report.losses == (
        "the edge camera -> slow dropped 3 (queue_full 3) of 5 samples",
        "'picky' lost 5 (error 5) samples",
    )
    assert str(report).splitlines()[1] == f"  {report.losses[0]}"
    assert lost_samples(report) == list(report.losses), "the commands print the same sentences"


def test_a_report_of_a_run_that_was_stopped_says_so() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles"))

    def stop(_: ff.stats.Progress) -> None:
        pipeline.stop()

    report = pipeline.run(progress=stop, progress_every=0.01)
    assert report.losses == ("it was stopped before its sources had ended",)


def test_a_complete_report_has_no_losses() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open("demo:circles?frames=5&pace=0"))
    assert pipeline.run().losses == ()
