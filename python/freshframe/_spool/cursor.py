"""How far a box has been sent: a file of fixed length that is written in place, so that it needs no room."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
from dataclasses import dataclass

_TEXT = re.compile(rb"(\d{20}) (\w+) (closed|open  )\n")


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of the file.

    Attributes:
        n: All results up to this number were sent, or put aside, or have expired.
        box: The box; "" when it is not known.
        closed: Its last user has closed it.
    """

    n: int = 0
    box: str = ""
    closed: bool = True


class Cursor:
    """The file of one box. An old content makes doubles, it loses nothing."""

    def __init__(self, folder: str) -> None:
        """Opens it, or creates it.

        Raises:
            OSError: It cannot be written.
        """
        self._fd = os.open(os.path.join(folder, "sent"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        found = _TEXT.fullmatch(os.pread(self._fd, 100, 0))
        self.before = Sent(int(found[1]), found[2].decode(), found[3] == b"closed") if found else Sent()

    def write(self, n: int, box: str, *, closed: bool = False) -> None:
        """Notes how far the box has been sent."""
        os.pwrite(self._fd, f"{n:020d} {box} {'closed' if closed else 'open  '}\n".encode(), 0)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._fd)
