"""A text file that has its name only when it is complete."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import errno
import os
import secrets

from .text_file import TextFile, find_place, lasting


class WholeFile(TextFile):
    """Writes to a hidden file in the same folder, which name() renames.

    Two programs that write the same file do not meet: each has its own hidden file, and the later
    rename wins.
    """

    def __init__(self, path: str) -> None:
        """Creates the hidden file."""
        self._whole = lasting(path)
        folder, name = os.path.split(self._whole)
        super().__init__(os.path.join(folder, f".{name}.{secrets.token_hex(6)}.part"))

    def _find(self) -> None:
        """The lines belong into one file: nothing replaces the hidden one if it is not at its place.

        Raises:
            OSError: It is not.
        """
        if find_place(self._fd, self.path) != "same":
            self._lost, self._lines = self._lost + self._lines, 0
            raise OSError(
                errno.ENOENT, "another program has taken away the hidden file that has the lines", self.path
            )

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
