"""RefusedError, with which `send` reports results that the receiver rejects, and the file for them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import _check
from .._errors import FreshframeError, OptionError, OptionTypeError
from .._sinks.plain import to_text, valid_text
from .folder import open_own
from .lines import Line

_BEGINNING = b'{"refused":'
_MOST_BYTES = 4 << 20


class RefusedError(FreshframeError):
    """Raise it in a Spool's `send` if the receiver will never accept some of the events.

    They are counted and written with the reason to `refused.jsonl` in the spool's folder. `send` is called
    again with the others, even if the receiver has accepted them already. After any other exception, all
    events are sent again.

    If only the list as a whole was rejected, or was too large, omit the indices: `send` is then called with
    its first half, then its second, and so on, until the rejected events are found.

    Args:
        indices: Indices of these events in the list that `send` received. None means unknown.
        reason: Reason for the log and the file.

    Raises:
        OptionError: `indices` is empty, or an index is negative.
        OptionTypeError: `indices` is not a list of integers, or `reason` is not a string.

    Example:
        >>> import freshframe as ff
        >>> ff.RefusedError([2], "the topic is forbidden").indices
        (2,)
    """

    __module__ = "freshframe"  # tracebacks show the public name

    def __init__(
        self, indices: Sequence[int] | None = None, reason: str = "the receiver has refused it"
    ) -> None:
        """Checks the indices."""
        known: Any = () if indices is None else indices
        if isinstance(known, (str, bytes, bytearray, Mapping)) or not isinstance(known, Iterable):
            raise OptionTypeError(
                "RefusedError takes a list of event indices and then the reason: write "
                f"RefusedError([2], 'why'), or RefusedError(reason='why'), got {_check.show(known)}"
            )
        self.indices = tuple(_check.integer("an index of RefusedError", index) for index in known)
        # Usually the message of an exception: invalid UTF-8 in it is not another error.
        given: Any = reason
        self.reason = _check.text("reason", valid_text(given) if isinstance(given, str) else given)
        if indices is not None and (not self.indices or min(self.indices) < 0):
            raise OptionError(
                f"RefusedError needs at least one index, and none below 0, got {list(self.indices)}"
            )
        count = "some" if indices is None else len(self.indices)
        super().__init__(f"{count} events were refused: {self.reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the arguments; by default, exceptions are recreated from their message."""
        return type(self), (self.indices or None, self.reason)


class RefusedFile:
    """The file `refused.jsonl`. Above 4 MiB it is renamed to `refused.1.jsonl`, replacing an older one."""

    def __init__(self, folder: str) -> None:
        """Does not open the file yet."""
        self._path = os.path.join(folder, "refused.jsonl")

    def add(self, lines: Sequence[Line], reason: str) -> int:
        """Writes the lines and syncs them.

        Returns:
            The number of lines that were lost with the older file.

        Raises:
            OSError: The disk is full, or has failed.
        """
        head = f'{{"refused":{to_text(reason)},"at":{time.time():.3f},'
        data = "".join(head + line.text.decode(errors="replace")[1:] for line in lines).encode()
        fd = open_own(self._path, _is_refused, os.O_APPEND)
        try:
            size = os.fstat(fd).st_size
            try:
                written = 0
                while written < len(data):
                    written += os.write(fd, memoryview(data)[written:])
                os.fdatasync(fd)
            except OSError:
                os.ftruncate(fd, size)
                raise
        finally:
            os.close(fd)
        if size + len(data) <= _MOST_BYTES:
            return 0
        older = self._path.removesuffix(".jsonl") + ".1.jsonl"
        if os.path.lexists(older):
            os.close(open_own(older, _is_refused))  # renames a foreign file of that name
        gone = _count_lines(older)
        os.replace(self._path, older)
        return gone


def _is_refused(fd: int) -> bool:
    data = os.pread(fd, len(_BEGINNING), 0)
    return not data.strip(b"\0") or data == _BEGINNING


def _count_lines(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    except FileNotFoundError:
        return 0
