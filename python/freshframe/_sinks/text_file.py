"""A text file that is written in whole lines, for the recorders of results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import stat
import time

from .._interpreter.log import logger

_FLUSH_INTERVAL = 1.0  # seconds
_FLUSH_BYTES = 64 << 10


class TextFile:
    """Writes whole lines to a file, at least once a second while there are new ones.

    After the process was killed, or the disk was full, the file ends with a complete line. The first line
    replaces an existing file, so a run that fails earlier leaves that file as it is.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be created. write() and close() raise it when the file cannot be written.
            The error names the path.
    """

    def __init__(self, path: str) -> None:
        """Opens the file, or creates it if it does not exist. Writes nothing yet."""
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
        """Hands the waiting lines to the operating system."""
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
            if self._began and self._is_regular:  # the file ends with a complete line
                os.ftruncate(self._fd, self._size + written)
            error.filename = self.path
            raise
        finally:
            self._size += written

    def close(self) -> None:
        """Writes the waiting lines and closes the file."""
        try:
            if self._waiting:
                self.flush()
            elif not self._began and self._had_content:
                logger.warning("no sample arrived: %r keeps its content", self.path)
        finally:
            fd, self._fd = self._fd, -1
            os.close(fd)
