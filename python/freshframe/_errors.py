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
    """The wiring of the graph is invalid: refused by add(), reader() or start(), before any thread ran."""


class OptionError(FreshframeError, ValueError):
    """A value is out of range, or of a form that the function does not accept."""


class OptionTypeError(FreshframeError, TypeError):
    """A value is of a type that the function does not accept."""


class StateError(FreshframeError, RuntimeError):
    """The object's state does not allow the call: it is too early, too late, or concurrent with another."""


class MissingPackageError(FreshframeError, ImportError):
    """An optional package that the call needs is not installed; the message shows how to install it."""


class SourceError(FreshframeError, OSError):
    """A device, file or network stream could not be opened or was lost.

    Attributes:
        source: Name of the source node.
        url: The source's URL, its password masked.
    """

    source: str = ""
    url: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Keeps ``errno``, which OSError leaves out when it was set later."""
        return type(self), self.args, {**vars(self), "errno": self.errno}


_file_errors: dict[str, type[OSError]] = {}  # by the names of Python's classes


def _file_error_class(kind: type[OSError]) -> type[OSError]:
    body = {"__reduce__": _reduce_file_error}
    return _file_errors.setdefault(kind.__name__, type(kind.__name__, (FreshframeError, kind), body))


def _reduce_file_error(error: OSError) -> tuple[Any, ...]:
    return file_error, (error.errno, error.filename)


def file_error(number: int, path: str) -> OSError:
    """Returns the error of a file that cannot be written: of Python's own class, and a FreshframeError."""
    text = os.strerror(number)
    return _file_error_class(type(OSError(number, text)))(number, text, path)


class SourceTimeoutError(SourceError, TimeoutError):
    """A source did not open, or did not deliver, within its time limit."""


class NodeError(FreshframeError, RuntimeError):
    """A node failed; ``__cause__`` is the original exception with its traceback.

    If a worker process died or was killed, ``seq``, ``source`` and ``sample`` are None, and only the message
    names the sample.

    Attributes:
        node: Name of the node.
        seq: Number of the sample that it failed on; None outside ``process()``.
        source: Name of the source that the sample came from; None outside ``process()``.
        batch: Source and seq of every sample of a call that failed as a whole, of a node with ``batch=``; the
            first one is ``source`` and ``seq``.
        sample: The sample that it failed on, with its frame:
            ``error.sample.frame.write("failed.png")``. If a call failed as a whole, the first one; None
            outside ``process()``, and in a copy that was pickled.
    """

    node: str = ""
    seq: int | None = None
    source: str | None = None
    batch: tuple[tuple[str, int], ...] = ()
    sample: Sample[Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Leaves out the sample, whose picture is shared memory of this process."""
        return type(self), self.args, {name: value for name, value in vars(self).items() if name != "sample"}


class FramesHeldError(FreshframeError, MemoryError):
    """Python holds more frames than ``Pipeline(max_held_bytes=)`` allows."""


class DeviceError(FreshframeError, RuntimeError):
    """A picture that stays on a graphics card cannot be read: the card has failed, or has no memory left."""


class EndOfStreamError(FreshframeError, EOFError):
    """The stream has ended, and all its samples were read."""


class ReadTimeoutError(FreshframeError, TimeoutError):
    """No sample arrived in time; the reader stays usable."""


class StalledError(FreshframeError, TimeoutError):
    """The pipeline does not move because a full blocking edge is not read; the message names it."""


class StopTimeoutError(FreshframeError, TimeoutError):
    """``stop()`` ran out of time.

    Attributes:
        nodes: Names of the nodes that are still busy.
    """

    nodes: list[str]

    def __init__(self, message: str, nodes: list[str] | None = None) -> None:
        super().__init__(message)
        self.nodes = list(nodes or [])
