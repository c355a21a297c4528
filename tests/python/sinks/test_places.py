"""Paths of recordings: two recorders never share a file, and os.chdir() does not affect them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Pictures, Push, run_program, until

import freshframe as ff

SINKS: dict[str, Callable[[str], ff.Node[Any, None]]] = {
    "a.jsonl": ff.JsonLines,
    "a.csv": ff.Csv,
    "a.mkv": lambda path: ff.VideoFile(path, codec="mpeg4"),
}
SPELLINGS = ["{name}", "./{name}", "{here}/{name}", "sub/../{name}", "link/{name}"]


def frame(number: int) -> ff.Frame:
    noise = np.random.default_rng(number)
    return ff.Frame.from_array(noise.integers(0, 255, (96, 128, 3), np.uint8))


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", SINKS)
def test_two_recorders_of_one_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, spelling: str, exists: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    if exists:
        (tmp_path / name).touch()
    pipeline = ff.Pipeline()
    source = pipeline.add(Push())
    pipeline.add(SINKS[name](name), source)
    pipeline.add(SINKS[name](spelling.format(name=name, here=tmp_path)), source)
    with pytest.raises(ff.GraphError, match="would write the same file"):
        pipeline.start()


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("name", SINKS)
def test_two_pipelines_with_recorders_of_one_file_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    first, second = ff.Pipeline(), ff.Pipeline()
    first.add(SINKS[name](str(tmp_path / name)), first.add(Push()))
    second.add(SINKS[name](str(tmp_path / "link" / name)), second.add(Push()))
    with first, pytest.raises(ff.NodeError, match="this process is writing the file already"):
        second.start()
    third = ff.Pipeline()
    third.add(SINKS[name](str(tmp_path / name)), third.add(Push()))
    with third:
        pass  # the first recorder has released it


WRITER = """
import sys
import freshframe as ff
from support import Push
path = sys.argv[1]
sink = {"jsonl": ff.JsonLines, "csv": ff.Csv}.get(path.rpartition(".")[2])
pipeline = ff.Pipeline()
pipeline.add(sink(path) if sink else ff.VideoFile(path, codec="mpeg4"), pipeline.add(Push()))
try:
    pipeline.start()
except ff.NodeError as error:
    print(error)
pipeline.stop()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SINKS)
def test_a_file_that_another_process_is_writing_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    source = Push(live=False)
    pipeline = ff.Pipeline()
    pipeline.add(SINKS[name](str(path)), pipeline.add(source), name="sink")
    with pipeline:
        # A second sink that is rejected must not release the lock: closing a file releases a process's locks
        # on it.
        second = ff.Pipeline()
        second.add(SINKS[name](str(path)), second.add(Push()), name="second")
        with pytest.raises(ff.NodeError, match="this process is writing the file already"):
            second.start()
        second.stop()
        ended = run_program(WRITER, arguments=[str(path)])
        assert f"cannot write '{path}': another process is writing the file" in ended.out
        source.push(*(map(frame, range(3)) if name == "a.mkv" else "abc"))
        source.end()
        pipeline.wait(WATCHDOG)
    assert pipeline.stats().nodes["sink"].errors == 0
    assert "another process" not in run_program(WRITER, arguments=[str(path)]).out


def test_a_film_that_a_source_reads_is_not_overwritten(tmp_path: Path) -> None:
    film, link = tmp_path / "film.mkv", tmp_path / "link.mkv"
    written = ff.Pipeline()
    written.add(ff.VideoFile(film, codec="mpeg4"), written.add(Pictures(20)))
    written.run()
    content = film.read_bytes()
    link.hardlink_to(film)
    pipeline, other = ff.Pipeline(), ff.Pipeline()
    clips = ff.ClipRecorder(codec="mpeg4")
    camera = pipeline.add(ff.open(film, loop=True, realtime=True))
    pipeline.add(clips, camera)
    reader = pipeline.reader(camera)
    other.add(ff.VideoFile(film, codec="mpeg4"), other.add(Pictures(1)))
    with pipeline:
        reader.get(WATCHDOG)
        with pytest.raises(ff.FreshframeError, match="a source of this process is reading the file"):
            clips.save(link)
        with pytest.raises(ff.NodeError, match="a source of this process is reading the file"):
            other.run()
    assert film.read_bytes() == content


class Moved:
    """A program that changes its directory from `one` to `two` while a recorder is running."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.one, self.two = folder / "one", folder / "two"
        self.one.mkdir()
        self.two.mkdir()
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(self.one)

    def run(self, sink: ff.Node[Any, None], make: Callable[[int], Any], after: Any = None) -> None:
        source = Push(live=False)
        pipeline = ff.Pipeline()
        pipeline.add(sink, pipeline.add(source), name="sink")
        pipeline.start()
        source.push(*map(make, range(40)))
        until(lambda: pipeline.stats().nodes["sink"].processed >= 40, "the first samples")
        self._monkeypatch.chdir(self.two)
        source.push(*map(make, range(40, 120)))
        until(lambda: pipeline.stats().nodes["sink"].processed >= 120, "the other samples")
        if after is not None:
            after()
        source.end()
        pipeline.wait()

    def names(self, folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_text_file_stays_where_it_began(moved: Moved, name: str) -> None:
    sink: Any = ff.JsonLines if name == "a.jsonl" else ff.Csv
    moved.run(sink(name), lambda n: {"n": n})
    assert moved.names(moved.one) == [name]
    assert moved.names(moved.two) == []


def test_a_spool_stays_where_it_began(moved: Moved) -> None:
    sent: list[Any] = []
    moved.run(ff.Spool("spool", sent.extend), lambda n: {"n": n})
    assert len(sent) == 120
    assert (moved.one / "spool").is_dir()
    assert moved.names(moved.two) == []


def test_segments_stay_where_they_began_and_keep_deletes_only_there(moved: Moved) -> None:
    foreign = [f"a_{number}.mkv" for number in range(1, 9)]
    for name in foreign:
        (moved.two / name).write_bytes(bytes(100_000))
    told: list[ff.types.Segment] = []
    sink = ff.VideoFile(
        "a_%d.mkv", codec="mpeg4", segment_every=1.0, keep_bytes=400_000, on_segment=told.append
    )
    moved.run(sink, frame)
    assert moved.names(moved.two) == foreign
    assert {path.stat().st_size for path in moved.two.iterdir()} == {100_000}
    left = moved.names(moved.one)
    assert "a_5.mkv" in left
    assert "a_1.mkv" not in left  # deleted because of `keep`
    assert [Path(each.path) for each in told] == [moved.one / f"a_{n}.mkv" for n in range(1, 6)]


@pytest.mark.parametrize("name", ["a.mkv", "day/{time:%Y}_%d.mkv"])
def test_a_video_file_stays_where_it_began(moved: Moved, name: str) -> None:
    if "/" in name:
        (moved.one / "day").mkdir()
        moved.run(ff.VideoFile(name, codec="mpeg4", segment_every=1.0), frame)
    else:
        moved.run(ff.VideoFile(name, codec="mpeg4"), frame)
    assert len(moved.names(moved.one)) == (5 if "/" in name else 1)
    assert moved.names(moved.two) == []


def test_a_clip_stays_where_it_was_asked_for(moved: Moved) -> None:
    clips = ff.ClipRecorder(before=1, after=1, codec="mpeg4")
    moved.run(clips, frame, lambda: clips.save("late.mkv"))
    assert moved.names(moved.one) == []
    assert moved.names(moved.two) == ["late.mkv"]


@pytest.mark.parametrize("name", ["a.ts", "p_%d.png", "."])
def test_a_file_that_loops_is_read_where_it_was_opened(moved: Moved, name: str) -> None:
    if name == "a.ts":
        pipeline = ff.Pipeline()
        pipeline.add(
            ff.VideoFile(name, codec="mpeg4"), pipeline.add(ff.open("demo:circles?frames=10&pace=0"))
        )
        pipeline.run()
    else:
        for number in range(1, 4):
            frame(number).write(f"p_{number}.png")
    with ff.stream(ff.open(name, loop=True)) as stream:
        samples = iter(stream)
        seen = [next(samples)]
        os.chdir(moved.two)  # the fixture restores the directory
        seen += [next(samples) for _ in range(50)]
    assert len({sample.seq for sample in seen}) == 51
