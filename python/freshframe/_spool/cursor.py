"""How far a box was written and sent: a file of fixed size, rewritten in place to need no free space."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import re
import zlib
from dataclasses import dataclass

from .folder import open_own
from .lines import MOST_NUMBER

# Older versions did not write the last three numbers and the checksum.
_TEXT = re.compile(rb"((\d{20}) (\w+) (closed|open  )(?: (\d{15}) (\d{15}) (\d{15}))?)(?: ([0-9a-f]{8}))?\n")
_BEGINNING = re.compile(rb"\d{20} ")  # may be read from a damaged file, too
_LENGTH = 98  # with an ID of 12 characters
_MOST = 200  # bytes; a longer file is not a cursor


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of the file.

    Attributes:
        n: All results up to this number were sent, set aside, or counted as lost.
        box: ID of the box; "" if unknown.
        closed: Whether its last user has closed it.
        last: Number of the last result that was written; None if an older version did not store it.
        first: Number of the first result that is still on disk, or the next one.
        counted: Number of results after `n` that were counted as lost while a call of `send` had older ones.
        is_damaged: Whether the file contains something else.
    """

    n: int = 0
    box: str = ""
    closed: bool = True
    last: int | None = None
    first: int = 1
    counted: int = 0
    is_damaged: bool = False


class Cursor:
    """The cursor file of one box. Outdated contents cause duplicates, but no losses."""

    def __init__(self, folder: str) -> None:
        """Opens or creates the file.

        Raises:
            OSError: The file cannot be opened or written to.
        """
        path = os.path.join(folder, "sent")
        old = _read(path)  # before a file with a second link is renamed
        self._fd = open_own(path, _is_cursor)
        self.before = _parsed(os.pread(self._fd, _MOST, 0) or old)
        if os.fstat(self._fd).st_size > _LENGTH:
            os.ftruncate(self._fd, _LENGTH)

    def write(self, sent: Sent) -> None:
        """Stores how far the box was sent and written."""
        state = "closed" if sent.closed else "open  "
        numbers = f"{sent.last or 0:015d} {sent.first:015d} {sent.counted:015d}"
        text = f"{sent.n:020d} {sent.box} {state} {numbers}".encode()
        os.pwrite(self._fd, text + b" %08x\n" % zlib.crc32(text), 0)

    def close(self) -> None:
        """Closes the file, unless the program has closed all files that it did not open."""
        with contextlib.suppress(OSError):
            os.close(self._fd)


def _is_cursor(fd: int) -> bool:
    data = os.pread(fd, _MOST + 1, 0)
    return len(data) <= _MOST and (not data.strip(b"\0") or _BEGINNING.match(data) is not None)


def _read(path: str) -> bytes:
    """Returns the content of a regular file that is a cursor, otherwise nothing."""
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
