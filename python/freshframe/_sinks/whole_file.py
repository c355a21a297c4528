"""WholeFile: a text file that only appears under its name once it is complete."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat

from .. import _native
from .._errors import OptionError, StateError
from .._interpreter.log import logger
from .text_file import TextFile, find_place, lasting

_RANDOM = "0" * 12  # length of the random part of hidden file names
_MOST_LINKS = 40  # symlinks to follow, as in the kernel


class WholeFile(TextFile):
    """Writes to a hidden file in the same folder, which name() renames to the final name.

    Programs that write the same file do not interfere: each has its own hidden file, and the last rename
    wins. The hidden file stays open and locked until name() or remove(), so that later programs can recognize
    and remove the files of killed ones.
    """

    _added_flags = os.O_EXCL

    def __init__(self, path: str) -> None:
        """Removes hidden files of killed programs, and creates a new one.

        Raises:
            OptionError: The path is a device, pipe or folder.
        """
        self._whole = _settled(path)
        self._check_target()
        folder, name = os.path.split(self._whole)
        _remove_left_parts(folder, name)
        super().__init__(os.path.join(folder, part_name(name, secrets.token_hex(6))))
        self._status = os.fstat(self._fd)

    def __del__(self) -> None:
        """Closes a file that was neither named nor removed."""
        with contextlib.suppress(AttributeError, OSError):  # it was never opened
            self._close()

    def _check_target(self) -> None:
        """Raises an error if the existing file must not be replaced."""
        if _is_in_proc(self._whole):  # an open file descriptor, such as /dev/stdout
            raise self._no_file()
        try:
            fd = os.open(self._whole, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.EISDIR):
                raise self._no_file() from None
            raise
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise self._no_file()
            if (writer := _native.find_writer(fd)) is not None:
                raise StateError(f"cannot write {self._whole!r}: {writer}; write to another path")
        finally:
            os.close(fd)

    def _no_file(self) -> OptionError:
        return OptionError(
            f"complete=True needs a path to which a file can be renamed at the end, but {self._whole!r} is a "
            "device, a pipe or a folder: leave complete=True out, or pass another path"
        )

    def _find(self) -> None:
        """Checks that the hidden file is still in place, because a new one would miss the earlier lines.

        Raises:
            OSError: The file is not in place.
        """
        if not self._is_in_place():
            self._lost, self._lines = self._lost + self._lines, 0
            raise OSError(
                errno.ENOENT,
                "another program deleted or moved the temporary file with the lines written so far: write to "
                "a folder that no other program cleans up",
                self.path,
            )

    def _is_in_place(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.lstat(self.path), self._status)
        return False

    def close(self) -> None:
        """Writes pending lines."""
        try:
            self._write_end()
        except BaseException:
            self._close()
            raise

    def _write_end(self) -> None:
        super()._write_end()
        try:
            os.fsync(self._fd)
        except OSError as error:
            self._lost += self._lines
            raise self._loss(error) from error

    def name(self) -> None:
        """Renames the file to its final name, syncs it to disk, and closes it.

        Raises:
            OSError: The rename failed. The error says where the lines are.
            StateError: Another recorder has started to write the file. The error says where the lines are.
        """
        try:
            self._take_name()
        finally:
            self._close()
        folder = os.open(os.path.dirname(self._whole), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _take_name(self) -> None:
        try:
            self._find()
        except OSError as error:
            raise self._loss(error) from error
        try:
            self._check_target()
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(self._fd, stat.S_IMODE(os.stat(self._whole).st_mode) & 0o777)
            os.replace(self.path, self._whole)
        except OSError as error:
            why = f"{error.strerror}; the lines written so far are in {self._kept()!r}"
            raise OSError(error.errno, why, self._whole) from error
        except (OptionError, StateError) as error:
            raise StateError(f"{error}; the lines written so far are in {self._kept()!r}") from error

    def _kept(self) -> str:
        """Renames the hidden file so that no later program removes it; returns its path."""
        number = 1
        while os.path.lexists(kept := f"{self._whole}.complete-{number}"):
            number += 1
        try:
            os.rename(self.path, kept)
        except OSError:
            return self.path
        return kept

    def remove(self) -> None:
        """Removes the hidden file."""
        try:
            if self._is_in_place():  # another program may have taken the name
                os.unlink(self.path)
        finally:
            self._close()


def part_name(name: str, random: str) -> str:
    """Returns a name for a hidden file beside `name`, shortened to the system's limit if necessary."""
    room = 255 - len(os.fsencode(f"..{random}.part"))
    data = os.fsencode(name)
    if len(data) > room:
        while room and data[room] & 0xC0 == 0x80:  # do not split a UTF-8 character
            room -= 1
        name = os.fsdecode(data[:room])
    return f".{name}.{random}.part"


def _settled(path: str) -> str:
    """Resolves symlinks in the last component of a path.

    Raises:
        OSError: The symlinks form a loop.
    """
    path = lasting(path)
    for _ in range(_MOST_LINKS):
        try:
            target = os.readlink(path)
        except OSError:
            return path
        if _is_in_proc(path):
            return path
        path = os.path.join(os.path.dirname(path), target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def _is_in_proc(path: str) -> bool:
    with contextlib.suppress(OSError):
        return os.stat(os.path.dirname(path)).st_dev == os.stat("/proc").st_dev
    return False


def _remove_left_parts(folder: str, name: str) -> None:
    """Removes hidden files of `name` that no program has open."""
    before, after = part_name(name, _RANDOM).split(_RANDOM)
    is_part = re.compile(f"{re.escape(before)}[0-9a-f]{{{len(_RANDOM)}}}{re.escape(after)}").fullmatch
    with contextlib.suppress(OSError):  # creating the file will report it
        for part in filter(is_part, os.listdir(folder)):
            with contextlib.suppress(OSError):  # another program removed it, or it belongs to another user
                _remove_left_part(os.path.join(folder, part))


def _remove_left_part(path: str) -> None:
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid != os.geteuid():
            return
        claim = _native.claim_file(fd)
        if isinstance(claim, str):
            return
        try:
            if claim.is_locked and find_place(fd, path) == "same":
                os.unlink(path)
                logger.info("removed %r, which a killed program left behind", path)
        finally:
            claim.release()
    finally:
        os.close(fd)
