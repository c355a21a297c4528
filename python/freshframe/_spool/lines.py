"""The text of a box: lines with results, and the head of a segment."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._sinks.plain import to_text

FORMAT = 1  # version of a head; changes when an older version could not read the box
MOST_NUMBER = 10**15 - 2  # the names of files have 15 digits
_LINE = re.compile(rb'\{"n":(\d{1,15}),"box":"(\w+)","spooled":(\d+\.\d+),.*\}\n')
_CLOCK = re.compile(rb'\{"boot":"[^"\n]*","zero":-?\d+\.\d+\}\n')

Key = tuple[str, str, str]  # a source's name, the text of a node's name and an event's key


class UnreadableBoxError(Exception):
    """A folder cannot be used as a box; the text says why."""


class Line(NamedTuple):
    """One result.

    Attributes:
        n: Its number in the box, from 1.
        spooled: Unix time at which it came to the box, by the clock as it was set then.
        text: The whole line.
    """

    n: int
    spooled: float
    text: bytes


def line_text(n: int, box: str, spooled: float, record: str) -> str:
    """The line of a record, which is the text of a JSON object that is not empty."""
    return f'{{"n":{n},"box":"{box}","spooled":{spooled:.3f},{record[1:]}\n'


def parse_line(text: bytes) -> Line | None:
    """Returns None for anything but a line of a box, such as a line that a power cut has torn."""
    found = _LINE.fullmatch(text)
    return Line(int(found[1]), float(found[3]), text) if found else None


def parse_record(line: Line) -> dict[str, Any] | None:
    """The whole line as a dict; None means it is no JSON, or too deep for Python's parser."""
    try:
        record = json.loads(line.text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


@dataclass(slots=True)
class OpenEvents:
    """The events that have begun and not ended, by source, node and key.

    Such an event is a value with `key` and `began_utc` and without `ended_utc`. The `node` distinguishes it
    from an event of another node with the same key.
    """

    records: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def note_text(self, record: str) -> None:
        """The text of a record has been written."""
        if '"began_utc":' not in record:
            return
        with contextlib.suppress(ValueError, RecursionError):  # too deep for the parser: it is no such event
            self.note(json.loads(record))

    def note(self, record: dict[str, Any]) -> None:
        """A record has been written."""
        value = record.get("value")
        if not isinstance(value, dict) or "key" not in value or value.get("began_utc") is None:
            return
        key = (str(record.get("source", "")), to_text(value.get("node")), to_text(value["key"]))
        if value.get("ended_utc") is None:
            self.records[key] = {"source": record.get("source"), "value": value}
        else:
            self.records.pop(key, None)

    def ends(self, at: float, now: float) -> list[dict[str, Any]]:
        """A record that ends each of them.

        Args:
            at: Unix time of the end.
            now: Unix time at which the end was noticed.
        """
        end = {"ended_utc": round(at, 3), "decided_utc": round(now, 3), "reason": "restart"}
        return [{**record, "value": record["value"] | end} for record in self.records.values()]


@dataclass(slots=True)
class Segment:
    """The facts about one file of a box.

    Attributes:
        first: The number of its first line.
        size: Bytes that are on the disk for certain.
        last: Unix time of its last line, by the clock as it was set then.
        zero: clock.zero() when it was written; None means the machine was started since.
    """

    first: int
    size: int
    last: float
    zero: float | None


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of the times in the lines of a segment.

    Attributes:
        boot: clock.boot() when they were written.
        zero: clock.zero() when they were written.
    """

    boot: str
    zero: float

    def text(self) -> str:
        """A line that says from where on this clock holds, in a segment that has no other lines yet."""
        return f'{{"boot":"{self.boot}","zero":{self.zero:.3f}}}\n'


def head_text(box: str, first: int, events: OpenEvents, clock: Clock) -> str:
    """The head of a segment: with it, the older segments are not needed."""
    head = {"spool": FORMAT, "box": box, "first": first, "boot": clock.boot, "zero": round(clock.zero, 3)}
    return to_text(head | {"open": list(events.records.values())}) + "\n"


@dataclass(slots=True)
class Content:
    """The contents of a segment.

    Attributes:
        box: The box that it belongs to.
        next: The number after its last line.
        events: The events that are open after its last line.
        size: Bytes up to the end of its last line.
    """

    box: str
    next: int
    events: OpenEvents
    size: int


def read_head(data: bytes) -> tuple[dict[str, Any], int] | None:
    """The head of a segment and its length.

    Returns:
        None: it has none, or a damaged one.

    Raises:
        UnreadableBoxError: Another version has written it.
    """
    end = data.find(b"\n") + 1
    try:
        head = json.loads(data[:end])
        box, opened, version = head["box"], head["open"], head["spool"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if version != FORMAT:
        raise UnreadableBoxError(f"its format is {version!r}, and this version of freshframe reads {FORMAT}")
    is_whole = isinstance(box, str) and re.fullmatch(r"[0-9A-Za-z_]+", box) and isinstance(opened, list)
    return (head, end) if is_whole and all(isinstance(record, dict) for record in opened) else None


def read_clock(data: bytes) -> Clock | None:
    """The clock of a segment, from its beginning; None means an older version has written it."""
    try:
        found = read_head(data)
        if found is None:
            return None
        known, end = found
        while line := _CLOCK.match(data, end):
            known, end = json.loads(line[0]), line.end()
        return Clock(str(known["boot"]), float(known["zero"]))
    except (UnreadableBoxError, ValueError, KeyError, TypeError):
        return None


def read_content(data: bytes, first: int) -> Content | None:
    """Reads a whole segment.

    Returns:
        None: it has no head, because the program ended before the first write was on the disk, or because
            it was damaged.

    Raises:
        UnreadableBoxError: Another version has written it.
    """
    found = read_head(data)
    if found is None:
        return None
    head, end = found
    while line := _CLOCK.match(data, end):
        end = line.end()
    content = Content(head["box"], first, OpenEvents(), end)
    for record in head["open"]:
        content.events.note(record)
    read_lines(data, content)
    return content


def read_lines(data: bytes, content: Content) -> None:
    """Notes the whole lines after the first `content.size` bytes."""
    end = content.size
    while end < len(data):
        begin, end = end, data.find(b"\n", end) + 1 or len(data)
        line = parse_line(data[begin:end])
        if line is None or line.n < content.next or line.n > MOST_NUMBER:
            continue
        record = parse_record(line)
        if record is None:
            continue
        content.events.note(record)
        content.next, content.size = line.n + 1, end


def read_box(data: bytes) -> str | None:
    """The box of the first whole line in bytes that may be damaged; None means there is no such line."""
    lines = (parse_line(text) for text in data.splitlines(keepends=True))
    records = (parse_record(line) for line in lines if line is not None)
    return next((str(record["box"]) for record in records if record is not None), None)
