"""How one edge behaves when its consumer is slower than its producer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _check
from ._errors import OptionError, OptionTypeError

WhenFull = Literal["drop_oldest", "drop_newest", "block"]

_POLICIES = ("drop_oldest", "drop_newest", "block")
_MAX_DEPTH = 1 << 20


@dataclass(frozen=True, slots=True)
class Queue:
    """Policy of one edge.

    Args:
        depth: How many samples may wait, 0 to 1048576: a hard bound that nothing raises. 0 hands a sample
            over only to a consumer that waits at that moment.
        when_full: What a full edge does: drop the oldest sample, drop the new one, or make the producer wait.
        max_seconds: The edge is full, too, when a new sample was captured so much later than the oldest that
            waits. Not with "block".
        max_bytes: The edge is full, too, when the pictures that wait would become larger. Not with "block".

    Raises:
        OptionError: Not a possible policy.
        OptionTypeError: depth is no int, or when_full no text.
    """

    depth: int = 1
    when_full: WhenFull = "drop_oldest"
    max_seconds: float | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be."""
        if isinstance(self.depth, bool) or not isinstance(self.depth, int):
            raise OptionTypeError(f"queue depth must be an int, got {self.depth!r}")
        if self.depth < 0:
            raise OptionError(f"queue depth must be at least 0, got {self.depth}")
        if self.depth > _MAX_DEPTH:
            raise OptionError(f"queue depth must be at most {_MAX_DEPTH}, got {self.depth}")
        _check.choice("when_full", self.when_full, _POLICIES)
        if self.depth == 0 and self.when_full != "drop_oldest":
            raise OptionError(
                "a queue of depth 0 (NEXT) hands samples to a waiting consumer and has no full state: leave "
                f"when_full at its default, got {self.when_full!r}"
            )
        self._check_bounds()

    def _check_bounds(self) -> None:
        if self.max_seconds is not None and not _check.number("max_seconds of a queue", self.max_seconds) > 0:
            raise OptionError(f"max_seconds of a queue must be more than 0, got {self.max_seconds!r}")
        if (
            self.max_bytes is not None
            and not 0 < _check.integer("max_bytes of a queue", self.max_bytes) < 1 << 63
        ):
            raise OptionError(f"max_bytes of a queue must be more than 0, got {self.max_bytes!r}")
        bounded = self.max_seconds is not None or self.max_bytes is not None
        if bounded and (self.when_full == "block" or self.depth == 0):
            raise OptionError(
                "max_seconds and max_bytes bound a queue that drops: give it drop_oldest or drop_newest and "
                f"a depth of 1 or more, got {self!r}"
            )

    @classmethod
    def of(cls, fields: tuple[int, WhenFull, float, int]) -> Queue:
        """Makes one of the engine's fields, where 0 is no bound."""
        depth, when_full, max_seconds, max_bytes = fields
        return cls(depth, when_full, max_seconds or None, max_bytes or None)


LATEST = Queue(1, "drop_oldest")
"""The newest sample waits for the consumer. The default below a live source."""
NEXT = Queue(0)
"""Only a sample that arrives while the consumer waits: the lowest age."""
LOSSLESS = Queue(8, "block")
"""Nothing is dropped: a full edge makes its producer wait. The default below files."""
RECORDING = Queue(256, "drop_newest", 2.0, 256 << 20)
"""Two seconds for a recorder to catch up. The default of VideoFile, JsonLines and Csv below a live source."""
