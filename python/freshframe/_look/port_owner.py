"""Finds out whether a related process listens on a TCP port, such as one left by an auto-reloader."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

_LISTENS = "0A"  # TCP_LISTEN of Linux's include/net/tcp_states.h
_PROC = Path("/proc")


def relative_with(port: int) -> str | None:
    """Returns which process listens on the port, if it is this process or related to it.

    Returns:
        "this process", "the parent process", "a process of the same parent" or "a child process", with its
        PID. None if it is another process, or cannot be determined.
    """
    wanted = {f"socket:[{inode}]" for inode in _listeners(port)}
    if not wanted:
        return None
    own, parent = os.getpid(), os.getppid()
    if _has(own, wanted):
        return f"this process ({own})"
    if parent > 1 and _has(parent, wanted):
        return f"the parent process ({parent})"
    for pid, its_parent in _processes():
        if its_parent in (own, parent) and its_parent > 1 and pid != own and _has(pid, wanted):
            return f"{'a child process' if its_parent == own else 'a process of the same parent'} ({pid})"
    return None


def _listeners(port: int) -> set[str]:
    """Returns the inodes of the sockets that listen on the port."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in _lines(_PROC / "self" / "net" / table)[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _has(pid: int, sockets: set[str]) -> bool:
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:  # the process has exited, or belongs to another user
        return False
    return any(_target(each) in sockets for each in descriptors)


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # closed in the meantime
        return ""


def _processes() -> list[tuple[int, int]]:
    """Returns (PID, parent PID) of all processes."""
    found = []
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            # Field 4 of proc(5). Split after the closing bracket, since the process name may contain
            # anything.
            fields = "".join(_lines(folder / "stat")).rpartition(")")[2].split()
            if fields:
                found.append((int(folder.name), int(fields[1])))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
