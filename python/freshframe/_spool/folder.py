"""The folder of a box: its lock, its files' names, and what it is when a program begins with it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import threading

from .._errors import OptionError, StateError
from .._interpreter.log import logger

_SEGMENT = re.compile(r"(\d{15})\.jsonl")
_OURS = re.compile(r"\d{15}\.jsonl|lock|sent|spare|refused(\.1)?\.jsonl")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "fuse.sshfs", "fuse.glusterfs"}

_taken: set[tuple[int, int]] = set()  # device and inode of the folders that this process has locked
_taken_lock = threading.Lock()


def segment_path(folder: str, first: int) -> str:
    """The path of the segment that begins with this number."""
    return os.path.join(folder, f"{first:015d}.jsonl")


def segments_of(folder: str) -> list[int]:
    """The numbers with which its segments begin, in rising order."""
    return sorted(int(found[1]) for name in os.listdir(folder) if (found := _SEGMENT.fullmatch(name)))


def make_folder(path: str) -> None:
    """Makes the folder unless it is there.

    Raises:
        OptionError: Something else is there.
        OSError: It cannot be made, or not be written.
    """
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise OptionError(
                f"a Spool needs a folder, and {path!r} is a file: choose another path"
            ) from None
    strangers = sorted(name for name in os.listdir(path) if not _OURS.fullmatch(name))
    if strangers:
        raise OptionError(
            f"a Spool needs a folder of its own, and {path!r} has other files, such as {strangers[0]!r}: "
            "choose a path that is not there yet"
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder of a Spool must be writable", path)


def sync_folder(path: str) -> None:
    """The names of its files are on the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def move_aside(path: str) -> str:
    """Renames a folder that cannot be read; returns its new name."""
    number = 1
    while os.path.lexists(f"{path}.bad-{number}"):
        number += 1
    os.rename(path, f"{path}.bad-{number}")
    return f"{path}.bad-{number}"


class FolderLock:
    """One program at a time uses a folder.

    The lock is one of POSIX: the system gives it back when the process ends in whatever way, and a forked
    child does not have it. Closing any descriptor of the file would give it back as well, so a second Spool
    of this process is refused before it opens the file.
    """

    def __init__(self, folder: str) -> None:
        """Locks it.

        Raises:
            StateError: Another Spool uses the folder.
            OSError: The file cannot be written.
        """
        status = os.stat(folder)
        self._id = (status.st_dev, status.st_ino)
        with _taken_lock:
            if self._id in _taken:
                raise StateError(f"another Spool of this program uses {folder!r}: give each its own folder")
            self._fd = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                pid = os.read(self._fd, 20).decode(errors="replace").strip()
                os.close(self._fd)
                if error.errno not in (errno.EACCES, errno.EAGAIN):
                    raise
                raise StateError(
                    f"the program with the pid {pid or '?'} uses the spool {folder!r}: a folder has one "
                    "program at a time"
                ) from None
            _taken.add(self._id)
        with contextlib.suppress(OSError):  # the disk may be full, and the lock holds without it
            os.pwrite(self._fd, f"{os.getpid():<19}\n".encode(), 0)

    def release(self) -> None:
        """Another Spool may use the folder."""
        with _taken_lock:
            _taken.discard(self._id)
            os.close(self._fd)


def warn_of_network(folder: str) -> None:
    """Locks and writes on file systems of other machines were not tried."""
    status = os.stat(folder)
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return
    kinds = {fields[fields.index("-") + 1] for fields in mounts if fields[2] == device and "-" in fields}
    if kinds & _NETWORK:
        logger.warning(
            "the spool %r is on a file system of another machine (%s): whether it survives a power cut there "
            "is not known; a local disk is better",
            folder,
            ", ".join(sorted(kinds)),
        )
