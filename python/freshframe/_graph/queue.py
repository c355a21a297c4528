"""Queue policies: what an edge does when its consumer is slower than its producer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .. import _check, _native

WhenFull = Literal["drop_oldest", "drop_newest", "block"]


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue policy of an edge.

    Args:
        depth: Maximum number of queued samples, 0 to 1048576. With 0 a sample is only delivered if the
            consumer is waiting for it. If samples of several sources pass the edge, this and the other limits
            apply to each source.
        when_full: What a full edge does: "drop_oldest" drops the oldest sample, "drop_newest" the new one,
            and "block" makes the producer wait.
        max_seconds: Maximum time span of the queued samples, by capture time, not counting the time of
            samples that were dropped in between. Not with "block".
        max_bytes: Maximum size of the queued frames in bytes. Not with "block".

    Raises:
        OptionError: The policy is not possible.
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
        self._policy()

    def _policy(self) -> _native.QueuePolicy:
        """Converts to the engine's QueuePolicy, which checks the values."""
        return _native.QueuePolicy(
            _check.integer("queue depth", self.depth),
            _check.text("when_full", self.when_full),
            None if self.max_seconds is None else _check.number("max_seconds of a queue", self.max_seconds),
            None if self.max_bytes is None else _check.size_bytes("max_bytes of a queue", self.max_bytes),
        )


def make_queue(policy: _native.QueuePolicy) -> Queue:
    """Converts the engine's policy to a Queue."""
    return Queue(policy.depth, policy.when_full, max_seconds=policy.max_seconds, max_bytes=policy.max_bytes)


_predefined = {name: make_queue(policy) for name, policy in _native.predefined_queues().items()}

LATEST = _predefined["LATEST"]
"""Keeps only the newest sample. The default downstream of a live source."""
NEXT = _predefined["NEXT"]
"""Keeps nothing: delivers a sample only if the consumer is waiting for it. Lowest age."""
LOSSLESS = _predefined["LOSSLESS"]
"""Drops nothing: a full edge makes its producer wait. The default with files."""
RECORDING = _predefined["RECORDING"]
"""Gives a recorder two seconds to catch up. The default of recorders (VideoFile, ...) with a live source."""


def show_queue(queue: Queue) -> str:
    """Returns a predefined queue's name, or the policy as the engine shows it: ``Queue(4, drop_newest)``."""
    return queue._policy().name


def blocks(queue: Queue) -> bool:
    """Returns True if a full edge makes its producer wait instead of dropping samples."""
    return queue._policy().blocks
