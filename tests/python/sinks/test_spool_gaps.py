"""Results lost while the disk hung leave a gap after the older results, which were pending."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from typing import Any

import pytest
from support import until

from freshframe._spool import writer


class Disk:
    """A box that records the order of calls. Each commit of two results waits for the test."""

    folder = "box"
    first_records: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.written: list[str | int] = []
        self.allowed = threading.Semaphore(0)
        self.begun = 0

    def fitting(self, records: list[str]) -> int:
        return min(2, len(records))

    def commit(self, records: list[str], now: float) -> None:
        self.begun += 1
        assert self.allowed.acquire(timeout=60)
        self.written += records

    def skip(self, count: int) -> None:
        self.written.append(count)


@pytest.mark.parametrize("later", [0, 1])
def test_a_gap_is_between_the_results_that_waited_and_the_later_ones(
    monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    monkeypatch.setattr(writer, "_MOST", 4)
    monkeypatch.setattr(writer, "_PATIENCE", 0.0)
    disk: Any = Disk()
    thread = writer.Writer(disk, lambda: None)
    for number in range(4):
        thread.put(f"old {number}")
    until(lambda: disk.begun == 1, "the disk hangs")
    for number in range(3):
        thread.put(f"lost {number}")
    disk.allowed.release()
    until(lambda: disk.begun == 2, "the next commit")
    for number in range(later):
        thread.put(f"new {number}")
    disk.allowed.release(100)
    assert thread.end(60) == 0
    expected = [f"old {number}" for number in range(4)] + [3] + [f"new {number}" for number in range(later)]
    assert disk.written == expected
