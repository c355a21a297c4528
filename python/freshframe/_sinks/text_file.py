"""TextFile: appends whole lines to a file, for the recorders of results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import Literal

from .. import _native
from .._errors import StateError
from .._interpreter.log import logger

FLUSH_INTERVAL = 1.0  # seconds
_FLUSH_BYTES = 64 << 10
_TAKEN = "another program has deleted or replaced the file while it was written"
_MOST_TRIES = 100  # to open a file that other programs keep renaming
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class TextFile:
    """Writes whole lines to a file, at least once a second while there are new ones.

    Even if the process is killed or the disk is full, the file ends with a complete line. An existing file is
    replaced with the first line, so a run that fails earlier leaves it unchanged. If another program
    truncates the file, as log rotation does, writing continues at its beginning.

    If another program renames the file or its folder, later lines go to a new file at the path. If it deletes
    or replaces the file, the next write raises an error with the number of lost lines, and later lines go to
    a new file, or to the end of the replacement.

    A failed write only loses the lines of that call. Earlier ones are kept for the next write.

    Attributes:
        head: Lines to write at the start of each new file except the first one.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be created. write() and close() raise it when the file cannot be written.
            The error names the path.
        StateError: Another recorder writes the file.
    """

    _added_flags = 0  # for open()

    def __init__(self, path: str) -> None:
        """Opens the file, or creates it if it does not exist. Writes nothing yet."""
        self.path = path
        self.head = ""
        self._place = lasting(path)
        self._began = False
        self._waiting: list[bytes] = []  # one item per call of write()
        self._waiting_bytes = 0
        self._lines = 0  # in the current file
        self._end = 0  # size of that file after the last write
        self._lost = 0  # lines of a deleted file that no error has reported yet
        self._flushed = time.monotonic()
        self._fd = -1
        self._claim: _native.WriteClaim | None = None
        self._had_content = self._open() > 0

    def _open(self) -> int:
        """Opens the file. Returns its size, or 0 for a pipe or device."""
        for _ in range(_MOST_TRIES):
            fd = os.open(self._place, _WRITE | self._added_flags, 0o666)
            try:
                if self._take(fd):
                    return self._end
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)
        raise self._refused("other programs keep replacing it")

    def _take(self, fd: int) -> bool:
        """Claims the file. Returns False if another program renamed it in the meantime.

        Raises:
            StateError: Another recorder is writing the file.
        """
        status = os.fstat(fd)
        is_regular = stat.S_ISREG(status.st_mode)  # not a pipe or device
        claim = _native.claim_file(fd) if is_regular else None
        if is_regular and find_place(fd, self._place) != "same":
            if not isinstance(claim, str | None):
                claim.release()
            return False
        if isinstance(claim, str):
            raise self._refused(claim)
        self._fd, self._claim, self._is_regular = fd, claim, is_regular
        self._lines = 0
        self._end = status.st_size if is_regular else 0
        return True

    def _refused(self, why: str) -> StateError:
        return StateError(f"cannot write {self.path!r}: {why}; write to another path")

    def write(self, lines: str) -> None:
        """Appends complete lines, all or nothing."""
        data = lines.encode()
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes < _FLUSH_BYTES and time.monotonic() - self._flushed < FLUSH_INTERVAL:
            return
        try:
            self.flush()
        except (OSError, StateError):
            if self._waiting[-1] is data:  # unless a part of it has been written to a pipe
                del self._waiting[-1]
                self._waiting_bytes -= len(data)
            raise

    def flush(self) -> None:
        """Passes pending lines to the operating system. Those that it does not accept remain pending."""
        self._flushed = time.monotonic()
        self._find()
        if self._fd < 0:
            self._open_again()
        lost, self._lost = self._lost, 0
        if lost:
            raise OSError(errno.ENOENT, f"{_TAKEN}; lines lost: {lost}", self.path)
        self._put()

    def write_waiting(self) -> None:
        """Like flush(), but errors are reported by the next write() or close()."""
        if not self._waiting:
            return
        with contextlib.suppress(OSError, StateError):
            self._find()
            if self._fd < 0 and not self._lost:
                self._open_again()
            if not self._lost:
                self._put()

    def _find(self) -> None:
        """Closes the file if it is no longer at its path."""
        if self._fd < 0 or not self._is_regular:
            return
        place = find_place(self._fd, self._place)
        if place == "same":
            return
        if place == "gone":
            self._lost += self._lines
        self._close()

    def _open_again(self) -> None:
        self._open()
        head = self.head.encode()
        if head and self._began and self._waiting[:1] != [head]:
            self._waiting.insert(0, head)
            self._waiting_bytes += len(head)

    def _put(self) -> None:
        data = b"".join(self._waiting)
        end = written = 0
        try:
            if self._is_regular:
                if not self._began:
                    os.ftruncate(self._fd, 0)
                end = os.fstat(self._fd).st_size
                if end < self._end:  # another program has truncated the file
                    self._lines = 0
            self._began = True
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError as error:
            self._take_back(end, written)
            error.filename = self.path
            raise
        self._lines += data.count(b"\n")
        self._end = end + written
        self._waiting.clear()
        self._waiting_bytes = 0

    def _take_back(self, end: int, written: int) -> None:
        """Removes an item that was only partly written; a pipe gets the rest with the next write."""
        count = 0
        while written and written >= len(self._waiting[count]):
            written -= len(self._waiting[count])
            end += len(self._waiting[count])
            count += 1
        self._lines += _count_lines(self._waiting[:count])
        self._end = end
        del self._waiting[:count]
        if written and self._is_regular:
            with contextlib.suppress(OSError):  # the first error is the one to report
                os.ftruncate(self._fd, end)
        elif written:
            self._waiting[0] = self._waiting[0][written:]
        self._waiting_bytes = sum(map(len, self._waiting))

    def close(self) -> None:
        """Writes pending lines and closes the file."""
        try:
            self._write_end()
        finally:
            self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        claim, self._claim = self._claim, None
        if fd < 0:
            return
        try:
            if claim is not None:
                claim.release()
        finally:
            os.close(fd)

    def _write_end(self) -> None:
        if self._had_content and not self._began and not self._waiting:
            logger.warning("no sample arrived: %r keeps its content", self.path)
            return
        fault: OSError | StateError | None = None
        try:
            self._find()
            if self._waiting:
                if self._fd < 0:
                    self._open_again()
                self._put()
        except (OSError, StateError) as error:
            fault = error
            self._lost += _count_lines(self._waiting)
        if fault is not None or self._lost:
            raise self._loss(fault) from fault

    def _loss(self, fault: OSError | StateError | None) -> OSError | StateError:
        """Returns the error with the number of lost lines."""
        if isinstance(fault, StateError):
            return StateError(f"{fault}; lines lost: {self._lost}")
        number, why = (errno.ENOENT, _TAKEN) if fault is None else (fault.errno, fault.strerror)
        return OSError(number, f"{why}; lines lost: {self._lost}", self.path)


def _count_lines(blocks: list[bytes]) -> int:
    return sum(block.count(b"\n") for block in blocks)


def find_place(fd: int, path: str) -> Literal["same", "moved", "gone"]:
    """Finds out whether an open regular file is still at its path.

    Returns:
        "same" if it is, "moved" if the file has another name now, "gone" if it was deleted. The equivalent
        for recordings is File::place().
    """
    named = None
    try:
        named = os.stat(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return "same"  # the system cannot tell
    own = os.fstat(fd)
    if named is not None and os.path.samestat(named, own):
        return "same"
    return "moved" if own.st_nlink else "gone"


def lasting(path: str) -> str:
    """Returns an absolute path, which stays valid when the program changes its working directory."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
