"""The text of a box: lines with results, and the head of a segment."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1  # of a head; changes when an older version could not read the box
_LINE = re.compile(rb'\{"n":(\d{1,18}),"box":"(\w+)","spooled":(\d+\.\d+),.*\}\n')

Key = tuple[str, str]  # a source's name and the text of an event's key


class UnreadableBoxError(Exception):
    """A folder cannot be used as a box; the text says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One result.

    Attributes:
        n: Its number in the box, from 1.
        spooled: Unix time at which it came to the box.
        text: The whole line.
    """

    n: int
    spooled: float
    text: bytes


def to_text(record: object) -> str:
    """A record as JSON, in one line."""
    return json.dumps(record, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def line_text(n: int, box: str, spooled: float, record: str) -> str:
    """The line of a record, which is the text of a JSON object that is not empty."""
    return f'{{"n":{n},"box":"{box}","spooled":{spooled:.3f},{record[1:]}\n'


def parse_line(text: bytes) -> Line | None:
    """None: it is no line of a box, such as one that a power cut has torn."""
    found = _LINE.fullmatch(text)
    return Line(int(found[1]), float(found[3]), text) if found else None


@dataclass(slots=True)
class OpenEvents:
    """The events that have begun and not ended, by source and key.

    Such an event is a value with `key` and `began` and without `ended`.
    """

    records: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def note(self, record: dict[str, Any]) -> None:
        """A record has been written."""
        value = record.get("value")
        if not isinstance(value, dict) or "key" not in value or value.get("began") is None:
            return
        key = (str(record.get("source", "")), to_text(value["key"]))
        if value.get("ended") is None:
            self.records[key] = {"source": record.get("source"), "value": value}
        else:
            self.records.pop(key, None)

    def ends(self, at: float, now: float) -> list[dict[str, Any]]:
        """A record that ends each of them.

        Args:
            at: Unix time of the end.
            now: Unix time at which the end was noticed.
        """
        end = {"ended": round(at, 3), "told": round(now, 3), "by": "restart"}
        return [{**record, "value": record["value"] | end} for record in self.records.values()]


@dataclass(slots=True)
class Segment:
    """What is known of one file of a box.

    Attributes:
        first: The number of its first line.
        size: Bytes that are on the disk for certain.
    """

    first: int
    size: int


def head_text(box: str, first: int, events: OpenEvents) -> str:
    """The head of a segment: with it, the older segments are not needed."""
    return (
        to_text({"spool": FORMAT, "box": box, "first": first, "open": list(events.records.values())}) + "\n"
    )


@dataclass(slots=True)
class Content:
    """What a segment holds.

    Attributes:
        box: The box that it belongs to.
        next: The number after its last line.
        events: The events that are open behind its last line.
        size: Bytes up to the end of its last line.
    """

    box: str
    next: int
    events: OpenEvents
    size: int


def read_content(data: bytes, first: int) -> Content | None:
    """Reads a whole segment.

    Returns:
        None: it has no head, because the program ended before the first write was on the disk.

    Raises:
        UnreadableBoxError: Another version has written it.
    """
    end = data.find(b"\n") + 1
    try:
        head = json.loads(data[:end])
        box, opened = head["box"], head["open"]
        version = head["spool"]
    except (ValueError, KeyError, TypeError):
        return None
    if version != FORMAT:
        raise UnreadableBoxError(f"its format is {version!r}, and this version of freshframe reads {FORMAT}")
    content = Content(str(box), first, OpenEvents(), end)
    for record in opened:
        content.events.note(record)
    while end < len(data):
        begin, end = end, data.find(b"\n", end) + 1 or len(data)
        line = parse_line(data[begin:end])
        if line is None or line.n < content.next:
            continue
        try:
            content.events.note(json.loads(line.text))
        except ValueError:
            continue
        content.next, content.size = line.n + 1, end
    return content
