"""The folder of a box: its lock, its files' names, and what it is when a program begins with it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import struct
import threading

from .._errors import OptionError, StateError
from .._interpreter import fork
from .._interpreter.locks import held
from .foreign import ERROR, WARNING, say

_SEGMENT = re.compile(r"([0-9]{15})\.jsonl")
_OURS = re.compile(r"([0-9]{15}\.jsonl|lock|sent|spare|refused(\.1)?\.jsonl)(\.bad-\d+)?|bad-\d+")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "fuse.sshfs", "fuse.glusterfs"}

_OFD_SETLK: int = getattr(fcntl, "F_OFD_SETLK", 37)  # a Python that was built with an old libc lacks the name

_taken: dict[tuple[int, int], FolderLock] = {}  # by device and inode of the folder: those of this process
_taken_lock = threading.Lock()


def segment_path(folder: str, first: int) -> str:
    """The path of the segment that begins with this number."""
    return os.path.join(folder, f"{first:015d}.jsonl")


def list_segments(folder: str) -> list[int]:
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
    names = os.listdir(path)
    strangers = sorted(name for name in names if not _OURS.fullmatch(name) and not name.startswith("."))
    if strangers and not any(name == "sent" or _SEGMENT.fullmatch(name) for name in names):
        raise OptionError(
            f"a Spool needs its own folder, and {path!r} has other files, such as {strangers[0]!r}: "
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


def regular(path: str) -> str:
    """Returns the path, where now either a regular file is or none: something else is renamed."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.stat(path).st_mode):
            return path
    if os.path.lexists(path):
        set_aside(path, "it is no regular file")
    return path


def create(path: str) -> int:
    """Makes an empty file, to be appended to. An existing file of this name is renamed, and never written to.

    Returns:
        Its descriptor.

    Raises:
        OSError: It cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        set_aside(path, "the next file has this name")
        return os.open(path, flags, 0o666)


def set_aside(path: str, why: str) -> None:
    """Renames a useless file of the folder, and logs it.

    Raises:
        OSError: It cannot be renamed.
    """
    aside = free_name(path)
    os.rename(path, aside)
    say(ERROR, "the spool's file %r cannot be used (%s): it was renamed to %r", path, why, aside)


def move_aside(path: str) -> str:
    """Renames a folder that cannot be read; returns its new name.

    Moves the files to a new folder in it if it cannot be renamed, such as a mount point.

    Raises:
        OSError: That is not possible, either.
    """
    aside = free_name(path)
    try:
        os.rename(path, aside)
    except OSError:
        names = [name for name in os.listdir(path) if _OURS.fullmatch(name) and not name.startswith("bad-")]
        aside = free_name(os.path.join(path, ""))
        os.mkdir(aside)
        for name in names:
            os.rename(os.path.join(path, name), os.path.join(aside, name))
    return aside


def free_name(path: str) -> str:
    """PATH.bad-1, or the next number that is free; in a folder whose path ends with a slash, bad-1."""
    dot = "" if path.endswith("/") else "."
    number = 1
    while os.path.lexists(f"{path}{dot}bad-{number}"):
        number += 1
    return f"{path}{dot}bad-{number}"


class FolderLock:
    """One program at a time uses a folder.

    Note [The lock of a folder]: the lock is one of the open file description, of the file `lock`. A lock of
    POSIX would be lost as soon as anything in this process closes another descriptor of the file, such as a
    backup that reads the folder. Both kinds exclude each other, and so older versions of freshframe. A second
    lock is on the folder itself: the file may be deleted. The system gives both back when the process ends in
    whatever way. A forked child would keep them, and therefore closes them first of all.
    """

    def __init__(self, folder: str) -> None:
        """Locks it.

        Raises:
            StateError: Another Spool uses the folder.
            OSError: The file cannot be written.
        """
        status = os.stat(folder)
        self._id = (status.st_dev, status.st_ino)
        self._descriptors: list[int] = []
        path = regular(os.path.join(folder, "lock"))  # it may log, which is no matter for under a lock
        with held(_taken_lock):
            if self._id in _taken:
                raise StateError(f"another Spool of this program uses {folder!r}: give each its own folder")
            try:
                self._lock(folder, path)
            except BaseException:
                self.let_go()
                raise
            _taken[self._id] = self

    def _lock(self, folder: str, path: str) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._descriptors.append(file)
        of_folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._descriptors.append(of_folder)
        try:
            _lock_description(file)
            try:
                fcntl.flock(of_folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError:  # NFS locks no folder
                pass
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            pid = os.pread(file, 20, 0).decode(errors="replace").strip()
            raise StateError(
                f"the program with the pid {pid or '?'} uses the spool {folder!r}: a folder has one "
                "program at a time"
            ) from None
        with contextlib.suppress(OSError):  # the disk may be full, and the lock holds without it
            os.pwrite(file, f"{os.getpid():<19}\n".encode(), 0)

    def is_same_folder(self, folder: str) -> bool:
        """Whether the folder is still the locked one."""
        with contextlib.suppress(OSError):
            status = os.stat(folder)
            return (status.st_dev, status.st_ino) == self._id
        return False

    def release(self) -> None:
        """Another Spool may use the folder."""
        with held(_taken_lock):
            if _taken.get(self._id) is self:
                del _taken[self._id]
            self.let_go()

    def let_go(self) -> None:
        """Closes the descriptors."""
        descriptors, self._descriptors = self._descriptors, []
        for descriptor in descriptors:
            with contextlib.suppress(OSError):  # the program may have closed what it did not know
                os.close(descriptor)


def _lock_description(file: int) -> None:
    """Locks the file for writing.

    Raises:
        OSError: Another process has locked it (EACCES, EAGAIN), or it cannot be locked.
    """
    whole_file = struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)  # struct flock of fcntl(2)
    try:
        fcntl.fcntl(file, _OFD_SETLK, whole_file)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a system that does not know such locks


def _forked() -> None:
    global _taken_lock  # noqa: PLW0603
    _taken_lock = threading.Lock()
    for lock in _taken.values():
        lock.let_go()
    _taken.clear()


fork.in_child(_forked)


def warn_about_network(folder: str) -> None:
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
        say(
            WARNING,
            "the spool %r is on a file system of another machine (%s): whether it survives a power cut there "
            "is not known; a local disk is better",
            folder,
            ", ".join(sorted(kinds)),
        )
