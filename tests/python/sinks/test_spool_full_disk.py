"""A Spool on a full disk: the oldest results expire, and open events are not forgotten."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rigs.boxes import NOW, drain, fill, left_open, records, small_box
from rigs.watchdog import run_to_end
from support import WATCHDOG

from freshframe._spool import box as boxes


@pytest.mark.slow
def test_a_full_disk_expires_the_oldest_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 20_000
    write = os.write

    def limited(fd: int, data: memoryview) -> int:
        used = sum(path.stat().st_size for path in (tmp_path / "box").glob("*.jsonl"))
        if used >= room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: room - used])

    box = small_box(tmp_path / "box", 8 << 20)
    monkeypatch.setattr(boxes, "SEGMENT_BYTES", 4000)
    monkeypatch.setattr(os, "write", limited)
    for _ in range(200):
        while True:
            try:
                box.commit(records(box.next, 10, 50), time.time())
                break
            except OSError:
                assert box.make_room()
    kept = drain(box)
    assert box.held().expired + len(kept) == 2000
    assert kept == list(range(2001 - len(kept), 2001))
    box.close(complete=True)


def test_a_disk_without_room_for_one_segment_keeps_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = small_box(tmp_path / "box", 8 << 20)
    fill(box, 20)
    identity = box.id
    assert box.make_room()
    assert not box.make_room()
    assert box.held().expired == 20
    box.close(complete=False)
    again = small_box(tmp_path / "box", 8 << 20)
    assert (again.id, again.next) == (identity, 21)
    again.close(complete=True)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_full_disk_does_not_forget_the_events_that_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_restarted: bool
) -> None:
    write = os.write

    def write_some(fd: int, data: memoryview) -> int:
        room.append(room.pop() // 2)
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[: room[0]])

    folder = tmp_path / "box"
    box = left_open(folder)
    if is_restarted:
        box.close(complete=False)
        box = small_box(folder, 8 << 20)
    monkeypatch.setattr(os, "write", write_some)
    for _ in range(3):
        room = [40]
        with pytest.raises(OSError, match="No space"):
            box.commit(records(box.next, 5), NOW)
        assert not box.make_room()
        killed = tmp_path / "killed"
        shutil.copytree(folder, killed)
        again = small_box(killed)
        assert len(again.first_records) == 1
        again.close(complete=False)
        shutil.rmtree(killed)
    monkeypatch.undo()
    box.commit(records(box.next, 5), NOW)
    assert drain(box) == [2, 3, 4, 5, 6]
    assert box.held().lost == 0
    box.close(complete=True)


SMALL_DISK = """
import json, subprocess, sys
from freshframe._spool.box import Box
folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
box = Box(folder + "/box", 1 << 30)
for first in range(1, 20_001, 20):
    texts = [json.dumps({"value": n, "text": "x" * 200}) for n in range(first, first + 20)]
    while True:
        try:
            box.commit(texts, 1e9)
            break
        except OSError:
            assert box.make_room()
numbers = []
while lines := box.take(100, 0):
    numbers += [line.n for line in lines]
    box.done(len(lines))
held = box.held()
box.commit(['{"value":0}'], 1e9)  # there is room again
numbers += [line.n for line in box.take(1, 0)]
print(json.dumps({"expired": held.expired, "lost": held.lost, "numbers": numbers}))
"""


LONG_OUTAGE = """
import json, os, subprocess, sys, time
from freshframe._spool.box import Box
from freshframe._spool.writer import Writer
folder = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
box = Box(folder + "/box", 1 << 30)
with open(folder + "/of others", "wb", buffering=0) as other:
    try:
        while True:
            other.write(bytes(4096))
    except OSError:
        pass
writer = Writer(box, lambda: None)
for n in range(3000):
    writer.put(json.dumps({"value": n, "text": "x" * 2000}))
while not writer._fault:
    time.sleep(0.01)
os.unlink(folder + "/of others")
while writer._waiting:
    time.sleep(0.01)
numbers = []
while lines := box.take(100, 0):
    numbers += [line.n for line in lines]
    box.done(len(lines))
print(json.dumps({"lost": writer.end(10), "expired": box.held().expired, "numbers": numbers}))
"""


FULL_DISK = """
import itertools, json, os, shutil, subprocess, sys
from freshframe._spool.box import Box
from freshframe._spool.lines import to_text

disk = sys.argv[1] + "/disk"
os.mkdir(disk)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
box = Box(disk + "/box", 1 << 30)
box.commit([to_text({"source": "cam", "value": {"key": "yard", "began_utc": 1.0, "ended_utc": None}})], 1e9)
numbers = itertools.count()
open_ends = []
unlink = os.unlink

def unlink_and_look(path):
    for change in (lambda: None, lambda: unlink(path)):
        change()
        killed = f"{sys.argv[1]}/killed-{next(numbers)}"
        shutil.copytree(disk + "/box", killed)
        again = Box(killed, 1 << 30)
        open_ends.append(len(again.first_records))
        again.close(complete=False)

with open(disk + "/of others", "wb", buffering=0) as other:
    try:
        while True:
            other.write(bytes(4096))
    except OSError:
        pass
os.unlink = unlink_and_look
made_room = 0
for _ in range(100):
    while True:
        try:
            box.commit([json.dumps({"text": "x" * 1000})], 1e9)
            break
        except OSError:
            assert box.make_room()
            made_room += 1
held = box.held()
kept = []
while lines := box.take(100, 0):
    kept += [line.n for line in lines]
    box.done(len(lines))
print(json.dumps({"open": open_ends, "made": made_room, "expired": held.expired, "kept": kept}))
"""


def on_a_disk_of_its_own(script: str, folder: Path) -> Any:
    """Returns the output of a script in its own mount namespace, whose file systems disappear with the
    process.
    """
    space = ["unshare", "--mount", "--map-root-user"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*space, "true"], check=False, timeout=WATCHDOG).returncode != 0
    ):
        pytest.skip("no name space for a file system of its own")
    ended = run_to_end(
        [*space, sys.executable, "-c", script, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.slow
def test_a_disk_of_two_megabytes_keeps_the_newest_results_and_counts_the_others(tmp_path: Path) -> None:
    found = on_a_disk_of_its_own(SMALL_DISK, tmp_path)
    assert found["lost"] == 0
    assert found["expired"] > 0
    assert found["numbers"] == list(range(found["expired"] + 1, 20_002))


@pytest.mark.slow
def test_results_that_have_waited_for_the_disk_are_written_though_all_of_them_do_not_fit(
    tmp_path: Path,
) -> None:
    found = on_a_disk_of_its_own(LONG_OUTAGE, tmp_path)
    assert found["lost"] == 0
    assert 0 < found["expired"] < 3000
    assert found["numbers"] == list(range(found["expired"] + 1, 3001))


@pytest.mark.slow
def test_a_full_disk_gives_the_only_segment_up_behind_a_head_with_the_open_events(tmp_path: Path) -> None:
    found = on_a_disk_of_its_own(FULL_DISK, tmp_path)
    assert found["made"] > 0
    assert set(found["open"]) == {1}
    assert found["kept"] == list(range(found["expired"] + 1, 102))
