"""Recorders whose file is deleted, renamed or replaced: each result is in a file, or is reported."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Push, until

import freshframe as ff

COUNT = 40  # results before and after the file is removed
TEXT = "x" * 8000
FOREIGN = "of another program\n"
WAYS = ["deleted", "renamed", "replaced", "folder deleted", "folder renamed"]
GONE = {"deleted", "replaced", "folder deleted"}
ON_ERROR: list[Any] = ["stop", "skip", "remove"]


def take(way: str, place: Path) -> None:
    [file] = place.iterdir()
    if way == "deleted":
        file.unlink()
    elif way == "renamed":
        file.rename(place / f"moved{file.suffix}")
    elif way == "replaced":
        (place / "foreign").write_text(FOREIGN)
        os.replace(place / "foreign", file)
    elif way == "folder deleted":
        shutil.rmtree(place)
        place.mkdir()
    else:
        place.rename(place.with_name("away"))
        place.mkdir()


def values(begin: int) -> list[Any]:
    return [{"n": n, "text": TEXT} for n in range(begin, begin + COUNT)]


def pictures(begin: int) -> list[Any]:
    noise = np.random.default_rng(begin)
    return [ff.Frame.from_array(noise.integers(0, 255, (96, 128, 3), np.uint8)) for _ in range(COUNT)]


class Run:
    """A recorder whose file is removed while it runs.

    Attributes:
        error: The NodeError that ended the pipeline, if one did.
        delivered: How many samples the recorder received.
        counted: How many of them count as an error or a drop.
        last_error: The message of the newest error that was skipped.
    """

    def __init__(
        self, sink: Any, make: Callable[[int], list[Any]], on_error: Any, deed: Callable[[], None]
    ) -> None:
        self.error: ff.NodeError | None = None
        source = Push(live=False)
        self.pipeline = ff.Pipeline()
        port = self.pipeline.add(source, name="source")
        self.pipeline.add(sink, port, name="sink", on_error=on_error, queue=ff.Queue(3 * COUNT))
        self.pipeline.start()
        source.push(*make(0))
        until(lambda: self.pipeline.stats().nodes["sink"].processed == COUNT, "the first results")
        deed()
        source.push(*make(COUNT))
        source.end()
        try:
            self.report = self.pipeline.wait()
        except ff.NodeError as error:
            self.error = error
        stats = self.pipeline.stats()
        self.last_error = ""
        drops: Any
        if "sink" not in stats.nodes:
            gone = stats.removed
            self.delivered, drops, errors = gone.delivered, gone.node_drops, gone.errors
        else:
            node = stats.nodes["sink"]
            self.delivered = next(edge for edge in stats.edges if edge.child == "sink").delivered
            drops, errors = node.drops, node.errors
            self.last_error = str(node.last_error)
        self.counted = errors + sum(drops.values()) - drops.get("error", 0)


def numbers_in(files: list[Path]) -> list[int]:
    """Returns the numbers of the results, and checks that each file starts correctly."""
    found: list[int] = []
    for file in files:
        text = file.read_text().removeprefix(FOREIGN)
        if file.suffix == ".csv":
            found += [int(row["n"]) for row in csv.DictReader(text.splitlines())]
        else:
            found += [json.loads(line)["value"]["n"] for line in text.splitlines()]
    return sorted(found)


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.table
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_text_file_goes_on_at_its_path(
    tmp_path: Path, sink: Any, way: str, on_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "rec"
    place.mkdir()
    path = place / ("out.csv" if sink is ff.Csv else "out.jsonl")
    run = Run(sink(path), values, on_error, lambda: take(way, place))
    found = numbers_in(files_below(tmp_path))
    if way not in GONE:  # like log rotation
        assert found == list(range(2 * COUNT))
        assert run.counted == 0
        assert run.error is None
        assert path.exists()
        return
    if on_error == "stop":
        assert run.error is not None
        assert re.search(
            r"deleted or replaced the file while it was written; lines lost: \d+", str(run.error)
        )
        assert repr(str(path)) in str(run.error)
        return
    if on_error == "remove":
        assert "sink" not in run.pipeline.stats().nodes
        caplog.clear()
        return
    lost = int(re.findall(r"lines lost: (\d+)", run.last_error)[0]) - (sink is ff.Csv)  # the header
    assert 0 < lost <= COUNT
    assert run.counted == 1
    assert len(found) + lost + run.counted == run.delivered == 2 * COUNT
    assert found == sorted(set(found))
    assert path.read_text().startswith(FOREIGN) == (way == "replaced")


@pytest.mark.table
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_text_file_that_is_taken_before_its_end_is_an_error_only_if_it_is_gone(
    tmp_path: Path, sink: Any, way: str
) -> None:
    path = tmp_path / "rec" / ("out.csv" if sink is ff.Csv else "out.jsonl")
    path.parent.mkdir()
    source = Push(live=False)
    pipeline = ff.Pipeline()
    recorder = sink(path)
    pipeline.add(recorder, pipeline.add(source), name="sink")
    pipeline.start()
    source.push(*values(0)[:20])
    until(lambda: pipeline.stats().nodes["sink"].processed == 20, "the results")
    recorder._file.flush()
    take(way, path.parent)
    source.end()
    if way in GONE:
        with pytest.raises(ff.NodeError, match=rf"lines lost: {20 + (sink is ff.Csv)}"):
            pipeline.wait()
    else:
        pipeline.wait()
        assert numbers_in(files_below(tmp_path)) == list(range(20))
        assert not path.exists()


@pytest.mark.table
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("way", WAYS)
def test_a_complete_file_does_not_appear_without_all_its_lines(
    tmp_path: Path, way: str, on_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "rec"
    place.mkdir()
    out = place / "out.jsonl"
    run = Run(ff.JsonLines(out, complete=True), values, on_error, lambda: take(way, place))
    assert run.error is None or "deleted or moved the temporary file" in str(run.error)
    assert (run.error is not None) == (on_error != "remove")  # close() fails, too
    assert not out.exists()
    caplog.clear()


def frames_in(file: Path) -> int:
    return len(list(ff.stream(ff.open(file))))


def played(folder: Path) -> int:
    files = [file for file in files_below(folder) if file.read_bytes() != FOREIGN.encode()]
    return sum(map(frames_in, files))


@pytest.mark.table
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["out.mkv", "out_%d.mkv"])
def test_a_recording_counts_what_went_with_its_file(
    tmp_path: Path, name: str, way: str, on_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "rec"
    place.mkdir()
    told: list[ff.types.Segment] = []
    options: dict[str, Any] = {} if "%" not in name else {"segment_every": 100, "on_segment": told.append}
    sink = ff.VideoFile(place / name, codec="mpeg4", **options)
    run = Run(sink, pictures, on_error, lambda: take(way, place))
    says = "deleted or replaced while" if way in GONE else "renamed or moved while"
    assert (run.error is not None) == (on_error == "stop")
    if run.error is not None:
        assert says in str(run.error)
        return
    if on_error == "skip":
        assert says in run.last_error
        assert run.delivered == 2 * COUNT
        assert [segment.frames for segment in told] == [frames_in(Path(segment.path)) for segment in told]
    assert played(tmp_path) + run.counted == run.delivered
    caplog.clear()


@pytest.mark.table
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("way", WAYS)
def test_a_clip_that_was_taken_away_is_an_error(
    tmp_path: Path, way: str, on_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "rec"
    place.mkdir()
    clips = ff.ClipRecorder(before=1, after=10, codec="mpeg4")

    def save() -> None:
        clips.save(place / "clip.mkv")
        take(way, place)

    run = Run(clips, pictures, on_error, save)
    says = "deleted or replaced while" if way in GONE else "renamed or moved while"
    if on_error == "stop":
        assert says in str(run.error)
    elif on_error == "skip":
        assert says in run.last_error
        assert run.counted == 1
    else:
        assert "sink" not in run.pipeline.stats().nodes
    caplog.clear()


def test_lines_whose_folder_does_not_come_back_are_counted(tmp_path: Path) -> None:
    place = tmp_path / "rec"
    place.mkdir()

    def rename() -> None:
        place.rename(tmp_path / "away")

    run = Run(ff.JsonLines(place / "out.jsonl"), values, "skip", rename)
    assert run.error is not None  # raised by close()
    lost = int(re.findall(r"lines lost: (\d+)", str(run.error))[0])
    found = numbers_in(files_below(tmp_path))
    assert len(found) + lost + run.counted - 1 == 2 * COUNT
