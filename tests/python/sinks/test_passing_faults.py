"""Recorders during a temporary disk-full condition: each result is in the file or counted."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import re
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Push, until

import freshframe as ff
from freshframe._sinks.text_file import TextFile
from freshframe._spool import sender

TEXT_SINKS = [ff.JsonLines, ff.Csv]
COUNT = 40  # results before the fault, during it and after it
TEXT = "x" * 8000


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Limits the size of files to `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def numbers_in(path: Path) -> list[int]:
    """Returns the numbers of the results, and checks that every line is whole."""
    data = path.read_bytes()
    assert b"\0" not in data
    assert data.endswith(b"\n")
    if path.suffix == ".csv":
        rows = list(csv.DictReader(data.decode().splitlines()))
        assert {row["text"] for row in rows} == {TEXT}
        return [int(row["n"]) for row in rows]
    return [json.loads(line)["value"]["n"] for line in data.splitlines()]


def values(begin: int) -> list[dict[str, Any]]:
    return [{"n": n, "text": TEXT} for n in range(begin, begin + COUNT)]


def pictures(begin: int) -> list[ff.Frame]:
    noise = np.random.default_rng(begin)
    return [ff.Frame.from_array(noise.integers(0, 255, (96, 128, 3), np.uint8)) for _ in range(COUNT)]


def through_fault(sink: ff.Node[Any, None], make: Any, on_error: Any) -> tuple[ff.Pipeline, int, int]:
    """Returns the pipeline, how many samples the sink received, and how many it counted as an error or a
    drop.
    """
    source = Push(live=False)
    pipeline = ff.Pipeline()
    port = pipeline.add(source, name="source")
    pipeline.add(sink, port, name="sink", on_error=on_error, queue=ff.Queue(3 * COUNT))

    def meet(count: int) -> None:
        until(
            lambda: "sink" not in (nodes := pipeline.stats().nodes) or nodes["sink"].processed >= count,
            lambda: str(pipeline.stats()),
        )

    pipeline.start()
    source.push(*make(0))
    meet(COUNT)
    with full_disk(100_000):
        source.push(*make(COUNT))
        meet(2 * COUNT)
    source.push(*make(2 * COUNT))
    source.end()
    pipeline.wait()
    if "sink" not in (stats := pipeline.stats()).nodes:
        gone = stats.removed
        drops = sum(gone.node_drops.values()) - gone.node_drops.get("error", 0)
        return pipeline, gone.delivered, gone.errors + drops
    node = stats.nodes["sink"]
    edge = next(edge for edge in stats.edges if edge.child == "sink")
    return pipeline, edge.delivered, node.errors + sum(node.drops.values()) - node.drops.get("error", 0)


@pytest.mark.parametrize("sink", TEXT_SINKS)
def test_a_text_file_loses_only_what_is_counted(tmp_path: Path, sink: Any) -> None:
    path = tmp_path / ("out.csv" if sink is ff.Csv else "out.jsonl")
    _, delivered, counted = through_fault(sink(path), values, "skip")
    found = numbers_in(path)
    assert counted > 0
    assert delivered == 3 * COUNT
    assert len(found) + counted == delivered
    assert found == sorted(set(found))
    assert set(range(2 * COUNT, 3 * COUNT)) <= set(found)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out_%d.mkv"])
def test_a_video_file_loses_only_what_is_counted(tmp_path: Path, name: str) -> None:
    segment = 1.0 if "%" in name else None
    told: list[ff.types.Segment] = []
    options: dict[str, Any] = {} if segment is None else {"on_segment": told.append}
    sink = ff.VideoFile(tmp_path / name, codec="mpeg4", segment_every=segment, **options)
    _, delivered, counted = through_fault(sink, pictures, "skip")
    frames = {path: len(list(ff.stream(ff.open(path)))) for path in tmp_path.iterdir()}
    assert counted > 0
    assert sum(frames.values()) + counted == delivered
    for each in told:
        assert frames[Path(each.path)] == each.frames


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_a_video_recorder_that_is_removed_counts_what_it_loses(tmp_path: Path, name: str) -> None:
    sink = ff.VideoFile(tmp_path / name, codec="mpeg4")
    pipeline, delivered, counted = through_fault(sink, pictures, "remove")
    assert "sink" not in pipeline.stats().nodes
    assert len(list(ff.stream(ff.open(tmp_path / name)))) + counted == delivered


@pytest.mark.parametrize("sink", TEXT_SINKS)
def test_a_text_recorder_that_is_removed_says_what_it_loses(
    tmp_path: Path, sink: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ("out.csv" if sink is ff.Csv else "out.jsonl")
    pipeline, delivered, counted = through_fault(sink(path), values, "remove")
    assert "sink" not in pipeline.stats().nodes
    found = numbers_in(path)
    assert found == list(range(len(found)))
    said = [match for each in caplog.records if (match := re.search(r"lines lost: (\d+)", each.message))]
    assert len(said) == 1
    # An error of close() is counted, too, but is not a result.
    assert len(found) + counted - 1 + int(said[0][1]) == delivered
    caplog.clear()


@pytest.mark.parametrize("sink", TEXT_SINKS)
def test_a_file_that_is_emptied_goes_on_at_its_new_end(tmp_path: Path, sink: Any) -> None:
    path = tmp_path / ("out.csv" if sink is ff.Csv else "out.jsonl")
    recorder = sink(path)
    source = Push(live=False)
    pipeline = ff.Pipeline()
    pipeline.add(recorder, pipeline.add(source), name="sink")
    pipeline.start()
    source.push(*values(0))
    until(lambda: pipeline.stats().nodes["sink"].processed >= COUNT, "the first results")
    os.truncate(path, 0)
    source.push(*values(COUNT))
    source.end()
    pipeline.wait()
    if sink is ff.Csv:  # its header was in the part that was lost
        path.write_text("seq,pts,captured,n,text\n" + path.read_text())
    found = numbers_in(path)
    assert found == list(range(found[0], 2 * COUNT))
    assert found[0] > 0


def test_a_header_that_was_not_written_comes_with_the_next_row(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    source = Push(live=False)
    pipeline = ff.Pipeline()
    pipeline.add(ff.Csv(path), pipeline.add(source), name="sink", on_error="skip")
    big = {"n": 0, "text": "y" * 70_000}
    pipeline.start()
    with full_disk(100):
        source.push(big)
        until(lambda: pipeline.stats().nodes["sink"].errors == 1, "an error")
    source.push(*values(1))
    source.end()
    pipeline.wait()
    assert numbers_in(path) == list(range(1, COUNT + 1))


def test_a_pipe_gets_the_rest_of_a_line_that_it_took_in_part() -> None:
    reading, writing = os.pipe2(os.O_NONBLOCK)
    file = TextFile(f"/dev/fd/{writing}")
    os.close(writing)
    os.set_blocking(file._fd, False)
    text = "z" * 50_000 + "\n"
    file.write(text)
    with pytest.raises(BlockingIOError):
        file.write(text)
    got = os.read(reading, 1 << 20)
    while file._waiting:
        with contextlib.suppress(BlockingIOError):
            file.flush()
        got += os.read(reading, 1 << 20)
    file.close()
    os.close(reading)
    assert set(got.decode().splitlines(keepends=True)) == {text}


def test_a_picture_that_was_not_written_leaves_no_part_of_it(tmp_path: Path) -> None:
    [picture] = pictures(0)[:1]
    for name in ("a.png", "a.jpg"):
        with full_disk(1000), pytest.raises(OSError, match=name) as info:
            picture.write(tmp_path / name)
        assert info.value.errno in (errno.EFBIG, errno.ENOSPC)
        assert list(tmp_path.iterdir()) == []
        picture.write(tmp_path / name)
        assert ff.Frame.read(tmp_path / name).bgr.shape == picture.bgr.shape
        (tmp_path / name).unlink()


def test_a_picture_that_has_no_place_is_an_error_of_its_path(tmp_path: Path) -> None:
    [picture] = pictures(0)[:1]
    (tmp_path / "folder.png").mkdir()
    places = {"none/a.png": errno.ENOENT, "folder.png": errno.EISDIR, "あ/a.jpg": errno.ENOENT}
    for name, code in places.items():
        with pytest.raises(OSError, match=os.strerror(code)) as info:
            picture.write(tmp_path / name)
        assert info.value.filename == str(tmp_path / name)
        assert info.value.errno == code


def test_a_spool_whose_thread_cannot_start_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(sender.Sender, "start", refuse)
    spool = ff.Spool(tmp_path / "spool", lambda events: None)
    with pytest.raises(RuntimeError, match="new thread"):
        spool.open()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("spool")]
