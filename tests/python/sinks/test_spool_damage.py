"""Whatever is in the folder of a Spool, the program starts, and each loss becomes a gap that is counted and
logged.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import shutil
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from rigs.boxes import drain, fill, records, small_box
from rigs.spools import Receiver, Running
from rigs.written import write
from support import WATCHDOG, until

import freshframe as ff
from freshframe._sinks.plain import to_text
from freshframe._spool import box as boxes
from freshframe._spool import refused
from freshframe._spool.box import Box
from freshframe._spool.lines import Line

WRITTEN = 60  # results in three segments, of which the first 5 were sent


def newest(folder: Path) -> Path:
    return max(folder.glob("0*.jsonl"))


def middle(folder: Path) -> Path:
    return sorted(folder.glob("0*.jsonl"))[1]


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def replace_by_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def replace_by_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere/at/all")


def replace_by_fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def first_line(path: Path, text: bytes) -> None:
    path.write_bytes(text + path.read_bytes().partition(b"\n")[2])


def remove_segments(folder: Path) -> None:
    for path in folder.glob("0*.jsonl"):
        path.unlink()


def flip(at: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        byte = (folder / "sent").read_bytes()[at]
        overwrite(folder / "sent", at, bytes([byte ^ 1]))

    return damage


def set_times(folder: Path) -> None:
    """A disk image or an archive may not preserve file times."""
    for path in folder.iterdir():
        os.utime(path, (0, 0))


HEAD = b'{"spool":1,"box":"abcdefabcdef","first":999999999999999,"boot":"","zero":0.0,"open":[]}\n'
NAMES = ("sent", "lock", "spare", "refused.jsonl", "refused.1.jsonl")
KINDS = {"a folder": replace_by_folder, "a dangling link": replace_by_link, "a FIFO": replace_by_fifo}

# The damage to the folder, how many results are lost by it, and whether a log line reports it.
DAMAGES: dict[str, tuple[Callable[[Path], object], int, bool]] = {
    "nothing": (lambda folder: None, 0, False),
    "newest removed": (lambda folder: newest(folder).unlink(), 20, True),
    "newest emptied": (lambda folder: newest(folder).write_bytes(b""), 20, True),
    "newest all zeros": (lambda folder: newest(folder).write_bytes(b"\0" * 4096), 20, True),
    "newest garbage": (lambda folder: newest(folder).write_bytes(bytes(range(256)) * 9), 20, True),
    "newest is text": (lambda folder: newest(folder).write_text("my notes\nare here\n"), 20, True),
    "newest with a torn head": (lambda folder: os.truncate(newest(folder), 12), 20, True),
    "newest with a zeroed head": (lambda folder: overwrite(newest(folder), 0, b"\0" * 90), 0, True),
    "newest without a head": (lambda folder: first_line(newest(folder), b""), 0, True),
    "newest with a deep head": (lambda folder: first_line(newest(folder), b"[" * 9999 + b"\n"), 0, True),
    "newest with another head": (lambda folder: first_line(newest(folder), b'{"spool":1}\n'), 0, True),
    "newest with a head of lists": (
        lambda folder: first_line(newest(folder), b'{"spool":1,"box":[],"open":[1]}\n'),
        0,
        True,
    ),
    "newest cut in its last line": (
        lambda folder: os.truncate(newest(folder), newest(folder).stat().st_size - 5),
        1,
        True,
    ),
    "garbage behind newest": (
        lambda folder: newest(folder).write_bytes(newest(folder).read_bytes() + os.urandom(500)),
        0,
        True,
    ),
    "middle removed": (lambda folder: middle(folder).unlink(), 20, True),
    "middle emptied": (lambda folder: middle(folder).write_bytes(b""), 20, True),
    "middle without a head": (lambda folder: first_line(middle(folder), b""), 0, False),
    "oldest removed": (lambda folder: min(folder.glob("0*.jsonl")).unlink(), 15, True),
    "all segments removed": (remove_segments, 55, True),
    "sent removed": (lambda folder: (folder / "sent").unlink(), 0, False),
    "sent emptied": (lambda folder: (folder / "sent").write_bytes(b""), 0, False),
    "sent zeroed": (lambda folder: (folder / "sent").write_bytes(b"\0" * 43), 0, True),
    "sent with more behind": (
        lambda folder: (folder / "sent").write_bytes((folder / "sent").read_bytes() + b"more\n" * 9),
        0,
        False,
    ),
    "lock removed": (lambda folder: (folder / "lock").unlink(), 0, False),
    "lock with other text": (lambda folder: (folder / "lock").write_bytes(os.urandom(99)), 0, True),
    **{
        f"sent with a wrong byte {at}": (flip(at), 0, True)
        for at in (0, 10, 19, 22, 35, 45, 54, 70, 86, 88, 96)
    },
    **{
        f"{kind} named {name}": (
            lambda folder, name=name, make=make: make(folder / name),  # type: ignore[misc]
            0,
            name in ("sent", "lock", "spare"),
        )
        for kind, make in KINDS.items()
        for name in NAMES
    },
    **{
        f"newest is {kind}": (lambda folder, make=make: make(newest(folder)), 20, True)  # type: ignore[misc]
        for kind, make in KINDS.items()
    },
    **{
        f"middle is {kind}": (lambda folder, make=make: make(middle(folder)), 20, True)  # type: ignore[misc]
        for kind, make in KINDS.items()
    },
    **{
        f"a stranger {name!r}": (lambda folder, name=name: (folder / name).write_text("x"), 0, False)  # type: ignore[misc]
        for name in (".DS_Store", ".000000000000001.jsonl.swp", "sent~", "4913", "10000000000000000001.jsonl")
    },
    **{
        f"{what} with the largest number": (
            lambda folder, data=data: (folder / "999999999999999.jsonl").write_bytes(data),  # type: ignore[misc]
            0,
            True,
        )
        for what, data in {"an empty file": b"", "a text": b"my notes\n", "a head": HEAD}.items()
    },
    "files with the time 0": (set_times, 0, False),
    "a folder lost+found": (lambda folder: (folder / "lost+found").mkdir(), 0, False),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 1000)
    box = small_box(tmp_path / "box", 8 << 20)
    fill(box, WRITTEN)
    assert [path.stem.lstrip("0") for path in sorted((tmp_path / "box").glob("0*"))] == ["1", "21", "41"]
    box.take(5, 0)
    box.done(5)
    box.close(complete=True)
    return tmp_path / "box"


@pytest.mark.table(cases=10)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_keeps_no_program_from_starting_and_each_loss_is_a_gap(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    act, lost, is_told = DAMAGES[damage]
    act(folder)
    again = small_box(folder, 8 << 20)
    # A result that is sent twice keeps its number. So numbers 56 to 60 or more are pending, or known to be
    # lost.
    first = again.next
    assert first == WRITTEN + 1
    again.expire_before(1e9)  # they are not that old
    again.commit(records(first, 3), 1e9)
    came = drain(again)
    assert came == sorted(set(came))
    new = [n for n in came if n > 5]
    assert new[-3:] == [61, 62, 63]
    assert WRITTEN + 3 - 5 - len(new) == lost
    assert (again.held().lost, again.held().expired) == (lost, 0)
    assert bool(caplog.records) == is_told, caplog.text
    again.close(complete=True)
    caplog.clear()
    last = small_box(folder, 8 << 20)
    assert (last.next, drain(last), last.held().lost, last.held().expired) == (64, [], 0, 0)
    assert not caplog.records, caplog.text  # the damage was already logged
    last.close(complete=True)


@pytest.mark.parametrize("damage", ["newest garbage", "newest is text"])
def test_a_file_that_is_no_use_is_renamed_and_not_deleted(folder: Path, damage: str) -> None:
    path = newest(folder)
    DAMAGES[damage][0](folder)
    content = path.read_bytes()
    small_box(folder, 8 << 20).close(complete=True)
    assert path.with_name(path.name + ".bad-1").read_bytes() == content


@pytest.mark.parametrize("name", ["refused.jsonl", "refused.1.jsonl"])
@pytest.mark.parametrize("kind", KINDS)
def test_refused_events_are_put_aside_whatever_stands_in_their_place(
    folder: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused, "_MOST_BYTES", 10)
    KINDS[kind](folder / name)
    file = refused.RefusedFile(str(folder))
    assert [file.add([Line(n, 1.0, b'{"n":1}\n')], "why") for n in (1, 2)] == [0, 1]
    assert (folder / "refused.1.jsonl").read_bytes().count(b"\n") == 1
    assert (folder / f"{name}.bad-1").is_symlink() or (folder / f"{name}.bad-1").exists()


def test_a_folder_with_the_line_ends_of_another_system_goes_aside_and_is_not_cut_away(folder: Path) -> None:
    lines = newest(folder).read_bytes().replace(b"\n", b"\r\n").splitlines(keepends=True)
    newest(folder).write_bytes(b"".join(lines))
    again = small_box(folder, 8 << 20)
    assert (again.next, drain(again)[-1], again.held().lost) == (WRITTEN + 1, 40, 20)
    again.close(complete=True)
    assert newest(folder).with_name(newest(folder).name + ".bad-1").read_bytes() == b"".join(lines[1:])


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_named_spare_holds_no_write_up_while_an_event_is_open(folder: Path, kind: str) -> None:
    KINDS[kind](folder / "spare")
    box = small_box(folder, 8 << 20)
    began = to_text({"source": "cam", "value": {"key": "yard", "began_utc": 1.0, "ended_utc": None}})
    writes = threading.Thread(target=box.commit, args=([began], 1e9), daemon=True)
    writes.start()
    writes.join(WATCHDOG)
    assert not writes.is_alive()
    box.close(complete=True)


def test_whole_lines_at_the_end_that_are_out_of_order_are_kept(folder: Path) -> None:
    lines = newest(folder).read_bytes().splitlines(keepends=True)[-2:]
    with newest(folder).open("ab") as file:
        file.write(b"".join(lines))
    small_box(folder, 8 << 20).close(complete=True)
    assert newest(folder).with_name(newest(folder).name + ".bad-1").read_bytes() == b"".join(lines)


def test_events_that_are_open_are_known_though_the_newest_head_is_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    box = small_box(folder, 8 << 20)
    box.commit(['{"source":"cam","value":{"key":1,"began_utc":1.0,"ended_utc":null}}'], 1e9)
    box._broken = True  # another segment begins
    box.commit(['{"source":"cam","value":{"key":2,"began_utc":1.0,"ended_utc":null}}'], 1e9)
    box.close(complete=False)
    overwrite(newest(folder), 0, b"\0" * 40)
    again = small_box(folder, 8 << 20)
    assert [json.loads(end)["value"]["key"] for end in again.first_records] == [1, 2]
    again.close(complete=True)


def as_before(folder: Path) -> None:
    """Rewrites the files as an older version wrote them: a short cursor, segment headers without a clock."""
    (folder / "sent").write_bytes((folder / "sent").read_bytes()[:40] + b"\n")
    for path in folder.glob("0*.jsonl"):
        head = json.loads(path.read_bytes().partition(b"\n")[0])
        first_line(
            path, json.dumps({key: head[key] for key in ("spool", "box", "first", "open")}).encode() + b"\n"
        )


def test_a_folder_of_an_older_version_is_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    as_before(folder)
    again = small_box(folder, 8 << 20)
    again.commit(records(again.next, 1), 1e9)
    assert drain(again) == list(range(6, 62))
    assert (again.held().lost, again.held().expired, caplog.records) == (0, 0, [])
    again.close(complete=True)


@pytest.mark.table(cases=10)
@pytest.mark.parametrize("digit", range(20))
def test_a_wrong_digit_in_the_cursor_of_an_older_version_loses_nothing(folder: Path, digit: int) -> None:
    as_before(folder)
    overwrite(folder / "sent", digit, b"7")
    again = small_box(folder, 8 << 20)
    again.commit(records(again.next, 1), 1e9)
    came = drain(again)
    assert came[-56:-1] == list(range(6, 61)) or digit == 19  # 7 of 60 is still within the range
    again.close(complete=True)


def test_another_folder_of_a_version_that_is_not_known_goes_aside_also_where_it_cannot_be_renamed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is made to look like a mount point."""
    first_line(newest(folder), b'{"spool":99,"box":"ab","first":41,"open":[]}\n')
    rename = os.rename

    def busy(old: str, new: str) -> None:
        if old == str(folder):
            raise OSError(16, "Device or resource busy")
        rename(old, new)

    monkeypatch.setattr(os, "rename", busy)
    for _ in range(2):
        again = small_box(folder, 8 << 20)
        fill(again, 5)
        again.close(complete=True)
    assert again.next == 11
    assert len(list((folder / "bad-1").glob("0*.jsonl"))) == 3


def running(folder: Path, act: Callable[[Path], object]) -> tuple[list[int], Box]:
    """Opens a box, and changes its folder while it is open."""
    box = small_box(folder, 8 << 20)
    fill(box, 10)
    act(folder)
    fill(box, 10)
    return drain(box), box


def save_anew(folder: Path) -> None:
    path = newest(folder)
    shutil.copy(path, folder / "new")
    (folder / "new").rename(path)


def remove_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize("act", [remove_files, shutil.rmtree], ids=["files", "folder"])
def test_what_was_removed_while_a_program_ran_is_a_gap_for_the_next_one(
    tmp_path: Path, act: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    fill(box, 10)
    act(tmp_path / "box")
    fill(box, 10)
    identity = box.id
    box.close(complete=True)
    again = small_box(tmp_path / "box", 8 << 20)
    assert (again.id, again.held().lost, drain(again)) == (identity, 10, list(range(11, 21)))
    assert "the results 1 to 10 are missing" in caplog.text
    again.close(complete=True)


@pytest.mark.parametrize(
    ("act", "left"),
    [
        (save_anew, 20),
        (remove_files, 10),
        (lambda folder: newest(folder).unlink(), 10),
        (lambda folder: os.truncate(newest(folder), 0), 10),
        (shutil.rmtree, 10),
    ],
    ids=["saved by an editor", "files removed", "newest removed", "newest emptied", "folder removed"],
)
def test_what_is_done_to_the_folder_of_a_running_program_costs_no_later_result(
    tmp_path: Path, act: Callable[[Path], object], left: int, caplog: pytest.LogCaptureFixture
) -> None:
    came, box = running(tmp_path / "box", act)
    assert came[-10:] == list(range(11, 21))
    assert (len(came), box.held().lost) == (left, 20 - left)
    assert bool(caplog.records) == (left < 20)
    identity = box.id
    box.close(complete=True)
    caplog.clear()
    again = small_box(tmp_path / "box", 8 << 20)
    assert (again.id, again.next, caplog.records) == (identity, 21, [])
    again.close(complete=True)


TAKEN: dict[str, Callable[[Path, Path], object]] = {
    **{kind: lambda path, _, make=make: make(path) for kind, make in KINDS.items()},  # type: ignore[misc]
    "a link to a file elsewhere": lambda path, outside: path.symlink_to(outside),
    "another name of a file elsewhere": lambda path, outside: path.hardlink_to(outside),
    "another name of the newest": lambda path, _: path.hardlink_to(newest(path.parent)),
    "a file": lambda path, _: path.write_text("mine"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_has_the_name_of_the_next_file_already_is_renamed_and_never_written_to(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 1000)
    (tmp_path / "mine").write_text("mine")
    box = small_box(tmp_path / "box", 8 << 20)
    fill(box, 20)
    path = tmp_path / "box" / f"{box.next:015d}.jsonl"
    TAKEN[kind](path, tmp_path / "mine")
    fill(box, 20)
    assert drain(box) == list(range(1, 41))
    assert "the next file has this name" in caplog.text
    assert (tmp_path / "mine").read_text() == "mine"
    assert path.with_name(path.name + ".bad-1").is_symlink() or path.with_name(path.name + ".bad-1").exists()
    assert box.held().lost == 0
    box.close(complete=True)


@pytest.mark.slow
def test_a_folder_that_something_else_replaces_for_a_while_gets_all_that_has_waited(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, away = tmp_path / "box", tmp_path / "away"
    other = small_box(tmp_path / "other")
    fill(other, 5)
    other.close(complete=True)
    swaps: list[tuple[Callable[[], object], Callable[[], object]]] = [
        (folder.touch, folder.unlink),
        (lambda: (tmp_path / "other").rename(folder), lambda: folder.rename(tmp_path / "other")),
    ]
    receiver = Receiver()
    running = Running(ff.Spool(folder, receiver, max_wait=0))
    with running.pipeline:
        for number, (put, take) in enumerate(swaps):
            running.source.push(number)
            until(lambda: running.stats.sent == 2 * number + 1, "it is sent")  # noqa: B023
            folder.rename(away)
            put()
            caplog.clear()
            running.source.push("behind")
            until(lambda: "results wait in memory until it can" in caplog.text, "it is told")
            take()
            away.rename(folder)
            until(lambda: running.stats.sent == 2 * number + 2, "it is sent, too")  # noqa: B023
    assert receiver.numbers == [1, 2, 3, 4]
    assert running.stats.lost == 0


def test_a_relative_folder_stays_where_it_was_when_the_program_changes_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    receiver = Receiver()
    running = Running(ff.Spool("box", receiver, max_wait=0))
    with running.pipeline:
        running.source.push("a")
        until(lambda: running.stats.sent == 1, "it is sent")
        monkeypatch.chdir(tmp_path / "elsewhere")
        running.source.push("b")
        until(lambda: running.stats.sent == 2, "it is sent, too")
    assert receiver.numbers == [1, 2]
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "removed" not in caplog.text


def test_files_beside_those_of_a_spool_stay_and_a_folder_of_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").touch()
    (tmp_path / "mine" / "lock").touch()
    with pytest.raises(ff.NodeError, match=r"has other files, such as 'photo\.jpg'"):
        write(ff.Spool(tmp_path / "mine", print), 1)
    write(ff.Spool(tmp_path / "yard", lambda events: None), 1)
    (tmp_path / "yard" / "photo.jpg").touch()
    write(ff.Spool(tmp_path / "yard", lambda events: None), 1)
    assert (tmp_path / "yard" / "photo.jpg").exists()


def test_the_cursor_is_one_line_with_a_checksum(folder: Path) -> None:
    text, checksum = (folder / "sent").read_bytes().rstrip(b"\n").rsplit(b" ", 1)
    n, _, state, last, first, counted = text.split()
    assert (int(n), state, int(last), int(first), int(counted)) == (5, b"closed", WRITTEN, 1, 0)
    assert int(checksum, 16) == zlib.crc32(text)
