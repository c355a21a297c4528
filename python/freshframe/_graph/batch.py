"""Batch: how many samples a node gets in one call."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field

from .. import _check, _native


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls a node with several samples at a time: ``pipeline.add(node, cameras, batch=Batch(8))``.

    The engine takes samples from all edges of the node in turn, so every camera gets its share. Until a
    call takes them, samples stay in their queues: with LATEST, a newer sample replaces a queued one. A
    function, or the node's ``process_batch(samples)``, gets a list and returns a list of the same length.

    Args:
        size: Maximum number of samples per call, 1 to 4096. There are fewer if the queues are empty after
            ``max_wait``, and at the end of the streams.
        max_wait: How long to wait for more after the first sample, in seconds. With 0 it takes those already
            queued.

    Raises:
        OptionError: A value is out of range.
        OptionTypeError: size is not an int, or max_wait is not a number.

    Example:
        >>> import freshframe as ff
        >>> def brightness(frames):
        ...     return [float(frame.luma.mean()) for frame in frames]
        >>> pipeline = ff.Pipeline()
        >>> urls = ["demo:circles?frames=5", "demo:circles?frames=5&seed=2"]
        >>> cameras = [pipeline.add(ff.open(url)) for url in urls]
        >>> light = pipeline.add(brightness, cameras, batch=ff.Batch(2, max_wait=0.05))
    """

    size: int
    max_wait: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        self._policy()

    def _policy(self) -> _native.BatchPolicy:
        """Converts it for the engine, which checks the values."""
        return _native.BatchPolicy(
            _check.integer("the size of a batch, as in add(node, cameras, batch=Batch(8)),", self.size),
            _check.few_seconds("max_wait", self.max_wait),
        )
