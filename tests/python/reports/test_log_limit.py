"""Log lines of repeated faults: one per name, then one line in 10 seconds with the number of the others."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from freshframe._interpreter import log as engine_log
from freshframe._interpreter.log import Limiter

WARNING = 2


class Log:
    """A limiter with a stopped clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.limiter = Limiter(lambda _, text: self.lines.append(text), lambda: self.now)

    def say(self, *texts: str) -> list[str]:
        """Returns the lines that are written for these."""
        for text in texts:
            self.limiter(WARNING, text)
        return self.taken()

    def tell(self, *, last: bool = False) -> tuple[list[str], float | None]:
        """Returns the lines that are logged, and the seconds until the next one."""
        seconds = self.limiter.tell(last=last)
        return self.taken(), seconds

    def taken(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


def test_each_source_that_fails_is_named() -> None:
    lost = [f"source 'cam{n}' lost its connection after {n} s" for n in range(8)]
    assert Log().say(*lost) == lost


def test_a_line_that_differs_in_numbers_only_waits_for_10_seconds() -> None:
    log = Log()
    assert log.say(*(f"'cam1' lost {n} frames" for n in range(4))) == ["'cam1' lost 0 frames"]
    assert log.tell() == ([], 10.0)
    log.now += 4
    assert log.tell() == ([], 6.0)
    log.now += 6
    assert log.tell() == (["'cam1' lost 3 frames (and 2 more like it)"], None)
    assert log.say("'cam1' lost 9 frames") == [], "a line was logged a moment ago"


def test_a_line_after_10_seconds_has_the_number_of_those_before() -> None:
    log = Log()
    log.say(*["no picture"] * 3)
    log.now += 10
    assert log.say("no picture") == ["no picture (and 2 more like it)"]
    assert log.tell() == ([], None)


def test_what_was_held_back_about_a_server_is_logged_before_it_is_back() -> None:
    log = Log()
    log.say(*[f"cannot publish to 'rtsp://host/a' in attempt {n}; trying again" for n in range(4)])
    log.say(*["cannot publish to 'rtsp://host/b'; trying again"] * 2)
    log.now += 4
    assert log.say("'rtsp://host/a' accepts the stream again") == [
        "cannot publish to 'rtsp://host/a' in attempt 3; trying again (and 2 more like it)",
        "'rtsp://host/a' accepts the stream again",
    ]
    log.now += 6
    assert log.tell() == (["cannot publish to 'rtsp://host/b'; trying again"], None), "of another server"


def test_a_source_that_comes_and_goes_does_not_flood_the_log() -> None:
    log = Log()
    said = []
    for _ in range(100):
        said += log.say("lost 'cam1'; trying again", "lost 'cam1'; still trying", "'cam1' is back")
        log.now += 0.1
    assert len(said) <= 6


def test_the_end_tells_what_was_held_back() -> None:
    log = Log()
    log.say("clip 'a' was not written", "clip 'a' was not written", "'b' waits", "'b' waits", "'b' waits")
    assert log.tell(last=True) == (["clip 'a' was not written", "'b' waits (and 1 more like it)"], None)
    assert log.tell(last=True) == ([], None)


def test_a_folder_of_damaged_pictures_does_not_flood_the_log() -> None:
    log = Log()
    said = log.say(*(f"cannot decode '{n:05d}.png'" for n in range(5000)))
    assert said == [f"cannot decode '{n:05d}.png'" for n in range(17)]
    assert log.tell(last=True) == (["cannot decode '04999.png' (and 4982 more like it)"], None)


def test_many_kinds_are_forgotten_and_none_of_their_lines() -> None:
    log = Log()
    kinds = ["".join(chr(97 + (n >> shift) % 16) for shift in (0, 4, 8)) for n in range(1000)]
    assert log.say(*(kind for kind in kinds for _ in range(2))).count(kinds[0]) == 2


def test_the_same_line_of_another_decoder_is_of_its_kind() -> None:
    log = Log()
    lines = [
        f"[h264 @ {address:#x}] error while decoding MB {address % 40}"
        for address in range(99, 10**7, 99_991)
    ]
    assert log.say(*lines) == lines[:1]
    assert log.tell(last=True) == ([f"{lines[-1]} (and {len(lines) - 2} more like it)"], None)


@pytest.mark.parametrize("turn", ["first", "second"])
def test_no_line_of_an_earlier_test_delays_one_of_this(turn: str, caplog: pytest.LogCaptureFixture) -> None:
    engine_log._limiter(WARNING, "the same line in each turn")
    assert "the same line in each turn" in caplog.text
