"""Disk space that a box reserves, so that it can write the head of a segment when the disk is full."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os

from .folder import open_own, why_foreign

_CHUNK = 256 << 10
_LEAST = 64 << 10  # bytes; enough for a head with some hundred open events


class Spare:
    """A file that reserves disk space until it is needed."""

    def __init__(self, folder: str) -> None:
        """Finds the file of an earlier run, if there is one."""
        self._path = os.path.join(folder, "spare")
        self._size = 0
        with contextlib.suppress(OSError):
            if os.path.lexists(self._path):
                fd = open_own(self._path, _is_spare)
                self._size = os.fstat(fd).st_size
                os.close(fd)

    def keep(self, size: int = _LEAST) -> None:
        """Reserves at least this many bytes. If there is not enough space, the file does not exist."""
        size = max(size, _LEAST)
        if self._size >= size:
            return
        try:
            fd = open_own(self._path, _is_spare)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
            self._size = size
        except OSError:
            self.give_up()

    def give_up(self) -> None:
        """Frees the space by deleting the file."""
        self._size = 0
        with contextlib.suppress(OSError):
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if why_foreign(fd, _is_spare) is None:
                    os.unlink(self._path)
            finally:
                os.close(fd)


def _is_spare(fd: int) -> bool:
    at = 0
    while data := os.pread(fd, _CHUNK, at):
        if data.strip(b"\0"):
            return False
        at += len(data)
    return True
