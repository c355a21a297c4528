"""A text file that grows by whole lines, for the sinks."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import stat
import time

from ._log import logger

_FLUSH_INTERVAL = 1.0  # seconds
_FLUSH_BYTES = 64 << 10


class TextFile:
    """A file that is written in whole lines, at least once a second while lines come.

    A process that is killed, and a disk that is full, leave a file that ends with a complete line. An
    existing file is replaced when the first line is written, so a run that fails before destroys nothing.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be created or written; it names the path. The same from write() and close().
    """

    def __init__(self, path: str) -> None:
        """Opens the file, creates it unless it exists, and writes nothing."""
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        status = os.fstat(self._fd)
        self._is_regular = stat.S_ISREG(status.st_mode)  # no pipe, no device
        self._had_content = self._is_regular and status.st_size > 0
        self._size = 0  # of the complete lines in the file
        self._began = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._flushed = time.monotonic()

    def write(self, lines: str) -> None:
        """Adds complete lines."""
        data = lines.encode()
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= _FLUSH_BYTES or time.monotonic() - self._flushed >= _FLUSH_INTERVAL:
            self.flush()

    def flush(self) -> None:
        """Hands the lines that wait to the operating system."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._flushed = time.monotonic()
        written = 0
        try:
            if not self._began and self._is_regular:
                os.ftruncate(self._fd, 0)
            self._began = True
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError as error:
            written = data.rfind(b"\n", 0, written) + 1
            if self._began and self._is_regular:  # no incomplete line stays
                os.ftruncate(self._fd, self._size + written)
            error.filename = self.path
            raise
        finally:
            self._size += written

    def close(self) -> None:
        """Writes what waits and closes the file."""
        try:
            if self._waiting:
                self.flush()
            elif not self._began and self._had_content:
                logger.warning("no sample arrived: %r keeps the content that it had", self.path)
        finally:
            fd, self._fd = self._fd, -1
            os.close(fd)
