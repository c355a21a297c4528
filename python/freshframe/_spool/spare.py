"""Room on the disk that a box holds back: for the head of a segment when the disk is full."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os

from .folder import regular

_LEAST = 64 << 10  # bytes: the head of some hundred open events


class Spare:
    """A file without content that takes up room, until the room is needed."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "spare")
        self._size = 0
        with contextlib.suppress(OSError):
            self._size = os.stat(self._path).st_size

    def keep(self, size: int = _LEAST) -> None:
        """Takes up this many bytes at least; without room for them there is no file."""
        size = max(size, _LEAST)
        if self._size >= size:
            return
        try:
            fd = os.open(regular(self._path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
            self._size = size
        except OSError:
            self.give_up()

    def give_up(self) -> None:
        """Frees the room."""
        self._size = 0
        with contextlib.suppress(OSError):
            os.unlink(self._path)
