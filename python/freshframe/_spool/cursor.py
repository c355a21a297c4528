"""The cursor: a file with the numbers of the last results that were written and sent.

It has a fixed length and is written in place, so it needs no space on a full disk.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import re
import zlib
from dataclasses import dataclass

from .folder import open_own
from .lines import MOST_NUMBER

# Older versions wrote neither the last three numbers nor the checksum.
_TEXT = re.compile(rb"((\d{20}) (\w+) (closed|open  )(?: (\d{15}) (\d{15}) (\d{15}))?)(?: ([0-9a-f]{8}))?\n")
_BEGINNING = re.compile(rb"\d{20} ")  # also of a damaged cursor
_LENGTH = 98  # with an id of 12 letters
_MOST = 200  # bytes: a longer file is not a cursor


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of the file.

    Attributes:
        n: All results up to this number are finished: sent, set aside, or counted as expired or lost.
        box: The id of the box; "" if unknown.
        closed: Whether the last program has closed the box.
        last: The number of the last result that was written; None if an older version wrote the file.
        first: The number of the oldest result on disk; if there is none, of the next result.
        counted: Results after `n` that were counted as expired or lost while `send` was handling older ones.
        is_damaged: Whether the content could not be parsed.
    """

    n: int = 0
    box: str = ""
    closed: bool = True
    last: int | None = None
    first: int = 1
    counted: int = 0
    is_damaged: bool = False


class Cursor:
    """The cursor of one box. If it is out of date, results are sent twice, but none are lost."""

    def __init__(self, folder: str) -> None:
        """Opens or creates the file.

        Raises:
            OSError: It cannot be opened or written to.
        """
        path = os.path.join(folder, "sent")
        old = _read(path)  # before open_own() replaces a hard link
        self._fd = open_own(path, _is_cursor)
        self.before = _parsed(os.pread(self._fd, _MOST, 0) or old)
        if os.fstat(self._fd).st_size > _LENGTH:
            os.ftruncate(self._fd, _LENGTH)

    def write(self, sent: Sent) -> None:
        """Overwrites the file. Not synced."""
        state = "closed" if sent.closed else "open  "
        numbers = f"{sent.last or 0:015d} {sent.first:015d} {sent.counted:015d}"
        text = f"{sent.n:020d} {sent.box} {state} {numbers}".encode()
        os.pwrite(self._fd, text + b" %08x\n" % zlib.crc32(text), 0)

    def close(self) -> None:
        """Closes the file. Does not fail if the program has already closed all unknown descriptors."""
        with contextlib.suppress(OSError):
            os.close(self._fd)


def _is_cursor(fd: int) -> bool:
    data = os.pread(fd, _MOST + 1, 0)
    return len(data) <= _MOST and (not data.strip(b"\0") or _BEGINNING.match(data) is not None)


def _read(path: str) -> bytes:
    """Returns the content of the file, or nothing if it is not a regular file with a cursor."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.pread(fd, _MOST, 0) if _is_cursor(fd) else b""
        finally:
            os.close(fd)
    return b""


def _parsed(data: bytes) -> Sent:
    found = _TEXT.match(data)
    if found is None:
        return Sent(is_damaged=bool(data))
    n, last = int(found[2]), None if found[5] is None else int(found[5])
    is_whole = found[8] is None or int(found[8], 16) == zlib.crc32(found[1])
    has_both = (found[5] is None) == (found[8] is None)
    if not is_whole or not has_both or n > MOST_NUMBER or (last is not None and not n <= last <= MOST_NUMBER):
        return Sent(is_damaged=True)
    return Sent(n, found[3].decode(), found[4] == b"closed", last, int(found[6] or 1), int(found[7] or 0))
