"""The last words of an agent's process, in a page that it shares with its starter."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

# src/fleet/records.hpp has the other side of it.
_LAYOUT = struct.Struct("<IIQI4x")  # kind of message, camera, epoch, number of the signal or exit status
_FAULT, _IN_ORDER = 1, 2
_ABOVE = 10  # the descriptors that a starting process gives to others


@dataclass(frozen=True, slots=True)
class Words:
    """Holds a process's last words, which a process that was killed from outside has none of.

    Attributes:
        run: The (camera, epoch) whose thread has ended the process; None: of no camera, or not known.
        in_order: The process had to end.
    """

    run: tuple[int, int] | None = None
    in_order: bool = False

    def as_list(self) -> list[int]:
        """For JSON."""
        camera, epoch = self.run or (0, 0)
        return [camera, epoch, self.in_order]

    @classmethod
    def of_list(cls, given: Sequence[int]) -> Words:
        """The inverse of as_list()."""
        camera, epoch, in_order = given
        return cls((camera, epoch) if epoch else None, bool(in_order))


SILENT = Words()


class LastWordsPage:
    """Shares a page with one process, which writes its last words there."""

    def __init__(self) -> None:
        """An empty page.

        Raises:
            OSError: The system has no memory or no descriptor for it.
        """
        made = os.memfd_create("last words", os.MFD_CLOEXEC)
        try:
            os.ftruncate(made, _LAYOUT.size)
            self._descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
        finally:
            os.close(made)

    def fileno(self) -> int:
        """For start_fleet_child()."""
        return self._descriptor

    def read(self) -> Words:
        """The words of the process by now; none in a closed page."""
        if self._descriptor < 0:
            return SILENT
        said, camera, epoch, _ = _LAYOUT.unpack(os.pread(self._descriptor, _LAYOUT.size, 0))
        return Words((camera, epoch) if said == _FAULT and epoch else None, said == _IN_ORDER)

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
