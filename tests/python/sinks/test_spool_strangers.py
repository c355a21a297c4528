"""Foreign files under the names that a Spool uses are not written to, truncated or deleted."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rigs.boxes import drain, fill, small_box

import freshframe as ff
from freshframe._spool.refused import RefusedFile

TEXT = b"foreign\n" * 100
SEGMENT = "000000000000001.jsonl"
NAMES = ["sent", "lock", "spare", "refused.jsonl", "refused.1.jsonl", SEGMENT]


def file(path: Path, foreign: Path) -> None:
    path.write_bytes(TEXT)


def short_file(path: Path, foreign: Path) -> None:
    path.write_bytes(b"mine")


def link(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign)


def link_to_nothing(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign.with_name("nothing"))


def hard_link(path: Path, foreign: Path) -> None:
    path.hardlink_to(foreign)


def empty_hard_link(path: Path, foreign: Path) -> None:
    other = foreign.with_name("empty")
    other.touch()
    path.hardlink_to(other)


def pipe(path: Path, foreign: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, foreign: Path) -> None:
    path.mkdir()
    (path / "mine").write_bytes(TEXT)


def bound_socket(path: Path, foreign: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the path of a socket must be short


KINDS: list[Callable[[Path, Path], None]] = [
    file,
    short_file,
    link,
    link_to_nothing,
    hard_link,
    empty_hard_link,
    pipe,
    folder,
    bound_socket,
]


def use(box: Any) -> None:
    """Writes to each file of a box."""
    fill(box, 20)
    box._spare.keep()
    refused = RefusedFile(box.folder)
    lines = box.take(2, 0)
    refused.add(lines[:1], "why")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("freshframe._spool.refused._MOST_BYTES", 10)
        refused.add(lines[1:], "why")
    box.done(2)
    assert len(drain(box)) == 18
    box._spare.give_up()
    box.close(complete=True)


@pytest.mark.table
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_strange_file_is_renamed_and_keeps_its_content(
    tmp_path: Path, name: str, kind: Callable[[Path, Path], None]
) -> None:
    place = tmp_path / "box"
    place.mkdir()
    foreign = tmp_path / "notes"
    foreign.write_bytes(TEXT)
    kind(place / name, foreign)
    before = os.lstat(place / name)
    use(small_box(place))
    aside = place / f"{name}.bad-1"
    is_empty = kind in (empty_hard_link,) and name == SEGMENT  # a segment without results is only removed
    if not is_empty:
        after = os.lstat(aside)
        assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    if kind is folder:
        assert (aside / "mine").read_bytes() == TEXT
    elif kind in (file, short_file):
        assert aside.read_bytes() == (TEXT if kind is file else b"mine")
    assert foreign.read_bytes() == TEXT
    assert not (tmp_path / "nothing").exists()
    if kind is empty_hard_link:
        assert (tmp_path / "empty").read_bytes() == b""
    use(small_box(place))  # a second time: the foreign files are gone
    assert not list(place.glob("*.bad-2"))


def test_a_backup_of_hard_links_stays_as_it_is_and_the_box_goes_on(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box")
    box._spare.keep()
    fill(box, 10)

    def back_up(to: Path) -> dict[str, bytes]:
        to.mkdir()
        for path in (tmp_path / "box").iterdir():
            os.link(path, to / path.name)
        return {path.name: path.read_bytes() for path in to.iterdir()}

    while_open = back_up(tmp_path / "first")
    fill(box, 10)
    assert box.take(3, 0)[-1].n == 3
    box.done(3)
    box.close(complete=True)
    while_closed = back_up(tmp_path / "second")
    again = small_box(tmp_path / "box")
    assert again.next == 21
    fill(again, 10)
    assert drain(again) == list(range(4, 31))
    again.close(complete=True)
    for folder, content in (("first", while_open), ("second", while_closed)):
        for name in content:
            if name.endswith(".jsonl"):
                assert (tmp_path / folder / name).read_bytes() == content[name]


def test_a_lock_of_strange_content_does_not_let_a_second_program_in(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box")
    (tmp_path / "box" / "lock").write_bytes(TEXT)
    with pytest.raises(ff.StateError, match="another Spool of this program uses"):
        small_box(tmp_path / "box")
    box.close(complete=True)
