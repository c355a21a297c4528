"""freshframe's exceptions: one class per kind of failure, all derived from FreshframeError."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._native import Sample


class FreshframeError(Exception):
    """Base of all exceptions that freshframe raises on purpose."""


class GraphError(FreshframeError, ValueError):
    """The graph is invalid. Raised by add(), reader() or start(), before any thread runs."""


class OptionError(FreshframeError, ValueError):
    """A value is out of range or malformed."""


class OptionTypeError(FreshframeError, TypeError):
    """A value has the wrong type."""


class StateError(FreshframeError, RuntimeError):
    """The call is not allowed in the object's current state: it is too early, too late, or concurrent."""


class MissingPackageError(FreshframeError, ImportError):
    """An optional package that the call needs is not installed; the message shows how to install it."""


class SourceError(FreshframeError, OSError):
    """A device, file or network stream could not be opened or was lost.

    Attributes:
        source: Name of the source node.
        url: The source's URL with its password masked.
    """

    source: str = ""
    url: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Preserves ``errno``, which OSError drops if it was set after construction."""
        return type(self), self.args, {**vars(self), "errno": self.errno}


_file_errors: dict[str, type[OSError]] = {}  # by name of the built-in class


def _file_error_class(kind: type[OSError]) -> type[OSError]:
    body = {"__reduce__": _reduce_file_error}
    return _file_errors.setdefault(kind.__name__, type(kind.__name__, (FreshframeError, kind), body))


def _reduce_file_error(error: OSError) -> tuple[Any, ...]:
    return file_error, (error.errno, error.filename)


def file_error(number: int, path: str) -> OSError:
    """Returns an exception for a file that cannot be written.

    It is both a FreshframeError and the OSError subclass for ``number``, such as PermissionError.
    """
    text = os.strerror(number)
    return _file_error_class(type(OSError(number, text)))(number, text, path)


class SourceTimeoutError(SourceError, TimeoutError):
    """A source did not open, or delivered nothing, within its timeout."""


class NodeError(FreshframeError, RuntimeError):
    """A node failed. ``__cause__`` is the original exception with its traceback.

    Attributes:
        node: Name of the node.
        seq: ``seq`` of the sample on which it failed; None outside ``process()``.
        source: Name of that sample's source; None outside ``process()``.
        batch: For a node with ``batch=``, if the whole call failed: (source, seq) of all its samples.
            ``source`` and ``seq`` are those of the first.
        sample: The sample on which it failed, with its frame: ``error.sample.frame.write("failed.png")``. If
            a worker process died or was killed, the sample that it was working on. Of a batch it is the
            first sample, which may not be the one at fault; the others are not kept. If other workers died
            earlier, their samples are only in the log. None outside ``process()`` and after pickling.
    """

    node: str = ""
    seq: int | None = None
    source: str | None = None
    batch: tuple[tuple[str, int], ...] = ()
    sample: Sample[Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Drops the sample, whose frame cannot be pickled."""
        return type(self), self.args, {name: value for name, value in vars(self).items() if name != "sample"}


class FramesHeldError(FreshframeError, MemoryError):
    """Python holds more frames than ``Pipeline(max_held_bytes=)`` allows."""


class DeviceError(FreshframeError, RuntimeError):
    """A frame in GPU memory cannot be read: the GPU has failed or is out of memory."""


class EndOfStreamError(FreshframeError, EOFError):
    """The stream has ended, and all its samples were read."""


class ReadTimeoutError(FreshframeError, TimeoutError):
    """No sample arrived in time; the reader stays usable."""


class StalledError(FreshframeError, TimeoutError):
    """The pipeline is stuck because nobody reads from a full blocking edge; the message names it."""


class StopTimeoutError(FreshframeError, TimeoutError):
    """``stop()`` ran out of time.

    Attributes:
        nodes: Names of the nodes that are still busy.
    """

    nodes: list[str]

    def __init__(self, message: str, nodes: list[str] | None = None) -> None:
        super().__init__(message)
        self.nodes = list(nodes or [])


for _class in list(vars().values()):  # tracebacks show the public name, as freshframe.OptionError
    if isinstance(_class, type) and issubclass(_class, FreshframeError):
        _class.__module__ = "freshframe"
