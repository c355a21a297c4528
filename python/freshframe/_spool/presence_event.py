"""An event of Presence: something has started, or has ended."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

EndReason = Literal["gone", "stop", "restart"]


@dataclass(frozen=True, slots=True)
class PresenceEvent:
    """A key of Presence has appeared or disappeared. Times are Unix times in seconds.

    `began_utc` is the sample's `utc`, and the others are derived from it with the stream's time (`pts`).

    Attributes:
        key: The key that the function passed to Presence returned.
        began_utc: When it was first seen.
        ended_utc: When it was last seen; None if it has just started.
        decided_utc: When this was decided: at the first sample with the key, or `max_gap` after the last one.
        reason: Why it ended: "gone" (it was missing for `max_gap`, no sample arrived, or its source was
            removed), "stop" (the pipeline has ended), "restart" (a Spool has found it open after a crash).
            None means that it has started.
        node: Name of the node that emitted it, to distinguish equal keys of two nodes.
    """

    key: Any
    began_utc: float
    ended_utc: float | None
    decided_utc: float
    reason: EndReason | None = None
    node: str = ""
