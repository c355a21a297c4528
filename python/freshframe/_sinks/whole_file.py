"""A text file that has its name only when it is complete."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import secrets

from .text_file import TextFile


class WholeFile(TextFile):
    """Writes to a hidden file in the same folder, which name() renames.

    Two programs that write the same file do not meet: each has a hidden file of its own, and the later
    rename wins.
    """

    def __init__(self, path: str) -> None:
        """Creates the hidden file."""
        self._whole = lasting(path)
        folder, name = os.path.split(self._whole)
        super().__init__(os.path.join(folder, f".{name}.{secrets.token_hex(6)}.part"))

    def _write_end(self) -> None:
        super()._write_end()
        os.fsync(self._fd)

    def name(self) -> None:
        """Gives the closed file its name, also on the disk.

        Raises:
            OSError: The rename failed.
        """
        os.replace(self.path, self._whole)
        folder = os.open(os.path.dirname(self._whole), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self) -> None:
        """Removes the hidden file."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def lasting(path: str) -> str:
    """Returns the same place, also after the program has changed its directory."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
