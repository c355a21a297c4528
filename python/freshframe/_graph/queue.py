"""How one edge behaves when its consumer is slower than its producer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .. import _check, _native

WhenFull = Literal["drop_oldest", "drop_newest", "block"]


@dataclass(frozen=True, slots=True)
class Queue:
    """Policy of one edge.

    Args:
        depth: How many samples may wait, 0 to 1048576: a fixed bound. 0 hands a sample over only to a
            consumer that waits at that moment. If samples of several sources come through the edge, this and
            the other bounds count for each source.
        when_full: The behaviour of a full edge: "drop_oldest" drops the oldest sample, "drop_newest" the new
            one, "block" makes the producer wait.
        max_seconds: The edge is also full when a new sample was captured this number of seconds later than
            the oldest waiting one, without the time of samples between them that found no room. Not with
            "block".
        max_bytes: The edge is also full when the waiting pictures would take more bytes. Not with "block".

    Raises:
        OptionError: Not a possible policy.
        OptionTypeError: depth is not an int, or when_full is not a str.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> camera = pipeline.add(ff.open("demo:circles"))
        >>> circles = pipeline.add(ff.CircleTracker(), camera, queue=ff.Queue(8, max_seconds=0.5))
    """

    depth: int = 1
    when_full: WhenFull = "drop_oldest"
    max_seconds: float | None = field(default=None, kw_only=True)
    max_bytes: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuses invalid values."""
        self._policy()

    def _policy(self) -> _native.QueuePolicy:
        """The engine's form of it. The engine checks the values."""
        return _native.QueuePolicy(
            _check.integer("queue depth", self.depth),
            _check.text("when_full", self.when_full),
            None if self.max_seconds is None else _check.number("max_seconds of a queue", self.max_seconds),
            None if self.max_bytes is None else _check.size_bytes("max_bytes of a queue", self.max_bytes),
        )


def make_queue(policy: _native.QueuePolicy) -> Queue:
    """Makes a Queue of the engine's form."""
    return Queue(policy.depth, policy.when_full, max_seconds=policy.max_seconds, max_bytes=policy.max_bytes)


_predefined = {name: make_queue(policy) for name, policy in _native.predefined_queues().items()}

LATEST = _predefined["LATEST"]
"""The newest sample waits for the consumer. The default below a live source."""
NEXT = _predefined["NEXT"]
"""Only a sample that arrives while the consumer waits: the lowest age."""
LOSSLESS = _predefined["LOSSLESS"]
"""Nothing is dropped: a full edge makes its producer wait. The default below files."""
RECORDING = _predefined["RECORDING"]
"""Two seconds for a recorder to catch up. The default of recorders (VideoFile, ...) below a live source."""


def show_queue(queue: Queue) -> str:
    """The name of a predefined queue, else its policy, as the engine shows it: ``Queue(4, drop_newest)``."""
    return queue._policy().name


def blocks(queue: Queue) -> bool:
    """Whether a full edge makes its producer wait, and so never drops."""
    return queue._policy().blocks
