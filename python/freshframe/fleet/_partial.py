"""Files of Fleet.map() that are not complete yet, and the removal of those whose writer has gone."""

# SPDX-License-Identifier: Apache-2.0
#
# Note [Whose file]
# A file is locked (flock) for as long as the process that writes it keeps it. The kernel frees the lock when
# that process ends, however it ends. A lock is only believed where it must be seen: under the same kernel
# (boot id) and in the same mounted file system (device), which the file's name says. Other machines may
# share the folder through a server that does not share locks, so their files are left alone.
from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import weakref
from pathlib import Path

_SUFFIX = ".part"
_NAME = re.compile(r"\..+\.[0-9a-f]{12}\.([0-9a-f]{8}-[0-9a-f]+)-[0-9a-f]{12}\.part")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Partial:
    """A file of one attempt. It can be swept away once this object is no more."""

    def __init__(self, out: Path, key: str) -> None:
        """`out`: its name when it is complete. `key`: of the fleet, 12 letters.

        Raises:
            OSError: It cannot be made.
        """
        self._out = out
        while True:
            self.path = out.with_name(
                f".{out.name}.{key}.{_place(out.parent)}-{secrets.token_hex(6)}{_SUFFIX}"
            )
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            if _is_ours(descriptor, self.path):
                break
            os.close(descriptor)  # a sweep was between its making and its lock
        weakref.finalize(self, os.close, descriptor)

    def complete(self) -> None:
        """Gives it its name, once all of it is on the disk.

        Raises:
            OSError: It cannot be written.
        """
        _sync(self.path)
        self.path.replace(self._out)
        _sync(self._out.parent)


def _is_ours(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # there are no locks here: nothing is swept
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(folder: Path) -> str:
    """Where a lock of this folder's files is seen."""
    try:
        boot = _BOOT_ID.read_text()[:8]
    except OSError:
        boot = secrets.token_hex(4)  # not known: it is nobody's again
    return f"{boot}-{folder.stat().st_dev:x}"


def sweep(folder: Path) -> None:
    """Removes the files of a folder whose writers have gone."""
    with contextlib.suppress(OSError):
        here = _place(folder)
        for path in folder.glob(f".*{_SUFFIX}"):
            found = _NAME.fullmatch(path.name)
            if found is not None and found[1] == here:
                _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is gone, locked, or there are no locks here
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def remove_all(outs: set[Path], key: str) -> None:
    """Removes what the attempts of one fleet at these outputs have left, on whatever machine."""
    beginnings = {f".{out.name}.{key}." for out in outs}
    for folder in {out.parent for out in outs}:
        for path in folder.glob(f".*.{key}.*{_SUFFIX}"):
            if path.name[: path.name.index(f".{key}.") + len(key) + 2] in beginnings:
                with contextlib.suppress(OSError):
                    path.unlink()
