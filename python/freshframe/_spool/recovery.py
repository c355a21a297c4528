"""Reads the contents of a folder when a program opens it. Never deletes complete lines."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from . import clock
from .folder import free_name, list_segments, regular, segment_path, set_aside
from .foreign import ERROR, say
from .lines import (
    Content,
    OpenEvents,
    Segment,
    parse_line,
    read_box,
    read_clock,
    read_content,
    read_lines,
)

_BEGINNING = 64 << 10  # bytes at the start of a segment searched for its clock
_HEAD = b'{"spool":'
_MOST_FIRST = 9 * 10**14  # above it, there would not be enough numbers of 15 digits
_OF_THE_DISK = {errno.EIO, errno.EBADMSG, errno.EUCLEAN}


@dataclass(frozen=True, slots=True)
class Found:
    """The contents of a folder.

    Attributes:
        segments: All segments, in order.
        content: State after the newest segment; None if there is none.
        least: Lower bound for the next number.
        is_whole: True if the newest segment has a head, and can be continued.
    """

    segments: list[Segment]
    content: Content | None
    least: int
    is_whole: bool


def read_folder(folder: str) -> Found:
    """Finds the segments. Removes those at the end that were never synced, and renames damaged ones.

    Raises:
        UnreadableBoxError: The newest segment has another format version.
        OSError: A file cannot be read.
    """
    firsts = [first for first in list_segments(folder) if _is_there(segment_path(folder, first), first)]
    headless: list[tuple[int, bytes]] = []  # the newest ones, newest first
    content: Content | None = None
    least = 1
    kept = []
    while firsts and content is None:
        first = firsts.pop()
        path = segment_path(folder, first)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            if error.errno not in _OF_THE_DISK:
                raise
            set_aside(path, str(error))
            continue
        content = read_content(data, first)
        if content is None and read_box(data) is None:
            _remove(path, data)
            least = max(least, first)
            continue
        kept.append(first)
        if content is None:
            headless.append((first, data))
    for first, data in reversed(headless):
        content = _continued(segment_path(folder, first), content, first, data)
    segments = [_segment(folder, first) for first in [*firsts, *reversed(kept)]]
    return Found(segments, content, max(least, content.next if content else 1), not headless)


def _is_there(path: str, first: int) -> bool:
    if first > _MOST_FIRST and os.path.lexists(path):
        set_aside(path, "no spool has that many results")
    return os.path.exists(regular(path))


def _remove(path: str, data: bytes) -> None:
    """Removes a newest segment that has no complete line, or renames it if it is another file.

    A power cut may leave a file that is empty, torn or full of zeros.
    """
    if not data.strip(b"\0") or data.startswith(_HEAD) or _HEAD.startswith(data.rstrip(b"\0")):
        os.unlink(path)
    else:
        set_aside(path, "it has no line of a spool")


def _continued(path: str, before: Content | None, first: int, data: bytes) -> Content:
    """Returns the state after a segment whose head is damaged."""
    say(ERROR, "the start of the spool's file %r is corrupt: only its intact lines are sent", path)
    content = before or Content(read_box(data) or "", first, OpenEvents(), 0)
    content.next, content.size = max(content.next, first), 0
    read_lines(data, content)
    return content


def _segment(folder: str, first: int) -> Segment:
    path = segment_path(folder, first)
    status = os.stat(path)
    with open(path, "rb") as file:
        data = file.read(_BEGINNING)
        while b"\n" not in data and (more := file.read(_BEGINNING)):  # a head with many open events
            data += more
        found = read_clock(data)
        file.seek(max(0, status.st_size - _BEGINNING))
        times = [line.spooled for line in map(parse_line, file) if line is not None]
    # A copy or a backup may have changed the file's timestamp.
    last = times[-1] if times else status.st_mtime
    is_of_this_boot = found is not None and bool(found.boot) and found.boot == clock.boot()
    return Segment(first, status.st_size, last, found.zero if found and is_of_this_boot else None)


def keep_tail(path: str, size: int) -> None:
    """Copies the bytes after the first `size` before they are cut off, unless they are a single torn line.

    Raises:
        OSError: The copy cannot be written.
    """
    with open(path, "rb") as file:
        file.seek(size)
        tail = file.read()
    if b"\n" not in tail:
        return
    copy = free_name(path)
    with open(copy, "xb") as file:
        file.write(tail)
        os.fsync(file.fileno())
    say(ERROR, "the last lines of the spool's file %r are not in order: they were moved to %r", path, copy)
