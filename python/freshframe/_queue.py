"""How one edge behaves when its consumer is slower than its producer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._errors import GraphError

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

    Raises:
        GraphError: Not a possible policy (it is a ValueError).
    """

    depth: int = 1
    when_full: WhenFull = "drop_oldest"

    def __post_init__(self) -> None:
        """Refuses what cannot be."""
        if isinstance(self.depth, bool) or not isinstance(self.depth, int):
            raise GraphError(f"queue depth must be an int, got {self.depth!r}")
        if self.depth < 0:
            raise GraphError(f"queue depth must be at least 0, got {self.depth}")
        if self.depth > _MAX_DEPTH:
            raise GraphError(f"queue depth must be at most {_MAX_DEPTH}, got {self.depth}")
        if self.when_full not in _POLICIES:
            raise GraphError(f"when_full must be one of {', '.join(_POLICIES)}, got {self.when_full!r}")
        if self.depth == 0 and self.when_full != "drop_oldest":
            raise GraphError(
                "a queue of depth 0 (NEXT) hands samples to a waiting consumer and has no full state: leave "
                f"when_full at its default, got {self.when_full!r}"
            )


LATEST = Queue(1, "drop_oldest")
"""The newest sample waits for the consumer. The default below a live source."""
NEXT = Queue(0)
"""Only a sample that arrives while the consumer waits: the lowest age."""
LOSSLESS = Queue(8, "block")
"""Nothing is dropped: a full edge makes its producer wait. The default below files."""
