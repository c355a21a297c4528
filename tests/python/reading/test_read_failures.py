"""A source that cannot continue: every sample that it has read is delivered, then its error is raised."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import struct
import threading
from pathlib import Path

import pytest
from support import WATCHDOG, Collect, Gate, Push, until

import freshframe as ff

GOOD = 5  # frames before the damage


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes an MP4 whose index claims half a gigabyte for its sixth frame."""
    path = tmp_path_factory.mktemp("torn") / "torn.mp4"
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=64x48&pace=0&frames=12"))
    pipeline.add(ff.VideoFile(path, codec="vp9"), scene)
    assert pipeline.run().complete
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.rindex(b"stsz") + 16 + 4 * GOOD, 1 << 29)
    path.write_bytes(data)
    return path


def reading_ended(pipeline: ff.Pipeline) -> bool:
    return pipeline.stats().nodes["VideoSource"].state == "failed"


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_a_loop_gets_every_frame_that_was_read_and_then_the_error(torn: Path, threads: int) -> None:
    for _ in range(5):
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(ff.open(torn, decoder_threads=threads)))
        seen: list[int] = []
        with pytest.raises(ff.SourceError, match="cannot continue to read"), pipeline:
            seen.extend(sample.seq for sample in reader)
        assert seen == list(range(GOOD))


def test_what_waits_in_a_reader_is_delivered_though_the_source_has_failed_already(torn: Path) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(torn)))
    with pipeline:
        until(lambda: reading_ended(pipeline), "the source to fail")
        assert [reader.get().seq for _ in range(GOOD)] == list(range(GOOD))
        with pytest.raises(ff.SourceError):
            reader.poll()
        with pytest.raises(ff.SourceError):
            reader.get()


def test_a_slow_node_processes_all_that_was_read(torn: Path) -> None:
    gate = Gate()
    collect = Collect(gate)
    pipeline = ff.Pipeline()
    pipeline.add(collect, pipeline.add(ff.open(torn)))
    with pipeline:
        until(lambda: reading_ended(pipeline), "the source to fail")
        gate.open()
        with pytest.raises(ff.SourceError, match="cannot continue to read"):
            pipeline.wait()
    assert [seq for seq, _ in collect.seen] == list(range(GOOD))


def test_a_recorder_writes_all_that_was_read(torn: Path, tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(tmp_path / "copy.mp4"), pipeline.add(ff.open(torn)))
    with pytest.raises(ff.SourceError):
        pipeline.run()
    with ff.stream(ff.open(tmp_path / "copy.mp4")) as copy:
        assert sum(1 for _ in copy) == GOOD


def test_an_async_loop_gets_every_frame_and_then_the_error(torn: Path) -> None:
    seen = []

    async def read() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(ff.open(torn)))
        async with pipeline:
            async for sample in reader:
                seen.append(sample.seq)  # noqa: PERF401

    with pytest.raises(ff.SourceError):
        asyncio.run(read())
    assert seen == list(range(GOOD))


def test_what_a_python_source_yielded_before_it_raised_is_delivered() -> None:
    source = Push(live=False)
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    source.push(1, 2, 3)
    source.fail(RuntimeError("unplugged"))
    with pipeline:
        until(lambda: pipeline.stats().nodes["Push"].state == "failed", "the source to fail")
        assert [reader.get().value for _ in range(3)] == [1, 2, 3]
        with pytest.raises(ff.NodeError, match="unplugged"):
            reader.get()


def test_the_other_sources_end_too() -> None:
    bad, good = Push(), Push()
    pipeline = ff.Pipeline()
    collect = Collect()
    pipeline.add(lambda value: None, pipeline.add(bad, name="bad"))
    pipeline.add(collect, pipeline.add(good, name="good"))
    with pipeline:
        good.push(1)
        until(lambda: len(collect.seen) == 1, "the other source's sample")
        bad.fail(RuntimeError("unplugged"))
        with pytest.raises(ff.NodeError, match="unplugged"):
            pipeline.wait()
        assert pipeline.stats().nodes["good"].state == "ended"


def test_nodes_whose_close_waits_for_each_other_all_end() -> None:
    """More than the number of threads that may leave at a time (Note [Leaving in a queue] in
    node/gil_turn.cpp).
    """
    together = threading.Barrier(24)

    class Meets(ff.Node[int, None]):
        def process(self, sample: ff.Sample[int]) -> None: ...

        def close(self) -> None:
            together.wait(WATCHDOG)

    pipeline = ff.Pipeline()
    source = pipeline.add(Push())
    for _ in range(together.parties):
        pipeline.add(Meets(), source)
    with pipeline:
        pass
    assert not together.broken
    assert {node.state for node in pipeline.stats().nodes.values()} == {"ended"}
