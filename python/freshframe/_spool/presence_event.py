"""PresenceEvent: the start or end of something."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

EndReason = Literal["gone", "stop", "restart"]


@dataclass(frozen=True, slots=True)
class PresenceEvent:
    """A key of Presence has appeared or disappeared. Times are Unix times in seconds.

    `began_utc` is the sample's `utc`. The other times are `began_utc` plus a difference of `pts`.

    Attributes:
        key: The key that the function passed to Presence returned.
        began_utc: When it was first seen.
        ended_utc: When it was last seen; None if it has just begun.
        decided_utc: When the event was decided: when the key was first seen, or `max_gap` after it was last
            seen.
        reason: Why it ended: "gone" (not seen for `max_gap`, no samples arrived, or the source is gone),
            "stop" (the pipeline has ended), "restart" (a Spool found it open after a crash). None for a
            start.
        node: The name of the Presence node, which distinguishes equal keys of two nodes.
    """

    key: Any
    began_utc: float
    ended_utc: float | None
    decided_utc: float
    reason: EndReason | None = None
    node: str = ""
