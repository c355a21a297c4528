"""The lines that are pending when a text file is closed are written, or counted in the error."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import freshframe as ff
from freshframe._sinks.text_file import TextFile
from freshframe._sinks.whole_file import WholeFile

LINE = "x" * 99 + "\n"


@contextlib.contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(what, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@contextlib.contextmanager
def full_disk(path: Path) -> Iterator[None]:
    with limited(resource.RLIMIT_FSIZE, 250):
        yield


@contextlib.contextmanager
def deleted(path: Path) -> Iterator[None]:
    path.unlink()
    yield


@contextlib.contextmanager
def folder_gone(path: Path) -> Iterator[None]:
    shutil.rmtree(path.parent)
    yield


@contextlib.contextmanager
def folder_renamed(path: Path) -> Iterator[None]:
    path.parent.rename(path.parent.with_name("away"))
    yield


@contextlib.contextmanager
def renamed(path: Path) -> Iterator[None]:
    path.rename(path.with_name("moved"))
    yield


@contextlib.contextmanager
def taken_over(path: Path) -> Iterator[None]:
    """Another program has renamed the file, and writes the next one."""
    path.rename(path.with_name("moved"))
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextlib.contextmanager
def taken_over_here(path: Path) -> Iterator[None]:
    """Another recorder of this program writes the next one."""
    path.rename(path.with_name("moved"))
    other = TextFile(str(path))
    other.write("other\n")
    try:
        yield
    finally:
        other.close()


@contextlib.contextmanager
def folder_in_its_place(path: Path) -> Iterator[None]:
    path.rename(path.with_name("moved"))
    path.mkdir()
    yield


@contextlib.contextmanager
def link_in_its_place(path: Path) -> Iterator[None]:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.name)
    yield


@contextlib.contextmanager
def no_descriptors(path: Path) -> Iterator[None]:
    path.rename(path.with_name("moved"))
    with limited(resource.RLIMIT_NOFILE, 0):
        yield


TROUBLES: list[Callable[[Path], contextlib.AbstractContextManager[None]]] = [
    full_disk,
    deleted,
    folder_gone,
    folder_renamed,
    renamed,
    taken_over,
    taken_over_here,
    folder_in_its_place,
    link_in_its_place,
    no_descriptors,
]


@pytest.mark.table
@pytest.mark.parametrize("make", [TextFile, WholeFile])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_last_lines_are_on_the_disk_or_counted(
    tmp_path: Path, make: Any, trouble: Callable[[Path], contextlib.AbstractContextManager[None]]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    file = make(str(place / "out"))
    path = Path(file.path)
    descriptors = len(os.listdir("/proc/self/fd"))
    file.write(LINE)
    file.flush()
    for _ in range(4):
        file.write(LINE)
    said = ""
    with trouble(path):
        try:
            file.close()
        except (OSError, ff.StateError) as error:
            said = str(error)
    lost = int(re.findall(r"lines lost: (\d+)", said)[0]) if said else 0
    assert str(path) in said or not said
    if make is WholeFile:
        file.remove()
        path.with_name("moved").unlink(missing_ok=True)
    found = sum(
        each.read_text().count(LINE)
        for each in tmp_path.rglob("*")
        if each.is_file() and not each.is_symlink()
    )
    if make is TextFile:
        assert found + lost == 5
    else:  # the file appears only with all of them
        assert lost > 0
    assert len(os.listdir("/proc/self/fd")) == descriptors - 1


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_sync_that_fails_loses_all_lines_of_a_complete_file(
    tmp_path: Path, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = WholeFile(str(tmp_path / "out"))
    file.write(LINE)
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="lines lost: 1"):
        file.close()
