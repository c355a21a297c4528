"""A text file that is written in whole lines, for the recorders of results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import stat
import time

from .. import _native
from .._errors import StateError
from .._interpreter.log import logger

_FLUSH_INTERVAL = 1.0  # seconds
_FLUSH_BYTES = 64 << 10
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class TextFile:
    """Writes whole lines to a file, at least once a second while there are new ones.

    After the process was killed, or the disk was full, the file ends with a complete line. The first line
    replaces an existing file, so a run that fails earlier leaves that file as it is. Later lines go to the
    end of the file. If another program has emptied it, as log rotation does, they go to its beginning.

    A write that fails loses only the lines of that call. The lines before them wait for the next write.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be created. write() and close() raise it when the file cannot be written.
            The error names the path.
        StateError: Another recorder of this process writes the file.
    """

    def __init__(self, path: str) -> None:
        """Opens the file, or creates it if it does not exist. Writes nothing yet."""
        self.path = path
        self._fd = os.open(path, _WRITE, 0o666)
        status = os.fstat(self._fd)
        self._is_regular = stat.S_ISREG(status.st_mode)  # no pipe, no device
        self._had_content = self._is_regular and status.st_size > 0
        self._claim = self._claimed(status) if self._is_regular else None
        self._began = False
        self._waiting: list[bytes] = []  # an item for each call of write()
        self._waiting_bytes = 0
        self._flushed = time.monotonic()

    def _claimed(self, status: os.stat_result) -> _native.WriteClaim:
        if (claim := _native.claim_file(status.st_dev, status.st_ino)) is not None:
            return claim
        os.close(self._fd)
        raise StateError(
            f"cannot write {self.path!r}: this process is writing the file already; give it another name"
        )

    def write(self, lines: str) -> None:
        """Adds complete lines, all of them or none."""
        data = lines.encode()
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes < _FLUSH_BYTES and time.monotonic() - self._flushed < _FLUSH_INTERVAL:
            return
        try:
            self.flush()
        except OSError:
            if self._waiting[-1] is data:  # no part of it is in a pipe
                del self._waiting[-1]
                self._waiting_bytes -= len(data)
            raise

    def flush(self) -> None:
        """Hands the waiting lines to the operating system. Lines that it does not take keep waiting."""
        self._flushed = time.monotonic()
        data = b"".join(self._waiting)
        end = written = 0
        try:
            if self._is_regular:
                if not self._began:
                    os.ftruncate(self._fd, 0)
                end = os.fstat(self._fd).st_size
            self._began = True
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError as error:
            self._take_back(end, written)
            error.filename = self.path
            raise
        self._waiting.clear()
        self._waiting_bytes = 0

    def _take_back(self, end: int, written: int) -> None:
        """Leaves the whole items in `written` bytes from `end` on. A pipe gets the rest of an item later."""
        count = 0
        while written and written >= len(self._waiting[count]):
            written -= len(self._waiting[count])
            end += len(self._waiting[count])
            count += 1
        del self._waiting[:count]
        if written and self._is_regular:
            with contextlib.suppress(OSError):  # the first error counts
                os.ftruncate(self._fd, end)
        elif written:
            self._waiting[0] = self._waiting[0][written:]
        self._waiting_bytes = sum(map(len, self._waiting))

    def close(self) -> None:
        """Writes the waiting lines and closes the file."""
        try:
            self._write_end()
        finally:
            fd, self._fd = self._fd, -1
            self._claim = None
            os.close(fd)

    def _write_end(self) -> None:
        if not self._waiting:
            if self._had_content and not self._began:
                logger.warning("no sample arrived: %r keeps its content", self.path)
            return
        try:
            self.flush()
        except OSError as error:
            lost = sum(block.count(b"\n") for block in self._waiting)
            raise OSError(error.errno, f"{error.strerror}; lines lost: {lost}", self.path) from error
