"""Files that appear only when complete: images, and results with complete=True.

No partial file is visible or left.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.written import write
from support import Push, program_environment, until

import freshframe as ff

NOISE = ff.Frame.from_array(np.random.default_rng(1).integers(0, 255, (400, 400, 3), np.uint8))
SMALL = ff.Frame.from_array(np.zeros((8, 8, 3), np.uint8))


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_reader_finds_a_whole_picture_at_each_moment(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    NOISE.write(path)
    sizes = {path.stat().st_size}
    SMALL.write(path)
    sizes.add(path.stat().st_size)
    over = threading.Event()

    def replace() -> None:
        for _ in range(100):
            NOISE.write(path)
            SMALL.write(path)
        over.set()

    writer = threading.Thread(target=replace)
    writer.start()
    found = set()
    while not over.is_set():
        found.add(len(path.read_bytes()))
    writer.join()
    assert found <= sizes
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_picture_that_the_disk_has_no_room_for_leaves_the_old_one(
    tmp_path: Path, name: str, is_there: bool
) -> None:
    path = tmp_path / name
    if is_there:
        SMALL.write(path)
        before = path.read_bytes()
    for _ in range(2):
        with full_disk(), pytest.raises(OSError, match="File too large"):
            NOISE.write(path)
        assert names(tmp_path) == [name] * is_there
        if is_there:
            assert path.read_bytes() == before
    NOISE.write(path)
    assert ff.Frame.read(path).width == 400


@pytest.mark.parametrize("mask", [0o022, 0o077, 0])
def test_a_new_picture_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(
    tmp_path: Path, mask: int
) -> None:
    before = os.umask(mask)
    try:
        for name, mode in (("new.png", 0o666 & ~mask), ("old.png", 0o604)):
            path = tmp_path / name
            if name == "old.png":
                path.touch()
                path.chmod(mode)
            SMALL.write(path)
            SMALL.write(path)
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_picture_replaces_the_target_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / "latest.png"
    link.symlink_to("far/one.png")
    SMALL.write(link)
    NOISE.write(link)
    assert link.is_symlink()
    assert ff.Frame.read(tmp_path / "far" / "one.png").width == 400
    assert names(tmp_path) == ["far", "latest.png"]


def test_a_picture_leaves_another_name_of_the_old_one_as_it_is(tmp_path: Path) -> None:
    SMALL.write(tmp_path / "a.png")
    os.link(tmp_path / "a.png", tmp_path / "kept.png")
    NOISE.write(tmp_path / "a.png")
    assert ff.Frame.read(tmp_path / "kept.png").width == 8


def test_a_picture_goes_into_pipes_and_devices(tmp_path: Path) -> None:
    pipe = tmp_path / "a.png"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device"):  # nobody reads it
        SMALL.write(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        SMALL.write(pipe)
        assert os.read(reader, 1 << 16).startswith(b"\x89PNG")
    finally:
        os.close(reader)
    picture = "ff.Frame.from_array(np.zeros((8, 8, 3), np.uint8))"
    code = f"import freshframe as ff, numpy as np; {picture}.write('out.png')"
    (tmp_path / "out.png").symlink_to("/dev/stdout")
    with (tmp_path / "redirected").open("wb") as file:
        for _ in range(2):
            subprocess.run(
                [sys.executable, "-c", code], check=True, cwd=tmp_path, stdout=file, env=program_environment()
            )
    assert (tmp_path / "redirected").read_bytes().count(b"\x89PNG") == 2
    (tmp_path / "null.png").symlink_to("/dev/null")
    SMALL.write(tmp_path / "null.png")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("what", ["missing folder", "folder", "file as a folder", "loop", "long name"])
def test_a_place_where_no_picture_can_be_is_an_error_that_changes_nothing(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.png"
    if what == "missing folder":
        path = tmp_path / "no" / "a.png"
    elif what == "folder":
        path.mkdir()
    elif what == "file as a folder":
        path.touch()
        path = path / "a.png"
    elif what == "loop":
        path.symlink_to("a.png")
    else:
        path = tmp_path / ("n" * 252 + ".png")
    before = names(tmp_path)
    for _ in range(2):
        with pytest.raises(OSError, match=re.escape(str(path))):
            SMALL.write(path)
        assert names(tmp_path) == before
    SMALL.write(tmp_path / ("n" * 251 + ".png"))  # the longest name that the file system allows


def test_a_picture_does_not_replace_a_file_that_another_program_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"foreign")
    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(ff.FreshframeError, match="another process is writing the file"):
            SMALL.write(path)
        assert path.read_bytes() == b"foreign"


def test_a_picture_without_a_descriptor_left_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    SMALL.write(path)
    before = path.read_bytes()
    taken = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 3, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        with pytest.raises(OSError, match="Too many open files"):
            NOISE.write(path)
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert path.read_bytes() == before
    NOISE.write(path)


# ---- results with complete=True


SINKS = [ff.JsonLines, ff.Csv]


def killed(folder: Path, name: str, sink: str = "JsonLines") -> None:
    """Runs a program that is killed while it writes the file."""
    code = f"""
import os, sys
import freshframe as ff
class Endless(ff.Source):
    def read(self):
        yield 1, 0.0
        print("began", flush=True)
        while True:
            yield 2, 0.0
            self.stop_token.wait(0.01)
pipeline = ff.Pipeline()
pipeline.add(ff.{sink}(sys.argv[1], complete=True), pipeline.add(Endless()))
pipeline.run()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder / name)],
        stdout=subprocess.PIPE,
        text=True,
        env=program_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.kill()


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("name", ["a", "n" * 255, "\u00e9" * 127, "*?[x]"])
def test_the_next_start_removes_what_killed_programs_have_left(tmp_path: Path, sink: Any, name: str) -> None:
    for _ in range(2):
        killed(tmp_path, name, sink.__name__)
    (part,) = names(tmp_path)  # the second start removed the file of the first
    other = [f".b{part[2:]}", part.replace(".part", ".prt"), ".a.part", ".a.123.part"]
    for each in other:
        (tmp_path / each).touch()
    link = tmp_path / ".a.0123456789ab.part"
    link.symlink_to("b")
    write(sink(tmp_path / name, complete=True), 1)
    assert not (tmp_path / part).exists()
    assert names(tmp_path) == sorted({*other, name, link.name})


@pytest.mark.parametrize("sink", SINKS)
def test_the_start_of_a_second_recorder_leaves_the_hidden_file_of_one_that_runs(
    tmp_path: Path, sink: Any
) -> None:
    """Also between the first recorder's close() and the renaming of its file."""
    seen: list[list[str]] = []
    path = tmp_path / "a"

    def start_another(value: int) -> int:
        write(sink(path, complete=True), 10)
        seen.append(names(tmp_path))
        return value

    source = Push(live=False)
    source.push(1, 2)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(sink(path, complete=True), pipeline.add(start_another, pipeline.add(source)))
    assert pipeline.run().complete
    assert [len(each) for each in seen] == [2, 2]
    assert names(tmp_path) == ["a"]
    assert len(path.read_text().splitlines()) == 2 + (sink is ff.Csv)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("what", ["pipe", "folder", "/dev/null", "/dev/stdout"])
def test_a_complete_file_is_refused_where_it_could_not_get_its_name(
    tmp_path: Path, sink: Any, what: str
) -> None:
    path = tmp_path / "a"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(what)
    before = names(tmp_path)
    for _ in range(2):
        with pytest.raises(ff.NodeError, match=r"complete=True needs a path") as error:
            write(sink(path, complete=True), 1)
        assert isinstance(error.value.__cause__, ff.OptionError)
        assert names(tmp_path) == before


@pytest.mark.parametrize("sink", SINKS)
def test_a_complete_file_keeps_mode_and_links_of_the_file_that_it_replaces(tmp_path: Path, sink: Any) -> None:
    target = tmp_path / "far"
    target.touch()
    target.chmod(0o604)
    (tmp_path / "a").symlink_to("far")
    write(sink(tmp_path / "a", complete=True), 1)
    assert (tmp_path / "a").is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o604
    assert target.read_text()
    assert names(tmp_path) == ["a", "far"]


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("way", ["folder", "lock"])
def test_a_complete_file_that_cannot_get_its_name_says_where_its_lines_are(
    tmp_path: Path, sink: Any, way: str
) -> None:
    path = tmp_path / "a"
    source = Push(live=False)
    source.push(1)
    pipeline = ff.Pipeline()
    pipeline.add(sink(path, complete=True), pipeline.add(source), name="sink")
    pipeline.start()
    until(lambda: pipeline.stats().nodes["sink"].processed == 1, "the line")
    with contextlib.ExitStack() as stack:
        if way == "folder":
            path.mkdir()
        else:
            fcntl.lockf(stack.enter_context(path.open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        source.end()
        with pytest.raises(
            (OSError, ff.FreshframeError), match=r"the lines written so far are in '.*a.complete-1'"
        ):
            pipeline.wait()
    assert (tmp_path / "a.complete-1").read_text().splitlines()[-1:]
    write(sink(tmp_path / "b", complete=True), 1)  # not mistaken for a partial file
    assert (tmp_path / "a.complete-1").exists()
