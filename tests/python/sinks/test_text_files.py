"""The files of JsonLines and Csv: their names, when they appear, errors of writing."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
from rigs.written import write
from support import WATCHDOG, Push, until

import freshframe as ff


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_first_value_that_cannot_be_written_leaves_the_old_file(tmp_path: Path, sink: type[Any]) -> None:
    path = tmp_path / "out"
    path.write_text("old\n")
    with pytest.raises(ff.NodeError):
        write(sink(path), object())
    assert path.read_text() == "old\n"


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_path_that_cannot_be_written_fails_before_anything_runs(tmp_path: Path, sink: type[Any]) -> None:
    path = tmp_path / "missing" / "out"
    pipeline = ff.Pipeline()
    pipeline.add(sink(path), pipeline.add(Push(live=False)), name="sink")
    with pytest.raises(ff.NodeError, match="sink") as error:
        pipeline.start()
    assert isinstance(error.value.__cause__, FileNotFoundError)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
@pytest.mark.parametrize("count", [1, 5000], ids=["found at close", "found while writing"])
def test_a_full_disk_is_reported_with_the_path(sink: type[Any], count: int) -> None:
    with pytest.raises(ff.NodeError, match="sink") as error:
        write(sink("/dev/full"), *range(count))
    assert isinstance(error.value.__cause__, OSError)
    assert "/dev/full" in str(error.value.__cause__)


def test_a_sink_outside_a_pipeline_says_that_it_is_not_open(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        ff.JsonLines(tmp_path / "out").process(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_complete_file_appears_with_the_end_of_its_run(tmp_path: Path, sink: Any) -> None:
    out = tmp_path / "out"
    out.write_text("of an earlier run")
    seen: list[str] = []

    def look(value: int) -> int:
        seen.append(out.read_text())
        return value

    source = Push(live=False)
    source.push(1, 2)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(sink(out, complete=True), pipeline.add(look, pipeline.add(source)))
    assert pipeline.run().complete
    assert set(seen) == {"of an earlier run"}
    assert len(out.read_text().splitlines()) == 2 + (sink is ff.Csv)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_complete_file_appears_where_it_began_although_the_program_has_changed_its_directory(
    tmp_path: Path, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    source = Push(live=False)
    source.push(1, 2)
    source.end()
    pipeline = ff.Pipeline()

    def move(value: int) -> int:
        monkeypatch.chdir(tmp_path / "elsewhere")
        return value

    pipeline.add(sink("out", complete=True), pipeline.add(move, pipeline.add(source)))
    assert pipeline.run().complete
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "out"]


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_run_that_fails_leaves_no_complete_file(tmp_path: Path, sink: Any) -> None:
    with pytest.raises(ff.NodeError):
        write(sink(tmp_path / "out", complete=True), 1, object())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_drops_leaves_no_complete_file(tmp_path: Path) -> None:
    source = Push(live=False)
    source.push(1, "two", 3)
    source.end()
    pipeline = ff.Pipeline()
    numbers = pipeline.add(lambda value: value + 0, pipeline.add(source), on_error="skip")
    pipeline.add(ff.JsonLines(tmp_path / "out", complete=True), numbers)
    assert not pipeline.run().complete
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
@pytest.mark.parametrize("way", ["written", "renamed"])
def test_the_last_lines_are_in_the_file_although_no_sample_follows(
    tmp_path: Path, sink: Any, way: str
) -> None:
    path = tmp_path / "out"
    source = Push()
    pipeline = ff.Pipeline()
    pipeline.add(sink(path), pipeline.add(source, name="source"), name="sink")

    def lines() -> int:
        return len(path.read_text().splitlines()) - (sink is ff.Csv) if path.exists() else -1

    with pipeline:
        source.push(1)
        until(lambda: lines() == 1, lambda: str(pipeline.stats()))
        if way == "renamed":
            path.rename(tmp_path / "out.1")
        source.push(2, 3)
        until(lambda: lines() == (3 if way == "written" else 2), lambda: str(pipeline.stats()))
        stats = pipeline.stats().nodes["sink"]
        assert (stats.processed, stats.errors) == (3, 0)


def wait(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    assert len(list(reader)) == 2
    assert pipeline.wait(WATCHDOG)


def loop(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    with pipeline:
        assert len(list(reader)) == 2


def loop_and_stop(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    assert len(list(reader)) == 2
    until(lambda: {node.state for node in pipeline.stats().nodes.values()} == {"ended"}, "the end")
    pipeline.stop()


def leave(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    with pipeline:
        reader.get(WATCHDOG)


def stop(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    reader.get(WATCHDOG)
    pipeline.stop()


def fail(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    with contextlib.suppress(ZeroDivisionError), pipeline:
        reader.get(WATCHDOG)
        raise ZeroDivisionError


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
@pytest.mark.parametrize(
    ("end", "is_complete"),
    [(wait, True), (loop, True), (loop_and_stop, True), (leave, False), (stop, False), (fail, False)],
)
def test_a_complete_file_appears_however_a_complete_run_ends(
    tmp_path: Path, sink: Any, end: Any, is_complete: bool, caplog: pytest.LogCaptureFixture
) -> None:
    source = Push(live=False)
    source.push(1, 2)
    source.end()
    pipeline = ff.Pipeline()
    port = pipeline.add(source, name="source")
    pipeline.add(sink(tmp_path / "out", complete=True), port)
    reader = pipeline.reader(port)
    pipeline.start()
    end(pipeline, reader)
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if is_complete else [])
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == (not is_complete)
    pattern = r"'.*out' was not written, because the run is not complete: "
    assert all(re.search(pattern, each) for each in messages)
    caplog.clear()


def test_a_pipeline_whose_wait_fails_leaves_no_complete_file(tmp_path: Path) -> None:
    source = Push(live=False)
    source.push(1, object())
    pipeline = ff.Pipeline()
    pipeline.add(ff.JsonLines(tmp_path / "out", complete=True), pipeline.add(source))
    pipeline.start()
    with pytest.raises(ff.NodeError):
        pipeline.wait(WATCHDOG)
    assert list(tmp_path.iterdir()) == []


def test_a_complete_file_in_another_process_is_refused(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Push(live=False))
    with pytest.raises(ff.OptionError, match=r"must run in the program's own process, got process=True"):
        pipeline.add(ff.JsonLines(tmp_path / "out", complete=True), source, process=True)
    with pytest.raises(ff.OptionTypeError, match="complete"):
        ff.JsonLines(tmp_path / "out", complete=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sink", "name", "advice"),
    [
        (ff.Csv, "out.jsonl", "JsonLines does"),
        (ff.Csv, "out.JSON", "JsonLines does"),
        (ff.Csv, "out.tsv", "separated by commas"),
        (ff.JsonLines, "out.csv", "Csv does"),
        (ff.JsonLines, "out.mp4", "VideoFile does"),
        (ff.Csv, "out.xlsx", "convert the file afterwards"),
    ],
)
def test_the_ending_of_another_kind_of_file_is_refused(
    tmp_path: Path, sink: type[ff.Csv | ff.JsonLines], name: str, advice: str
) -> None:
    with pytest.raises(ff.OptionError, match=advice):
        sink(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out.csv", "out.txt", "out", "day.2026", "out.csv.part"])
def test_other_names_are_the_users_choice(tmp_path: Path, name: str) -> None:
    ff.Csv(tmp_path / name)
