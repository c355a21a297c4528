"""The folder of a Spool: bounds, torn ends, files that are missing or damaged."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from rigs.boxes import NOW, drain, fill, left_open, records, small_box

from freshframe._spool import box as boxes
from freshframe._spool.lines import to_text


def test_lines_are_read_over_all_segments_in_order_and_segments_go_when_they_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 1000)
    fill(box, 500)
    assert len(list((tmp_path / "box").glob("*.jsonl"))) > 10
    assert drain(box) == list(range(1, 501))
    assert len(list((tmp_path / "box").glob("*.jsonl"))) == 1
    assert (box.held().waiting, box.held().expired, box.held().lost) == (0, 0, 0)
    box.close(complete=True)


def test_a_bound_expires_the_oldest_and_counts_them(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box")
    fill(box, 5000, size=50)
    held = box.held()
    assert held.size <= 64 << 10
    assert held.expired > 1000
    kept = drain(box)
    assert held.expired + len(kept) == 5000
    assert kept == list(range(5001 - len(kept), 5001))
    box.close(complete=True)


def test_results_that_send_has_got_already_do_not_expire(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box")
    fill(box, 10)
    taken = box.take(5, 0)
    fill(box, 5000, size=50)
    assert [line.n for line in taken] == [1, 2, 3, 4, 5]
    held = box.held()
    box.done(5)
    assert 5 + held.expired + len(drain(box)) == 5010
    box.close(complete=True)


def test_a_copy_that_is_cut_at_every_byte_of_its_end_starts_and_has_all_whole_lines(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    fill(box, 40)
    box.close(complete=True)
    (name,) = [path.name for path in (tmp_path / "box").glob("*.jsonl")]
    whole = (tmp_path / "box" / name).read_bytes()
    head = whole.index(b"\n") + 1
    for zeros in (b"", b"\0" * 100):
        for size in [*range(0, head + 200, 7), *range(len(whole) - 200, len(whole))]:
            copy = tmp_path / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(tmp_path / "box", copy)
            (copy / name).write_bytes(whole[:size] + zeros)
            cut = small_box(copy, 8 << 20)
            lines = whole[:size].count(b"\n") - 1 if size >= head else 0
            assert cut.next == lines + 1, size
            cut.commit(records(cut.next, 3), time.time())
            assert drain(cut) == list(range(1, lines + 4))
            cut.close(complete=True)
            shutil.rmtree(tmp_path / "copy.bad-1", ignore_errors=True)


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"00000000000000000003 abcdefabcdef open  \n"])
def test_a_cursor_that_is_missing_or_old_makes_doubles_and_loses_nothing(
    tmp_path: Path, content: bytes | None
) -> None:
    box = small_box(tmp_path / "box")
    fill(box, 10)
    assert drain(box) == list(range(1, 11))
    box.close(complete=True)
    cursor = tmp_path / "box" / "sent"
    cursor.unlink() if content is None else cursor.write_bytes(content)
    again = small_box(tmp_path / "box")
    assert drain(again) == list(range(1, 11))
    assert again.next == 11
    again.close(complete=True)


def test_a_segment_that_is_missing_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 300)
    fill(box, 100)
    box.close(complete=True)
    segments = sorted((tmp_path / "box").glob("*.jsonl"))
    segments[3].unlink()
    gone = int(segments[4].stem) - int(segments[3].stem)
    again = small_box(tmp_path / "box", 8 << 20)
    assert len(drain(again)) == 100 - gone
    assert (again.held().lost, again.held().expired) == (gone, 0)
    again.close(complete=True)


def test_a_line_that_cannot_be_read_is_counted_and_the_others_arrive(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box")
    fill(box, 10)
    box.close(complete=True)
    (segment,) = (tmp_path / "box").glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[5] = b"\0" * (len(lines[5]) - 1) + b"\n"
    segment.write_bytes(b"".join(lines))
    again = small_box(tmp_path / "box")
    assert drain(again) == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert again.held().lost == 1
    again.close(complete=True)


@pytest.mark.parametrize(
    "head", [b'{"spool":99,"box":"ab","first":1,"open":[]}\n', b"this is no box\n"], ids=["newer", "garbage"]
)
def test_a_folder_that_cannot_be_read_is_renamed_and_a_new_one_begins(
    tmp_path: Path, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    box = small_box(tmp_path / "box")
    fill(box, 10)
    box.close(complete=True)
    (segment,) = (tmp_path / "box").glob("*.jsonl")
    segment.write_bytes(head + b"more\n")
    again = small_box(tmp_path / "box")
    assert (again.next, again.id != box.id) == (1, True)
    assert (tmp_path / "box.bad-1" / segment.name).read_bytes() == head + b"more\n"
    assert "cannot be read" in caplog.text
    fill(again, 3)
    assert drain(again) == [1, 2, 3]
    again.close(complete=True)
    last = small_box(tmp_path / "box")
    assert last.next == 4
    last.close(complete=True)


def test_results_that_are_too_old_expire(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    box.commit(records(1, 5), NOW)
    box.commit(records(6, 5), NOW + 100)
    assert [line.n for line in box.take(20, NOW + 50)] == [6, 7, 8, 9, 10]
    assert box.held().expired == 5
    box.done(5)
    box.close(complete=True)


def test_old_segments_are_deleted_while_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 300)
    fill(box, 50)
    for path in (tmp_path / "box").glob("*.jsonl"):
        os.utime(path, (NOW, NOW))
    box.expire_before(NOW + 1)
    assert len(list((tmp_path / "box").glob("*.jsonl"))) == 1
    assert box.held().expired + len(drain(box)) == 50
    box.close(complete=True)


def test_old_results_of_the_newest_segment_expire_and_leave_the_disk_when_it_has_no_other(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "box"
    box = small_box(folder, 8 << 20)
    began = {"source": "cam", "value": {"key": "yard", "began": 1.0, "ended": None}}
    box.commit([*records(1, 4), to_text(began)], NOW)
    box.commit(records(6, 5), NOW + 100)
    (segment,) = folder.glob("*.jsonl")
    box.expire_before(NOW + 50)
    assert (box.held().expired, box.held().waiting) == (5, 5)
    assert segment.exists()
    os.utime(segment, (NOW + 100, NOW + 100))
    box.expire_before(NOW + 200)
    assert (box.held().expired, box.held().waiting) == (10, 0)
    (empty,) = folder.glob("*.jsonl")
    assert empty.name == "000000000000011.jsonl"
    box.commit(records(11, 2), NOW + 300)
    assert drain(box) == [11, 12]
    box.close(complete=False)
    again = small_box(folder)
    assert again.next == 13
    assert len(again.first_records) == 1  # the end of what began before all that was deleted
    again.close(complete=True)


def test_results_that_send_has_are_not_expired_and_the_next_ones_are_found(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    box.commit(records(1, 6), NOW)
    box.commit(records(7, 4), NOW + 100)
    assert [line.n for line in box.take(3, 0)] == [1, 2, 3]
    box.expire_before(NOW + 50)
    box.expire_before(NOW + 50)
    assert (box.held().expired, box.held().waiting) == (3, 7)
    box.done(3)
    assert drain(box) == [7, 8, 9, 10]
    assert box.held().lost == 0
    box.close(complete=True)


@pytest.mark.parametrize("sends", [False, True])
def test_no_event_stays_long_behind_its_age_while_others_keep_coming(tmp_path: Path, sends: bool) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    age, every = 3600.0, 300.0
    for n in range(100):
        now = NOW + n * every
        box.commit(records(box.next, 1), now)
        newest = max((tmp_path / "box").glob("*.jsonl"))
        os.utime(newest, (now, now))
        if sends:
            drain(box)
        box.expire_before(now - age, now - age / 4)
        text = "".join(path.read_text() for path in (tmp_path / "box").glob("*.jsonl"))
        oldest = min(float(found) for found in re.findall(r'"spooled":([0-9.]+)', text))
        assert oldest >= now - 1.5 * age
    if not sends:
        assert box.held().waiting == 13  # those of the last hour
    box.close(complete=True)


def test_a_restart_behind_a_quiet_time_ends_what_is_open_at_the_last_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left_open(tmp_path / "box").close(complete=False)
    again = small_box(tmp_path / "box")
    (end,) = again.first_records
    assert json.loads(end)["value"]["ended"] == NOW
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW)) in caplog.text
    again.close(complete=True)


def test_a_torn_end_that_is_cut_off_does_not_change_the_time_of_the_last_write(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box")
    box.commit(records(1, 1), NOW)
    box.close(complete=False)
    (segment,) = (tmp_path / "box").glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'{"n":2,')
    os.utime(segment, (NOW, NOW))
    again = small_box(tmp_path / "box")
    assert again.last_commit == NOW
    again.close(complete=True)


def test_a_run_that_was_not_closed_is_told_with_its_last_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = small_box(tmp_path / "box")
    fill(box, 12)
    box.close(complete=False)
    small_box(tmp_path / "box").close(complete=True)
    assert "its last result has the number 12" in caplog.text
    caplog.clear()
    small_box(tmp_path / "box").close(complete=True)
    assert caplog.text == ""
