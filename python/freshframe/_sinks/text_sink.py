"""Base class of the nodes that write text files."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from .. import _check
from .._errors import OptionError, StateError
from .._graph.contract import Contract, Marks
from .._graph.node import Node
from .text_file import FLUSH_INTERVAL, TextFile
from .whole_file import WholeFile

if TYPE_CHECKING:
    pass


_TABLES = {".parquet", ".feather", ".xlsx", ".xls", ".ods", ".sqlite", ".db", ".xml", ".yaml", ".npy", ".npz"}


_VIDEOS = {".mp4", ".mkv", ".webm", ".mov", ".avi"}


class TextSink(Node[Any, None]):
    """Base class of JsonLines and Csv: a text file written by one thread."""

    _refused: ClassVar[Mapping[str, str]]  # suffixes of other formats -> what to use instead
    _marks = Marks()

    def __init__(self, path: str | os.PathLike[str], *, complete: bool = False) -> None:
        self.path = _check.path("path", path)
        self._check_ending()
        self.records_to = self.path
        if self.tick_every is None:  # a subclass may have its own interval
            self.tick_every = FLUSH_INTERVAL
        self._whole: WholeFile | None = None
        self._is_complete = _check.flag("complete", complete)
        self._file: TextFile | TextIO | None = None
        self._label: str | None = None  # name of the source, if the file has samples of several

    def _freshframe_contract(self) -> Contract:
        end = self._name_or_remove if self._is_complete else None
        return Contract(when_run_ends=end, note_marks=self._note_marks)

    def _note_marks(self, marks: Marks) -> None:
        self._marks = marks

    def _check_ending(self) -> None:
        ending = os.path.splitext(self.path)[1].lower()
        elsewhere = "convert the file afterwards" if ending in _TABLES else None
        advice = self._refused.get(ending, "VideoFile does" if ending in _VIDEOS else elsewhere)
        if advice is not None:
            raise OptionError(
                f"{type(self).__name__} cannot write {ending} files: {advice}; got the path {self.path!r}"
            )

    def open(self) -> None:
        """Opens or creates the file. An existing one is replaced with the first line."""
        if self._is_complete:
            self._file = self._whole = WholeFile(self.path)
        else:
            self._file = TextFile(self.path)

    def on_tick(self, now: float, /) -> None:
        """Flushes lines after a second even if no sample follows."""
        if isinstance(self._file, TextFile):
            self._file.write_waiting()

    def close(self) -> None:
        """Writes pending lines and closes the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _name_or_remove(self, is_complete: bool) -> str | None:
        whole, self._whole = self._whole, None
        if whole is None:
            return None
        if is_complete:
            whole.name()
            return None
        whole.remove()
        return self.path

    def _opened(self) -> TextFile | TextIO:
        if self._file is None:
            raise StateError(f"{type(self).__name__} for {self.path!r} is not open; add it to a pipeline")
        return self._file
