"""The folder of a box: its lock, its file names, and the checks when a program opens it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import threading
from collections.abc import Callable

from .. import _native
from .._errors import OptionError, StateError
from .._interpreter import fork
from .._interpreter.locks import held
from .foreign import ERROR, WARNING, say

_SEGMENT = re.compile(r"([0-9]{15})\.jsonl")
_OURS = re.compile(r"([0-9]{15}\.jsonl|lock|sent|spare|refused(\.1)?\.jsonl)(\.bad-\d+)?|bad-\d+")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "fuse.sshfs", "fuse.glusterfs"}

_PID = re.compile(rb"(\d+ *\n)?\0*")  # contents of a lock file; zeros after a power cut

_taken: dict[tuple[int, int], FolderLock] = {}  # locked folders of this process, by device and inode
_taken_lock = threading.Lock()


def segment_path(folder: str, first: int) -> str:
    """Returns the path of the segment that starts with this number."""
    return os.path.join(folder, f"{first:015d}.jsonl")


def list_segments(folder: str) -> list[int]:
    """Returns the numbers with which its segments start, in ascending order."""
    return sorted(int(found[1]) for name in os.listdir(folder) if (found := _SEGMENT.fullmatch(name)))


def make_folder(path: str) -> None:
    """Creates the folder if it does not exist.

    Raises:
        OptionError: Something else exists at this path.
        OSError: The folder cannot be created or written to.
    """
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            what = "a link to nothing" if not os.path.exists(path) else "not a folder"
            raise OptionError(
                f"a Spool needs a folder, and {path!r} is {what}: choose another path"
            ) from None
    names = os.listdir(path)
    strangers = sorted(name for name in names if not _OURS.fullmatch(name) and not name.startswith("."))
    if strangers and not any(name == "sent" or _SEGMENT.fullmatch(name) for name in names):
        raise OptionError(
            f"a Spool needs its own folder, and {path!r} has other files, such as {strangers[0]!r}: "
            "choose a path that does not exist yet"
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder of a Spool must be writable", path)


def sync_folder(path: str) -> None:
    """Syncs the names of its files to disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def regular(path: str) -> str:
    """Returns the path, after renaming anything there that is not a regular file."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            return path
    if os.path.lexists(path):
        set_aside(path, "it is not a regular file")
    return path


def open_own(path: str, is_ours: Callable[[int], bool], flags: int = 0) -> int:
    """Opens or creates a file that a spool writes in place. Foreign files are renamed.

    Args:
        path: The file.
        is_ours: Returns True if the open file has the contents of a spool's file.
        flags: Additional flags for `open()`.

    Returns:
        The file descriptor.

    Raises:
        OSError: The file can be neither opened nor renamed.
    """
    flags |= os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        with contextlib.suppress(FileExistsError):
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        with contextlib.suppress(FileNotFoundError):  # another program has removed it
            if (fd := os.open(regular(path), flags)) >= 0:
                try:
                    why = why_foreign(fd, is_ours)
                except BaseException:
                    os.close(fd)
                    raise
                if why is None:
                    return fd
                os.close(fd)
                set_aside(path, why)


def why_foreign(fd: int, is_ours: Callable[[int], bool]) -> str | None:
    """Returns the reason why an open file must not be written to, or None."""
    if os.fstat(fd).st_nlink > 1:
        return "it has a second name, which would change with it"
    return None if is_ours(fd) else "it is not a file of a spool"


def create(path: str) -> int:
    """Creates an empty file for appending. An existing file of this name is renamed, and never written to.

    Returns:
        The file descriptor.

    Raises:
        OSError: The file cannot be created.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        set_aside(path, "the next file has this name")
        return os.open(path, flags, 0o666)


def set_aside(path: str, why: str) -> None:
    """Renames an unusable file of the folder, and logs it.

    Raises:
        OSError: The file cannot be renamed.
    """
    aside = free_name(path)
    os.rename(path, aside)
    say(ERROR, "the spool's file %r cannot be used (%s): it was renamed to %r", path, why, aside)


def move_aside(path: str) -> str:
    """Renames a folder that cannot be used, and returns its new path.

    If it cannot be renamed, such as a mount point, moves the files to a new folder in it.

    Raises:
        OSError: That failed, too.
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
    """Returns ``path.bad-1``, or the next number that is free.

    If the path ends with a slash, returns ``path/bad-1`` instead.
    """
    dot = "" if path.endswith("/") else "."
    number = 1
    while os.path.lexists(f"{path}{dot}bad-{number}"):
        number += 1
    return f"{path}{dot}bad-{number}"


class FolderLock:
    """Ensures that only one program at a time uses a folder.

    Note [The lock of a folder]: one lock is the claim of the file `lock`; see Note [Claims] in
    src/core/file_claim.hpp. A second one is on the folder itself, because the file may be deleted. The kernel
    releases both when the process ends. A forked child would keep them, so it closes them first.
    """

    def __init__(self, folder: str) -> None:
        """Locks the folder.

        Raises:
            StateError: Another Spool uses the folder.
            OSError: The file `lock` cannot be opened or written to.
        """
        status = os.stat(folder)
        self._id = (status.st_dev, status.st_ino)
        self._descriptors: list[int] = []
        self._claim: _native.WriteClaim | None = None
        # This may log, which must not happen under a lock.
        self._descriptors.append(open_own(os.path.join(folder, "lock"), _is_lock))
        with held(_taken_lock):
            if self._id in _taken:
                self.let_go()
                raise StateError(f"another Spool of this program uses {folder!r}: give each its own folder")
            try:
                self._lock(folder, self._descriptors[0])
            except BaseException:
                self.let_go()
                raise
            _taken[self._id] = self

    def _lock(self, folder: str, file: int) -> None:
        of_folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._descriptors.append(of_folder)
        claim = _native.claim_file(file)
        if isinstance(claim, str):
            raise self._used(folder, file)
        self._claim = claim
        try:
            fcntl.flock(of_folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._used(folder, file) from None
        except OSError:  # NFS does not support locks on folders
            pass
        with contextlib.suppress(OSError):  # the disk may be full, and the lock works without it
            os.pwrite(file, f"{os.getpid():<19}\n".encode(), 0)

    @staticmethod
    def _used(folder: str, file: int) -> StateError:
        pid = os.pread(file, 20, 0).decode(errors="replace").strip()
        return StateError(
            f"the program with the pid {pid or '?'} already uses the spool {folder!r}: only one program at a "
            "time can use a folder"
        )

    def is_same_folder(self, folder: str) -> bool:
        """Returns True if the path still refers to the locked folder."""
        with contextlib.suppress(OSError):
            status = os.stat(folder)
            return (status.st_dev, status.st_ino) == self._id
        return False

    def release(self) -> None:
        """Releases the lock, so that another Spool may use the folder."""
        with held(_taken_lock):
            if _taken.get(self._id) is self:
                del _taken[self._id]
            self.let_go()

    def let_go(self) -> None:
        """Closes the descriptors."""
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()
        descriptors, self._descriptors = self._descriptors, []
        for descriptor in descriptors:
            with contextlib.suppress(OSError):  # the program may have closed all files that it did not open
                os.close(descriptor)


def _is_lock(fd: int) -> bool:
    return _PID.fullmatch(os.pread(fd, 100, 0)) is not None and os.fstat(fd).st_size < 100


def _forked() -> None:
    global _taken_lock  # noqa: PLW0603
    _taken_lock = threading.Lock()
    for lock in _taken.values():
        lock.let_go()
    _taken.clear()


fork.in_child(_forked)


def warn_about_network(folder: str) -> None:
    """Logs a WARNING for a file system of another machine, where locks and writes were not tested."""
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
