"""The folder of a Spool: size limits, torn ends, missing or damaged files."""
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

from freshframe._sinks.plain import to_text
from freshframe._spool import box as boxes
from freshframe._spool import clock


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("is_known", [False, True], ids=["power cut", "damage"])
def test_a_copy_that_is_cut_at_every_byte_of_its_end_starts_and_has_all_whole_lines(
    tmp_path: Path, is_known: bool
) -> None:
    """If the cursor shows that results were on disk, they become a gap: no number is used twice."""
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
            if not is_known:
                (copy / "sent").unlink()
            cut = small_box(copy, 8 << 20)
            lines = whole[:size].count(b"\n") - 1 if size >= head else 0
            assert cut.next == (41 if is_known else lines + 1), size
            begin = cut.next
            cut.commit(records(cut.next, 3), time.time())
            assert drain(cut) == [*range(1, lines + 1), *range(begin, begin + 3)]
            assert cut.held().lost == begin - 1 - lines
            cut.close(complete=True)
            assert not list(copy.glob("*.bad-*"))


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


def test_a_folder_of_another_version_is_renamed_and_a_new_one_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = b'{"spool":99,"box":"ab","first":1,"open":[]}\n'
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
    fill(box, 50, now=NOW)
    box.expire_before(NOW + 1)
    assert len(list((tmp_path / "box").glob("*.jsonl"))) == 1
    assert box.held().expired + len(drain(box)) == 50
    box.close(complete=True)


def test_old_results_of_the_newest_segment_expire_and_leave_the_disk_when_it_has_no_other(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "box"
    box = small_box(folder, 8 << 20)
    began = {"source": "cam", "value": {"key": "yard", "began_utc": 1.0, "ended_utc": None}}
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
    assert len(again.first_records) == 1  # the end of an event whose start was deleted
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


@pytest.mark.slow
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
    assert json.loads(end)["value"]["ended_utc"] == NOW
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


class Clock:
    """The system clock, set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.start = 0.0  # uptime of the machine in seconds
        self.ahead = NOW
        self.boot = "first"
        monkeypatch.setattr(clock, "since_start", lambda: self.start)
        monkeypatch.setattr(clock, "zero", lambda: self.ahead)
        monkeypatch.setattr(clock, "boot", lambda: self.boot)

    @property
    def now(self) -> float:
        return self.ahead + self.start


DAY = 86_400.0


@pytest.mark.parametrize("set_by", [DAY, -DAY, 400 * DAY])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_age_of_an_event_is_right_whatever_the_clock_was_set_to_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_by: float, is_restarted: bool
) -> None:
    time_ = Clock(monkeypatch)
    box = small_box(tmp_path / "box", 8 << 20)

    def add(count: int) -> None:
        box.commit(records(box.next, count), time_.now)

    add(5)
    time_.start += 1000
    add(5)
    time_.ahead += set_by
    add(5)
    if is_restarted:
        box.close(complete=False)
        for path, written in zip(sorted((tmp_path / "box").glob("0*")), (NOW + 1000, time_.now), strict=True):
            os.utime(path, (written, written))
        box = small_box(tmp_path / "box", 8 << 20)
    time_.start += 1000
    add(5)
    for age, first in ((3600, 1), (1500, 6), (500, 16)):
        box.expire_before(time_.now - age)
        assert box.held().waiting == 21 - first
    lines = box.take(100, time_.now - 500)
    assert [line.n for line in lines] == [16, 17, 18, 19, 20]
    assert box.oldest_taken == pytest.approx(time_.start)
    box.close(complete=True)


def test_events_of_an_earlier_start_of_the_machine_have_their_age_by_its_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_ = Clock(monkeypatch)
    box = small_box(tmp_path / "box", 8 << 20)
    box.commit(records(1, 5), time_.now)
    box.close(complete=True)
    time_.boot, time_.start = "second", 5.0
    time_.ahead += 2 * DAY
    again = small_box(tmp_path / "box", 8 << 20)
    again.commit(records(6, 5), time_.now)
    assert [line.n for line in again.take(100, time_.now - DAY)] == [6, 7, 8, 9, 10]
    again.close(complete=True)


def test_a_head_without_lines_gets_the_clock_with_which_its_lines_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_ = Clock(monkeypatch)
    box = left_open(tmp_path / "box")
    time_.ahead += DAY
    box.commit(records(box.next, 5), time_.now)
    time_.ahead -= 3 * DAY
    for _ in range(2):
        assert [line.n for line in box.take(100, time_.now - 60)] == [2, 3, 4, 5, 6]
        box.close(complete=True)
        (segment,) = (tmp_path / "box").glob("0*.jsonl")
        os.utime(segment, (time_.now, time_.now))
        box = small_box(tmp_path / "box", 8 << 20)
    box.close(complete=True)


def test_events_that_expired_are_counted_once_also_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results expire even while a call of `send` has older ones."""
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 300)
    box = small_box(tmp_path / "box", 8 << 20)
    fill(box, 20)
    assert len(box.take(5, 0)) == 5
    fill(box, 100)
    while box.held().size > 1000:
        assert box.make_room()
    expired = box.held().expired
    kept = box.held().waiting - 5
    assert expired + kept + 5 == 120
    box.close(complete=False)  # killed during the call
    again = small_box(tmp_path / "box", 8 << 20)
    assert (again.held().expired, again.held().lost) == (5, 0)
    assert len(drain(again)) == kept
    again.close(complete=True)


@pytest.mark.parametrize("kills", [1, 3])
def test_events_that_were_too_old_behind_a_call_are_counted_by_one_run(tmp_path: Path, kills: int) -> None:
    """Their file still exists, because a call of `send` has older ones."""
    box = small_box(tmp_path / "box", 8 << 20)
    box.commit(records(1, 5), NOW + 100)
    box.commit(records(6, 5), NOW)
    assert len(box.take(5, 0)) == 5
    box.expire_before(NOW + 50)
    expired = box.held().expired
    assert expired == 5
    for _ in range(kills):
        box.close(complete=False)
        box = small_box(tmp_path / "box", 8 << 20)
    box.commit(records(11, 5), NOW + 100)
    lines = box.take(100, NOW + 50)
    assert [line.n for line in lines] == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    assert box.held().expired == 0
    box.close(complete=True)


@pytest.mark.slow
def test_heads_with_many_open_events_leave_room_for_results(tmp_path: Path) -> None:
    """Each segment repeats the open events.

    A header that is longer than a segment must not fill one by itself.
    """
    box = small_box(tmp_path / "box", 1 << 20)
    opened = {"began_utc": 1.0, "ended_utc": None, "text": "x" * 200}
    box.commit([to_text({"source": "cam", "value": {"key": n, **opened}}) for n in range(3000)], NOW)
    for _ in range(2):
        drain(box)
        fill(box, 300)
    assert (box.held().waiting, box.held().expired) == (300, 0)
    box.close(complete=True)


def test_one_commit_has_as_many_results_as_a_segment(tmp_path: Path) -> None:
    box = small_box(tmp_path / "box", 64 << 10)
    assert box.fitting(records(1, 9000, 1000)) < 10
    assert box.fitting(records(1, 1, 1 << 20)) == 1
    assert box.fitting(records(1, 50)) == 50
    box.close(complete=True)


def test_no_text_ends_the_thread_that_writes(tmp_path: Path) -> None:
    """A subclass of str may claim to be ASCII when it is not even valid Unicode."""
    box = small_box(tmp_path / "box")
    box.commit(['{"value":"\ud800"}', '{"value":2}'], NOW)
    assert drain(box) == [1, 2]
    box.close(complete=True)
