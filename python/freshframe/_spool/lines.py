"""The lines of a box: results, and the heads of segments."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._sinks.plain import to_text

FORMAT = 1  # version of a head; changes when older versions can no longer read the box
MOST_NUMBER = 10**15 - 2  # file names have 15 digits
_LINE = re.compile(rb'\{"n":(\d{1,15}),"box":"(\w+)","spooled":(\d+\.\d+),.*\}\n')
_CLOCK = re.compile(rb'\{"boot":"[^"\n]*","zero":-?\d+\.\d+\}\n')

Key = tuple[str, str, str]  # the name of a source, the JSON of a node's name, and an event's key


class UnreadableBoxError(Exception):
    """A folder cannot be used as a box. The message gives the reason."""


class Line(NamedTuple):
    """One result.

    Attributes:
        n: Its number in the box, from 1.
        spooled: Unix time at which the box received it, by the clock as it was set then.
        text: The whole line.
    """

    n: int
    spooled: float
    text: bytes


def line_text(n: int, box: str, spooled: float, record: str) -> str:
    """Returns the line for a record, which is a non-empty JSON object as a string."""
    return f'{{"n":{n},"box":"{box}","spooled":{spooled:.3f},{record[1:]}\n'


def parse_line(text: bytes) -> Line | None:
    """Returns None for anything but a line of a box, such as a line that was cut off by a power cut."""
    found = _LINE.fullmatch(text)
    return Line(int(found[1]), float(found[3]), text) if found else None


def parse_record(line: Line) -> dict[str, Any] | None:
    """Returns the line as a dict, or None if it is not JSON, or nested too deeply for Python's parser."""
    try:
        record = json.loads(line.text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


@dataclass(slots=True)
class OpenEvents:
    """The events that have started and not ended, by source, node and key.

    An open event is a value with `key` and `began_utc` but without `ended_utc`.
    """

    records: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def note_text(self, record: str) -> None:
        """Called when a record, given as a string, has been written."""
        if '"began_utc":' not in record:
            return
        # Nested too deeply for the parser, so it is not an event.
        with contextlib.suppress(ValueError, RecursionError):
            self.note(json.loads(record))

    def note(self, record: dict[str, Any]) -> None:
        """Called when a record has been written."""
        value = record.get("value")
        if not isinstance(value, dict) or "key" not in value or value.get("began_utc") is None:
            return
        key = (str(record.get("source", "")), to_text(value.get("node")), to_text(value["key"]))
        if value.get("ended_utc") is None:
            self.records[key] = {"source": record.get("source"), "value": value}
        else:
            self.records.pop(key, None)

    def ends(self, at: float, now: float) -> list[dict[str, Any]]:
        """Returns an end record for each open event.

        Args:
            at: Unix time of the end.
            now: Unix time at which the end was noticed.
        """
        end = {"ended_utc": round(at, 3), "decided_utc": round(now, 3), "reason": "restart"}
        return [{**record, "value": record["value"] | end} for record in self.records.values()]


@dataclass(slots=True)
class Segment:
    """One file of a box.

    Attributes:
        first: Number of its first line.
        size: Bytes that were synced to disk.
        last: Unix time of its last line, by the clock as it was set then.
        zero: clock.zero() when it was written; None if the machine was booted since.
    """

    first: int
    size: int
    last: float
    zero: float | None


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock for the timestamps in a segment.

    Attributes:
        boot: clock.boot() when the lines were written.
        zero: clock.zero() when the lines were written.
    """

    boot: str
    zero: float

    def text(self) -> str:
        """Returns a line that sets the clock for a segment that has no other lines yet."""
        return f'{{"boot":"{self.boot}","zero":{self.zero:.3f}}}\n'


def head_text(box: str, first: int, events: OpenEvents, clock: Clock) -> str:
    """Returns the head of a segment, which has all that is needed from older segments."""
    head = {"spool": FORMAT, "box": box, "first": first, "boot": clock.boot, "zero": round(clock.zero, 3)}
    return to_text(head | {"open": list(events.records.values())}) + "\n"


@dataclass(slots=True)
class Content:
    """The contents of a segment.

    Attributes:
        box: ID of the box that it belongs to.
        next: Number after its last line.
        events: The events that are open after its last line.
        size: Bytes up to the end of its last line.
    """

    box: str
    next: int
    events: OpenEvents
    size: int


def read_head(data: bytes) -> tuple[dict[str, Any], int] | None:
    """Returns the head of a segment and its length.

    Returns:
        None if there is none, or if it is damaged.

    Raises:
        UnreadableBoxError: The head has another format version.
    """
    end = data.find(b"\n") + 1
    try:
        head = json.loads(data[:end])
        box, opened, version = head["box"], head["open"], head["spool"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if version != FORMAT:
        raise UnreadableBoxError(f"its format is {version!r}, but this version of freshframe reads {FORMAT}")
    is_whole = isinstance(box, str) and re.fullmatch(r"[0-9A-Za-z_]+", box) and isinstance(opened, list)
    return (head, end) if is_whole and all(isinstance(record, dict) for record in opened) else None


def read_clock(data: bytes) -> Clock | None:
    """Returns the clock of a segment, from its start, or None if an older version has written it."""
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
        None if it has no head, because the program ended before the first write was synced, or because it is
        damaged.

    Raises:
        UnreadableBoxError: The head has another format version.
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
    """Adds the complete lines after the first `content.size` bytes."""
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
    """Returns the box ID in the first whole line of possibly damaged data, or None without one."""
    lines = (parse_line(text) for text in data.splitlines(keepends=True))
    records = (parse_record(line) for line in lines if line is not None)
    return next((str(record["box"]) for record in records if record is not None), None)
