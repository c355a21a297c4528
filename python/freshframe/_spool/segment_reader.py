"""Reads the synced lines of one segment."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
from collections import deque

_CHUNK = 256 << 10


class SegmentReader:
    """Reads a segment once, from its start. Not thread-safe.

    Attributes:
        first: Number of its first line.
    """

    def __init__(self, path: str, first: int) -> None:
        """Opens the segment.

        Raises:
            OSError: The segment does not exist, or cannot be read. line() raises it, too.
        """
        self.first = first
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        self._at = 0
        self._lines: deque[bytes] = deque()
        self._rest = b""

    def __del__(self) -> None:
        """Closes the file."""
        with contextlib.suppress(AttributeError, OSError):  # it was never opened, or is already closed
            os.close(self._fd)

    def line(self, size: int) -> bytes | None:
        """Returns the next line with its newline, or None if there is none in the first `size` bytes."""
        while not self._lines:
            chunk = os.pread(self._fd, min(_CHUNK, size - self._at), self._at) if self._at < size else b""
            if not chunk:
                return None
            self._at += len(chunk)
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            self._lines.extend(text + b"\n" for text in whole)
        return self._lines.popleft()
