"""The answer of a vision model, as returned by Ask."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer about one frame.

    Attributes:
        text: The answer.
        question: The question.
        asked: True if the question was put with ask(), False for the standing question.
        model: Model name as reported by the server.
        finish_reason: As reported by the server: "stop", or "length" if max_tokens cut the answer off.
        duration: Duration of the call in seconds; after a 429 or 503, of both calls and the wait in between.
        source: Name of the frame's source.
        seq: Number of the frame within its source.
        captured: Capture time of the frame by ``time.monotonic()``, as Sample.captured.
        utc: Unix time of the frame in seconds; None if unknown.
    """

    text: str
    question: str
    asked: bool
    model: str
    finish_reason: str
    duration: float
    source: str
    seq: int
    captured: float
    utc: float | None

    @property
    def age(self) -> float:
        """Seconds since the frame that the model saw was captured."""
        return time.monotonic() - self.captured
