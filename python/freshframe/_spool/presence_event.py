"""An event of Presence: something has begun, or has ended."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

EndReason = Literal["gone", "stop", "restart"]


@dataclass(frozen=True, slots=True)
class PresenceEvent:
    """A key of Presence has appeared or disappeared. Times are Unix times in seconds.

    `began_utc` is by `utc` of the sample, and the others follow from it by the stream's time (`pts`).

    Attributes:
        key: The key that the function passed to Presence returned.
        began_utc: When it was first seen.
        ended_utc: When it was last seen; None if it has just begun.
        decided_utc: When this was decided: at the first sight, or after the last one and `max_gap`.
        reason: Why it ended: "gone" (it was not seen for `max_gap`, no sample came, or its source has left),
            "stop" (the pipeline has ended), "restart" (a Spool has found it open after a crash). None means
            it has begun.
        node: The name of the node that decided it, so that equal keys of two nodes stay apart.
    """

    key: Any
    began_utc: float
    ended_utc: float | None
    decided_utc: float
    reason: EndReason | None = None
    node: str = ""
