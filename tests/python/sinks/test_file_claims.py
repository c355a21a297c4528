"""File locks: a recorder's claim lasts, whatever its program and forked children do with the file."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import fcntl
import functools
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Push, program_environment, until

import freshframe as ff

OFD_GETLK = 36  # of fcntl(2)


def frame(number: int) -> ff.Frame:
    noise = np.random.default_rng(number)
    return ff.Frame.from_array(noise.integers(0, 255, (96, 128, 3), np.uint8))


def is_claimed(path: Path) -> bool:
    """Returns True if a writer has locked the file, from the point of view of another program."""
    with path.open("rb") as file:
        asked = struct.pack("@hhqqi0q", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        kind: int = struct.unpack_from("@h", fcntl.fcntl(file, OFD_GETLK, asked))[0]
    return kind == fcntl.F_WRLCK


# ---- what a program may do with the file that it is recording


def read(path: Path) -> None:
    path.read_bytes()


def open_to_write(path: Path) -> None:
    path.open("r+b").close()


def copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))


def open_as_source(path: Path) -> None:
    with contextlib.suppress(ff.FreshframeError), ff.open(path) as source:
        next(iter(source), None)


def read_frame(path: Path) -> None:
    with contextlib.suppress(ff.FreshframeError):
        ff.Frame.read(path, pts=0)


def second_recorder(path: Path) -> None:
    pipeline = ff.Pipeline()
    sink: Any = ff.JsonLines if path.suffix in (".jsonl", ".part") else ff.VideoFile
    with contextlib.suppress(ff.FreshframeError):
        pipeline.add(sink(path), pipeline.add(Push()))
        pipeline.start()


def forked(path: Path) -> None:
    child = os.fork()
    if child == 0:
        path.read_bytes()
        os._exit(0)
    os.waitpid(child, 0)


def program(path: Path) -> None:
    subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1]).close()", str(path)], check=True)


def served(path: Path) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(path.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{path.name}").read()
        finally:
            server.shutdown()
            thread.join()


def hard_link(path: Path) -> None:
    other = path.with_name("other name")
    os.link(path, other)
    other.read_bytes()
    other.unlink()


def over_it(path: Path) -> None:
    link = path.with_name("link.png")
    link.symlink_to(path)
    with pytest.raises(ff.FreshframeError, match="this process is writing the file already"):
        frame(0).write(link)
    link.unlink()


WAYS = [
    read,
    open_to_write,
    copy,
    open_as_source,
    read_frame,
    second_recorder,
    forked,
    program,
    served,
    hard_link,
    over_it,
]


@contextlib.contextmanager
def recording(sink: Any, values: list[Any], folder: Path) -> Iterator[Path]:
    """Runs the sink until the file has content, and yields the file."""
    source = Push(live=False)
    pipeline = ff.Pipeline()
    pipeline.add(sink, pipeline.add(source), name="sink")
    with pipeline:
        source.push(*values)
        until(lambda: pipeline.stats().nodes["sink"].processed == len(values), "the samples")
        if isinstance(sink, ff.ClipRecorder):
            sink.save(folder / "clip.mkv")
        [path] = [each for each in folder.iterdir() if each.is_file()]
        yield path
        source.end()


SINKS: dict[str, Callable[[Path], Any]] = {
    "mkv": lambda folder: ff.VideoFile(folder / "a.mkv", codec="mpeg4"),
    "mp4": lambda folder: ff.VideoFile(folder / "a.mp4", codec="mpeg4"),
    "segments": lambda folder: ff.VideoFile(folder / "a_%d.mkv", codec="mpeg4", segment_every=3600),
    "clip": lambda folder: ff.ClipRecorder(before=1, after=3600, codec="mpeg4"),
    "JsonLines": lambda folder: ff.JsonLines(folder / "a.jsonl"),
    "Csv": lambda folder: ff.Csv(folder / "a.csv"),
    "complete": lambda folder: ff.JsonLines(folder / "a.jsonl", complete=True),
}


@pytest.mark.table
@pytest.mark.parametrize("name", SINKS)
def test_a_claim_lasts_whatever_the_program_does_with_the_file(tmp_path: Path, name: str) -> None:
    sink = SINKS[name](tmp_path)
    is_text = isinstance(sink, ff.JsonLines | ff.Csv)
    values = [{"n": n} for n in range(9)] if is_text else [frame(n) for n in range(9)]
    with recording(sink, values, tmp_path) as path:
        assert is_claimed(path)
        for way in WAYS:
            way(path)
            assert is_claimed(path), way.__name__
    for file in tmp_path.iterdir():
        assert not is_claimed(file)


@pytest.mark.parametrize("name", ["mkv", "JsonLines", "complete"])
def test_a_claim_ends_with_its_program_although_a_forked_child_lives_on(tmp_path: Path, name: str) -> None:
    code = """
        import os, sys, time
        from pathlib import Path
        import freshframe as ff
        from sinks.test_file_claims import SINKS, frame, recording

        folder = Path(sys.argv[1])
        sink = SINKS[sys.argv[2]](folder)
        with recording(sink, [frame(n) for n in range(9)] if sys.argv[2] == "mkv" else [1], folder):
            child = os.fork()
            os.write(1, f"{child or 'child'}\\n".encode())  # in one piece: two programs write
            time.sleep(1000)
    """
    folder = tmp_path / "rec"
    folder.mkdir()
    own = str(Path(__file__).parents[1])
    environment = program_environment()
    environment["PYTHONPATH"] = own + os.pathsep + environment["PYTHONPATH"]
    lines = "\n".join(line[8:] for line in code.splitlines())
    with subprocess.Popen(
        [sys.executable, "-c", lines, str(folder), name], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = {process.stdout.readline().strip(), process.stdout.readline().strip()}
        [path] = folder.iterdir()
        was_claimed = is_claimed(path)
        process.kill()
        process.wait()
        child = int((said - {"child"}).pop())
        try:
            assert was_claimed
            os.kill(child, 0)  # it lives
            assert not is_claimed(path)
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_file_that_another_program_locks_is_refused_and_stays(tmp_path: Path) -> None:
    for name, make in SINKS.items():
        if name in ("segments", "complete"):
            continue  # they choose another name
        path = tmp_path / (
            "clip.mkv" if name == "clip" else f"a.{name.replace('JsonLines', 'jsonl').lower()}"
        )
        path.write_text("foreign")
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by this process, as in old versions
            sink = make(tmp_path)
            pipeline = ff.Pipeline()
            pipeline.add(sink, pipeline.add(Push()))
            with pytest.raises(ff.FreshframeError, match="another process is writing the file"), pipeline:
                sink.save(path)
        assert path.read_text() == "foreign"
        path.unlink()


# ---- names that several programs use


@pytest.mark.parametrize("pattern", ["a_%d.mkv", "{time:%Y}/a_%d.mkv", "{time:%Y-%m-%d}.mkv"])
def test_recorders_of_one_pattern_that_begin_at_the_same_moment_have_segments_of_their_own(
    tmp_path: Path, pattern: str
) -> None:
    told: list[list[ff.types.Segment]] = [[], [], []]
    pipelines = []
    for mine in told:
        source = Push(live=False)
        for second in range(30):
            source.push_stamped(frame(second), 2.0 * second, 0.0)
        source.end()
        sink = ff.VideoFile(tmp_path / pattern, codec="mpeg4", segment_every=1, fps=1, on_segment=mine.append)
        pipelines.append(ff.Pipeline())
        pipelines[-1].add(sink, pipelines[-1].add(source))
    for pipeline in pipelines:
        pipeline.start()
    for pipeline in pipelines:
        assert pipeline.wait()
    paths = [segment.path for mine in told for segment in mine]
    assert [len(mine) for mine in told] == [30, 30, 30]
    assert len(set(paths)) == 90
    assert {Path(path) for path in paths} == {path for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to nothing", "folder", "pipe"])
@pytest.mark.parametrize("pattern", ["a_%d.mp4", "a.mp4"])
def test_a_name_that_freshframe_makes_leaves_what_has_it(tmp_path: Path, pattern: str, kind: str) -> None:
    """The second file of a recording, whose name the recorder chooses."""
    foreign = tmp_path / "notes"
    second = tmp_path / ("a_2.mp4")
    if kind == "file":
        second.write_text("foreign")
    elif kind == "folder":
        second.mkdir()
    elif kind == "pipe":
        os.mkfifo(second)
    else:
        second.symlink_to(foreign)
        if kind == "link to a file":
            foreign.write_text("foreign")
    source = Push(live=False)
    pipeline = ff.Pipeline()
    options: dict[str, Any] = {"segment_every": 1} if "%" in pattern else {}
    sink = ff.VideoFile(tmp_path / pattern, codec="mpeg4", fps=1, **options)
    pipeline.add(sink, pipeline.add(source, name="source"), name="sink", on_error="skip")
    source.push_stamped(frame(0), 0.0, 0.0)
    source.push_stamped(frame(1), 1e6, 0.0)  # a gap that is too long for MP4
    source.end()
    pipeline.run()
    made = {path.name for path in tmp_path.iterdir()} - {"a_2.mp4", "notes"}
    # The numbers continue after the highest existing one that matches the pattern.
    assert made == ({"a_3.mp4", "a_4.mp4"} if options else {"a.mp4", "a_3.mp4"})
    assert foreign.exists() == (kind == "link to a file")
    if kind in ("file", "link to a file"):
        assert second.read_text() == "foreign"
    assert second.is_symlink() == kind.startswith("link")


def test_no_program_deletes_the_open_segment_of_another_one(tmp_path: Path) -> None:
    code = """
import sys
from sinks.test_file_claims import Push, ff, frame
source = Push(live=False)
for n in range(40):
    source.push_stamped(frame(n), 0.5 * n, 0.0)
source.end()
pipeline = ff.Pipeline()
sink = ff.VideoFile(sys.argv[1], codec="mpeg4", segment_every=1, keep_bytes=30_000)
pipeline.add(sink, pipeline.add(source))
print(pipeline.run().complete)
"""
    own = str(Path(__file__).parents[1])
    environment = program_environment()
    environment["PYTHONPATH"] = own + os.pathsep + environment["PYTHONPATH"]
    sink = ff.VideoFile(tmp_path / "a_%d.mkv", codec="mpeg4", segment_every=3600)
    with recording(sink, [frame(n) for n in range(9)], tmp_path) as path:
        for _ in range(2):
            ended = subprocess.run(
                [sys.executable, "-c", code, str(tmp_path / "a_%d.mkv")],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=environment,
            )
            assert ended.stdout.strip() == "True"
            assert path.exists()
        numbers = {int(re.findall(r"\d+", each.name)[0]) for each in tmp_path.iterdir()}
        assert len(numbers) < 12  # the program deleted its own file
    assert len(list(ff.stream(ff.open(path)))) == 9


def test_a_cut_segment_whose_folder_was_away_is_reported_when_it_is_back(tmp_path: Path) -> None:
    place, away = tmp_path / "rec", tmp_path / "away"
    place.mkdir()
    told: list[ff.types.Segment] = []
    source = Push(live=False)
    pipeline = ff.Pipeline()
    sink = ff.VideoFile(place / "a_%d.mkv", codec="mpeg4", segment_every=5, on_segment=told.append)
    pipeline.add(sink, pipeline.add(source, name="source"), name="sink", on_error="skip")
    count = 0

    def push(seconds: int) -> None:
        nonlocal count
        for _ in range(10 * seconds):
            source.push_stamped(frame(count), count / 10, 0.0)
            count += 1
        until(lambda: pipeline.stats().nodes["sink"].processed == count, "the samples")

    with pipeline:
        push(4)
        place.rename(away)
        push(3)
        away.rename(place)
        push(10)
        source.end()
    node = pipeline.stats().nodes["sink"]
    assert [Path(each.path).name for each in told][:2] == ["a_1.mkv", "a_2.mkv"]
    assert {Path(each.path) for each in told} == set(place.iterdir())
    for each in told:
        assert len(list(ff.stream(ff.open(each.path)))) == each.frames
    lost = sum(node.drops.values()) - node.drops.get("error", 0)
    assert sum(each.frames for each in told) + node.errors + lost == count
