"""Batches: what a node gets, what it gives, what fails, what is counted; ports of one source of several."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import process_batches
import pytest
from support import Collect, Count, Gate, Pictures, Push, check_books, edge, until

import freshframe as ff

LONG = 1000.0  # seconds: a batch that waits so long is completed by something else


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


class Doubled(ff.Node[int, int]):
    """Doubles; keeps the values of each call."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def process_batch(self, samples: list[ff.Sample[int]]) -> list[int | Exception | None]:
        self.calls.append([sample.value for sample in samples])
        return [2 * sample.value for sample in samples]


def run(node: Any, count: int = 20, **options: Any) -> tuple[ff.Pipeline, list[ff.Sample[Any]]]:
    """The node over 0, 1, ... with batches of 8, of which only the last is partial."""
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(count), name="count")
    options.setdefault("batch", ff.Batch(8, max_wait=LONG))
    reader = pipeline.reader(pipeline.add(node, source, name="node", **options))
    with pipeline:
        return pipeline, list(reader)


# ---- what a node gets and gives


def test_a_node_gets_batches_and_each_result_the_stamp_of_its_sample() -> None:
    node = Doubled()
    pipeline, samples = run(node)
    assert node.calls == [list(range(8)), list(range(8, 16)), list(range(16, 20))]
    assert [(s.seq, s.value, s.pts) for s in samples] == [(n, 2 * n, n / 25) for n in range(20)]
    stats = pipeline.stats().nodes["node"]
    assert stats.processed == 20
    assert stats.batches == {4: 1, 8: 2}
    assert pipeline.stats().nodes["count"].batches == {}


def test_a_function_gets_a_list_of_values() -> None:
    calls = []

    def halves(numbers: list[int]) -> list[float]:
        calls.append(len(numbers))
        return [number / 2 for number in numbers]

    assert values(run(halves, 10)[1]) == [n / 2 for n in range(10)]
    assert calls == [8, 2]


def test_a_node_with_process_batch_only_gets_batches_of_one_without_batch() -> None:
    node = Doubled()
    assert values(run(node, 3, batch=None)[1]) == [0, 2, 4]
    assert node.calls == [[0], [1], [2]]
    assert values(ff.run_node(Doubled(), [1, 2], batch=ff.Batch(2))) == [2, 4]


def test_frames_come_with_their_batch() -> None:
    def means(frames: list[ff.Frame]) -> list[float]:
        return [float(frame.bgr.mean()) for frame in frames]

    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(12))
    reader = pipeline.reader(pipeline.add(means, source, batch=ff.Batch(5, max_wait=LONG)))
    with pipeline:
        samples = list(reader)
    assert [sample.frame and sample.frame.luma[0, 0] for sample in samples] == list(range(12))
    assert len(values(samples)) == 12


def test_max_wait_lets_an_incomplete_batch_go() -> None:
    pipeline, push, node = ff.Pipeline(), Push(), Doubled()
    port = pipeline.add(node, pipeline.add(push), queue=ff.Queue(8), batch=ff.Batch(8, max_wait=0.02))
    reader = pipeline.reader(port, queue=ff.Queue(8))
    with pipeline:
        push.push(1, 2)
        assert [reader.get().value for _ in range(2)] == [2, 4]


def test_latest_hands_over_the_newest_of_each_camera() -> None:
    pipeline, node = ff.Pipeline(), Doubled()
    cameras = [Push(), Push()]
    ports = [pipeline.add(camera, name=f"cam{i}") for i, camera in enumerate(cameras)]
    reader = pipeline.reader(pipeline.add(node, ports, name="node", batch=ff.Batch(8, max_wait=LONG)))
    with pipeline:
        cameras[0].push(1, 2, 3)
        until(lambda: edge(pipeline, "node", "cam0").passed_in == 3, "the first camera's samples")
        cameras[1].push(10)  # every edge is full: nothing to wait for
        assert {reader.get().value, reader.get().value} == {6, 20}
    assert node.calls == [[3, 10]]
    assert edge(pipeline, "node", "cam0").drops == {"queue_full": 2}


def test_eight_cameras_get_equal_shares() -> None:
    pipeline = ff.Pipeline()
    ports = [pipeline.add(Count(live=True), name=f"cam{i}") for i in range(8)]
    counts = dict.fromkeys((f"cam{i}" for i in range(8)), 0)

    class Counting(ff.Node[int, None]):
        def process(self, sample: ff.Sample[int]) -> None:
            counts[sample.source] += 1

    class Same(ff.Node[int, int]):
        def process_batch(self, samples: list[ff.Sample[int]]) -> list[int]:
            return [sample.value for sample in samples]

    pipeline.add(
        Counting(), pipeline.add(Same(), ports, name="same", batch=ff.Batch(8, max_wait=LONG)), name="sink"
    )
    with pipeline:
        until(lambda: min(counts.values()) >= 50, lambda: f"fifty samples of each: {counts}")
        seen = dict(counts)
    assert min(seen.values()) >= 0.8 * sum(seen.values()) / 8
    assert edge(pipeline, "sink").sources == 8


def test_the_queue_below_files_is_as_deep_as_the_batch() -> None:
    pipeline, _ = run(Doubled(), 3, batch=ff.Batch(32))
    assert edge(pipeline, "node").queue == ff.Queue(32, "block")
    pipeline, _ = run(Doubled(), 3, batch=ff.Batch(2))
    assert edge(pipeline, "node").queue == ff.LOSSLESS


# ---- failures


def test_none_emits_nothing_and_an_exception_fails_its_own_sample() -> None:
    pipeline, samples = run(process_batches.double_all, 12, on_error="skip")
    assert values(samples) == [2 * n for n in range(12) if n not in (5, 7)]
    stats = pipeline.stats().nodes["node"]
    assert (stats.errors, stats.drops, stats.processed) == (1, {"error": 1}, 12)
    assert stats.last_error == "ValueError: seven"


def test_an_exception_entry_ends_the_pipeline_after_the_results_before_it() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(12), name="count")
    collect = Collect()
    node = pipeline.add(process_batches.double_all, source, name="node", batch=ff.Batch(8, max_wait=LONG))
    pipeline.add(collect, node)
    with pytest.raises(ff.NodeError, match="failed on sample 7 of 'count': ValueError: seven") as caught:
        pipeline.run()
    assert (caught.value.seq, caught.value.source, caught.value.batch) == (7, "count", ())
    assert isinstance(caught.value.__cause__, ValueError)
    delivered = edge(pipeline, "Collect")
    assert delivered.passed_in == 6  # 0 to 6 but for 5


def test_a_raise_fails_all_samples_of_the_call() -> None:
    with pytest.raises(ff.NodeError, match="on a batch of 8 samples that begins with sample 0 of") as caught:
        run(process_batches.raises)
    assert caught.value.seq == 0
    assert caught.value.batch == tuple(("count", n) for n in range(8))
    assert isinstance(caught.value.__cause__, KeyError)


def test_skip_counts_all_samples_of_a_call_that_raises() -> None:
    pipeline, samples = run(process_batches.raises, on_error="skip")
    assert samples == []
    stats = pipeline.stats().nodes["node"]
    assert (stats.errors, stats.drops) == (3, {"error": 20})
    assert stats.batches == {4: 1, 8: 2}


def test_a_wrong_number_of_results_is_an_error() -> None:
    with pytest.raises(ff.NodeError, match="one result per sample: it returned 7 for 8") as caught:
        run(process_batches.too_few)
    assert isinstance(caught.value.__cause__, ff.OptionError)


@pytest.mark.parametrize("result", [None, 3, "abcdefgh", np.zeros(8), (n for n in range(8))])
def test_what_is_no_list_is_an_error(result: Any) -> None:
    with pytest.raises(ff.NodeError, match="must return a list with one result per sample") as caught:
        run(lambda _: result)
    assert isinstance(caught.value.__cause__, ff.OptionTypeError)


def test_a_batch_of_one_is_checked_too() -> None:
    class Wrong(ff.Node[int, int]):
        def process_batch(self, samples: list[ff.Sample[int]]) -> list[int]:
            return []

    with pytest.raises(ff.NodeError, match="it returned 0 for 1"):
        run(Wrong(), batch=None)


def test_a_stop_while_gathering_counts_what_waits_as_stop() -> None:
    pipeline, push, node = ff.Pipeline(), Push(), Doubled()
    pipeline.add(node, pipeline.add(push), name="node", queue=ff.Queue(8), batch=ff.Batch(8, max_wait=LONG))
    with pipeline:
        push.push(1, 2, 3)
        until(lambda: edge(pipeline, "node").waiting == 3, "the samples")
    assert node.calls == []
    assert edge(pipeline, "node").drops == {"stop": 3}


def test_what_cannot_be_is_refused() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(live=True), name="count")

    class One(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    with pytest.raises(ff.GraphError, match=r"One has no method process_batch\(self, samples\)"):
        pipeline.add(One(), source, batch=ff.Batch(2))
    with pytest.raises(ff.GraphError, match="queue=NEXT"):
        pipeline.add(Doubled(), source, batch=ff.Batch(2), queue=ff.NEXT)
    with pytest.raises(ff.GraphError, match="is a source and takes no batch"):
        pipeline.add(Count(), batch=ff.Batch(2))  # type: ignore[call-overload]
    with pytest.raises(ff.GraphError, match="takes one sample at a time"):
        pipeline.add(ff.CircleDetector(), pipeline.add(Pictures(1)), batch=ff.Batch(2))
    with pytest.raises(ff.OptionTypeError, match="batch must be a Batch"):
        pipeline.add(Doubled(), source, batch=8)  # type: ignore[call-overload]
    with pytest.raises(ff.OptionError, match="at most 64 samples"):
        pipeline.add(process_batches.double_all, source, batch=ff.Batch(65), process=True)
    wrong: Any
    for wrong in [(0,), (4097,), (2, -0.1), (2, float("inf")), (2, float("nan"))]:
        with pytest.raises(ff.OptionError):
            ff.Batch(*wrong)
    for wrong in [("2",), (2.0,), (True,), (2, "1")]:
        with pytest.raises(ff.OptionTypeError):
            ff.Batch(*wrong)


def test_types_of_lists_are_checked_when_wired() -> None:
    def of_frames(frames: list[ff.Frame]) -> list[int | None]:
        return [0 for _ in frames]

    pipeline = ff.Pipeline()
    port = pipeline.add(of_frames, pipeline.add(Pictures(1)), batch=ff.Batch(2))
    assert port._type is int
    with pytest.raises(ff.GraphError, match="takes Frame"):
        pipeline.add(of_frames, port, batch=ff.Batch(2))  # type: ignore[arg-type]


# ---- worker processes


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_gets_batches_and_results_keep_the_order_of_taking(workers: int) -> None:
    pipeline, samples = run(process_batches.double_all, 60, on_error="skip", process=ff.Process(workers))
    assert values(samples) == [2 * n for n in range(60) if n not in (5, 7)]
    stats = pipeline.stats().nodes["node"]
    assert stats.batches == {4: 1, 8: 7}
    assert (stats.errors, stats.drops, stats.processed) == (1, {"error": 1}, 59)


def test_a_node_in_a_worker_gets_batches() -> None:
    assert values(run(process_batches.Sums(), 20, process=True)[1]) == [n + n // 8 * 8 for n in range(20)]
    assert values(run(process_batches.Sums(), 3, process=True, batch=None)[1]) == [0, 2, 4]


def test_calls_in_a_worker_are_whole() -> None:
    seen = values(run(process_batches.sizes, 19, process=True)[1])
    assert [size for _, size in seen] == [8] * 16 + [3] * 3
    assert len({pid for pid, _ in seen}) == 1


@pytest.mark.parametrize("function", [process_batches.inverted_all, process_batches.same_all])
def test_pictures_come_back_from_a_batch_in_a_worker(function: Any) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(20, size=(320, 240)))
    reader = pipeline.reader(pipeline.add(function, source, process=True, batch=ff.Batch(6, max_wait=LONG)))
    with pipeline:
        seen = [int(sample.value.luma[7, 9]) for sample in reader]
    assert seen == [255 - n if function is process_batches.inverted_all else n for n in range(20)]


def test_large_results_of_a_batch_in_a_worker_do_not_overwrite_each_other() -> None:
    results = values(run(process_batches.large_all, 20, process=True)[1])
    assert [result.shape for result in results] == [(60_000,)] * 20
    assert [float(result.min()) for result in results] == [float(result.max()) for result in results]
    assert [int(result[0]) for result in results] == list(range(20))


def test_large_samples_go_to_a_worker_in_a_batch() -> None:
    pipeline, push = ff.Pipeline(), Push(live=False)
    reader = pipeline.reader(
        pipeline.add(
            process_batches.same_all, pipeline.add(push), process=True, batch=ff.Batch(64, max_wait=LONG)
        )
    )
    push.push(*(np.full(size, 7, np.uint8) for size in range(100, 64_100, 1000)))
    push.end()
    with pipeline:
        assert [len(result) for result in values(list(reader))] == list(range(100, 64_100, 1000))


def test_a_raise_in_a_worker_fails_all_samples_of_the_call() -> None:
    with pytest.raises(ff.NodeError, match="on a batch of 8 samples") as caught:
        run(process_batches.raises, process=True)
    assert caught.value.batch == tuple(("count", n) for n in range(8))
    assert isinstance(caught.value.__cause__, KeyError)
    pipeline, samples = run(process_batches.too_few, process=True, on_error="skip")
    assert samples == []
    assert pipeline.stats().nodes["node"].drops == {"error": 20}
    assert "one result per sample" in pipeline.stats().nodes["node"].last_error


def test_a_worker_that_dies_takes_its_batch_with_it(caplog: pytest.LogCaptureFixture) -> None:
    pipeline, samples = run(process_batches.dies_on_twelve, 24, process=True)
    assert values(samples) == [*range(8), *range(16, 24)]
    assert pipeline.stats().nodes["node"].drops == {"worker": 8}
    assert "a batch of 8 samples that begins with sample 8 of 'count'" in caplog.text


def test_max_wait_lets_an_incomplete_batch_go_to_a_worker() -> None:
    pipeline, push = ff.Pipeline(), Push()
    node = pipeline.add(
        process_batches.sizes,
        pipeline.add(push),
        name="node",
        queue=ff.Queue(8),
        process=True,
        batch=ff.Batch(8, max_wait=0.02),
    )
    reader = pipeline.reader(node, queue=ff.Queue(8))
    with pipeline:
        push.push(1, 2)
        assert {reader.get().seq, reader.get().seq} == {0, 1}


# ---- one source of several


def merged() -> tuple[ff.Pipeline, list[ff.Port[int]], ff.Port[int]]:
    pipeline = ff.Pipeline()
    ports = [pipeline.add(Count(5 + i), name=f"cam{i}") for i in range(3)]
    return pipeline, ports, pipeline.add(Doubled(), ports, name="boxes", batch=ff.Batch(4))


def test_of_gives_the_samples_of_one_source_only() -> None:
    pipeline, cameras, boxes = merged()
    sink = Collect()
    pipeline.add(sink, boxes.of(cameras[1]), name="sink")
    reader = pipeline.reader(boxes.of(cameras[2]))
    assert repr(boxes.of(cameras[1])).endswith("of='cam1')")
    assert "boxes.of('cam1') -> sink" in str(pipeline)
    with pipeline:
        assert [(s.seq, s.source) for s in reader] == [(n, "cam2") for n in range(7)]
        pipeline.wait()
        assert [seq for seq, _ in sink.seen] == list(range(6))
        seen = edge(pipeline, "sink")
        assert (seen.passed_in, seen.only, seen.sources) == (6, "cam1", 1)


def test_of_wants_one_source_that_comes_there() -> None:
    pipeline, cameras, boxes = merged()
    other = pipeline.add(Count(1), name="other")
    small = pipeline.add(lambda value: value, cameras[0], name="small")
    assert boxes.of(small)._only == boxes.of(cameras[0])._only == cameras[0]._index
    assert cameras[0].of(cameras[0])._only == cameras[0]._index
    with pytest.raises(ff.GraphError, match="no samples of 'other' come out of 'boxes'"):
        boxes.of(other)
    with pytest.raises(ff.GraphError, match="those of 'boxes' come from 3"):
        boxes.of(boxes)
    with pytest.raises(ff.GraphError, match="has no samples of 'cam1'"):
        boxes.of(cameras[0]).of(cameras[1])
    with pytest.raises(ff.GraphError, match="another pipeline"):
        boxes.of(ff.Pipeline().add(Count(1)))
    with pytest.raises(ff.OptionTypeError, match="of"):
        boxes.of("cam0")  # type: ignore[arg-type]


def test_a_video_file_wants_one_source_and_names_of(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Pictures(4), name=f"cam{i}") for i in range(2)]
    both = pipeline.add(process_batches.same_all, cameras, batch=ff.Batch(2), name="both")
    for several in (both, cameras):
        with pytest.raises(ff.GraphError, match=r"samples of 2 come there \('cam0', 'cam1'\).*\.of\("):
            pipeline.add(ff.VideoFile(tmp_path / "no.mp4"), several)
    for i, camera in enumerate(cameras):
        pipeline.add(ff.VideoFile(tmp_path / f"{i}.mp4"), both.of(camera))
    assert pipeline.run().complete
    for i in range(2):
        reading = ff.Pipeline()
        reader = reading.reader(reading.add(ff.open(tmp_path / f"{i}.mp4")))
        with reading:
            assert len(list(reader)) == 4


def test_a_view_wants_one_source_and_names_of() -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Pictures(4), name=f"cam{i}") for i in range(2)]
    both = pipeline.add(process_batches.same_all, cameras, batch=ff.Batch(2), name="both")
    with pytest.raises(ff.GraphError, match=r"port\.of\(camera\)"):
        pipeline.serve(view=both)
    with pipeline.serve(view=[both.of(cameras[1]), both.of(cameras[0]), cameras[0]]) as dashboard:
        state = json.loads(urllib.request.urlopen(dashboard.url + "api/state").read())
        assert [view["port"] for view in state["views"]] == ["both.of('cam1')", "both.of('cam0')", "cam0"]
        assert {node["name"]: node["view"] for node in state["nodes"]} == {
            "cam0": True,
            "cam1": False,
            "both": True,
        }


# ---- counters


def test_edges_of_several_sources_tell_how_many() -> None:
    pipeline, push = ff.Pipeline(), [Push(), Push(), Push()]
    gate = Gate()
    cameras = [pipeline.add(one, name=f"cam{i}") for i, one in enumerate(push)]
    merge = pipeline.add(lambda value: value, cameras, name="merge")
    collect = Collect(gate)
    pipeline.add(collect, merge, name="sink")
    with pipeline:
        push[0].push(0)
        until(lambda: gate.arrived, "the sink to be busy")
        for one in push:
            one.push(1, 2, 3)
        until(lambda: edge(pipeline, "sink").waiting == 3, "one sample of each")
        assert "LATEST x 3 sources" in str(pipeline)
        gate.open()
    check_books(pipeline)


def test_batches_are_told_by_metrics_and_state() -> None:
    pipeline, _ = run(Doubled(), 20)
    with pipeline.serve() as dashboard:
        text = urllib.request.urlopen(dashboard.url + "metrics").read().decode()
        state = json.loads(urllib.request.urlopen(dashboard.url + "api/state").read())
    lines = [line for line in text.splitlines() if line.startswith("freshframe_node_batch_samples")]
    label = 'pipeline="pipeline",node="node"'
    assert lines == [
        f'freshframe_node_batch_samples_bucket{{{label},le="1"}} 0',
        f'freshframe_node_batch_samples_bucket{{{label},le="2"}} 0',
        f'freshframe_node_batch_samples_bucket{{{label},le="4"}} 1',
        f'freshframe_node_batch_samples_bucket{{{label},le="8"}} 3',
        f'freshframe_node_batch_samples_bucket{{{label},le="+Inf"}} 3',
        f"freshframe_node_batch_samples_sum{{{label}}} 20",
        f"freshframe_node_batch_samples_count{{{label}}} 3",
    ]
    nodes = {node["name"]: node for node in state["nodes"]}
    assert nodes["node"]["batches"] == [[4, 1], [8, 2]]
    assert "batches" not in nodes["count"]


def test_a_table_names_the_source_of_an_edge_that_has_one() -> None:
    pipeline, cameras, boxes = merged()
    pipeline.add(Collect(), boxes.of(cameras[1]), name="sink")
    pipeline.run()
    assert "boxes.of('cam1') -> sink" in str(pipeline.stats())


def test_the_prometheus_collector_has_the_histogram_too() -> None:
    prometheus = pytest.importorskip("prometheus_client")
    pipeline, _ = run(Doubled(), 20)
    registry = prometheus.CollectorRegistry()
    registry.register(ff.prometheus_collector(pipeline))
    label = {"pipeline": "pipeline", "node": "node"}
    assert registry.get_sample_value("freshframe_node_batch_samples_bucket", {**label, "le": "4"}) == 1
    assert registry.get_sample_value("freshframe_node_batch_samples_count", label) == 3
