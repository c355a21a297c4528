"""Log records of a worker that arrive too fast: the lost ones are counted."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import re

import pytest

from freshframe._process.worker_log import ToParent

LOST = re.compile(r"\(and (\d+) more, which arrived too fast\)|^(\d+) log records of a worker were lost")


class End:
    """The worker's end of its socket, which accepts this many records until it is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[tuple[int, str, str]] = []

    def log(self, level: int, logger: str, text: str) -> bool:
        if len(self.taken) >= self.room:
            return False
        self.taken.append((level, logger, text))
        return True


@pytest.mark.parametrize("room", [10**6, 20])
def test_each_record_is_sent_or_counted(room: int) -> None:
    end = End(room)
    handler = ToParent(end)
    count = 2500
    for number in range(count):
        handler.emit(logging.LogRecord("app", logging.INFO, __file__, 1, f"line {number}", (), None))
    end.room = 10**6
    handler.close()
    *lines, last = end.taken
    assert last[:2] == (logging.WARNING, "freshframe")
    lost = sum(int(found[1] or found[2]) for _, _, text in end.taken for found in LOST.finditer(text))
    assert len(lines) + lost == count


def test_without_a_loss_the_end_has_no_record() -> None:
    end = End(10)
    handler = ToParent(end)
    handler.emit(logging.LogRecord("app", logging.INFO, __file__, 1, "line", (), None))
    handler.close()
    assert [text for _, _, text in end.taken] == ["line"]
