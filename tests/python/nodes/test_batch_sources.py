"""Downstream of a batch: ports of one source of several, and their counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from rigs.batch_nodes import Doubled, merged, run
from rigs.process import batches as process_batches
from support import Collect, Count, Gate, Pictures, Push, check_books, edge, until

import freshframe as ff


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
        assert (seen.passed_in, seen.of, seen.source_count) == (6, "cam1", 1)


def test_of_wants_one_source_that_comes_there() -> None:
    pipeline, cameras, boxes = merged()
    other = pipeline.add(Count(1), name="other")
    small = pipeline.add(lambda value: value, cameras[0], name="small")
    assert boxes.of(small)._only == boxes.of(cameras[0])._only == cameras[0]._index
    assert cameras[0].of(cameras[0])._only == cameras[0]._index
    with pytest.raises(ff.GraphError, match="'boxes' returns no samples of 'other'"):
        boxes.of(other)
    with pytest.raises(ff.GraphError, match="'boxes' has 3 sources upstream"):
        boxes.of(boxes)
    with pytest.raises(ff.GraphError, match="has no samples of 'cam1'"):
        boxes.of(cameras[0]).of(cameras[1])
    with pytest.raises(ff.GraphError, match="belong to different pipelines"):
        boxes.of(ff.Pipeline().add(Count(1)))
    with pytest.raises(ff.OptionTypeError, match="of"):
        boxes.of("cam0")  # type: ignore[arg-type]


def test_a_video_file_wants_one_source_and_names_of(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Pictures(4), name=f"cam{i}") for i in range(2)]
    both = pipeline.add(process_batches.same_all, cameras, batch=ff.Batch(2), name="both")
    for several in (both, cameras):
        with pytest.raises(ff.GraphError, match=r"samples of 2 sources \('cam0', 'cam1'\).*\.of\("):
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


def test_edges_of_several_sources_have_their_number() -> None:
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


def test_metrics_and_state_have_the_batches() -> None:
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
    registry.register(ff.stats.prometheus_collector(pipeline))
    label = {"pipeline": "pipeline", "node": "node"}
    assert registry.get_sample_value("freshframe_node_batch_samples_bucket", {**label, "le": "4"}) == 1
    assert registry.get_sample_value("freshframe_node_batch_samples_count", label) == 3
