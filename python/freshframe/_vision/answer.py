"""The answer of a vision model: the result of an Ask."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a model about one picture.

    Attributes:
        text: Its answer.
        question: The question.
        asked: True: the question came by ask(); False means it is the standing one.
        model: The name that the server gives the model.
        finish_reason: Why the answer ends, by the server: "stop", or "length" where max_tokens has cut it.
        duration: Seconds that the call took; after a 429 or 503, both calls and the wait between them.
        source: Name of the picture's source.
        seq: Number of the picture at its source.
        captured: ``time.monotonic()`` of the picture, as Sample.captured.
        utc: Unix time of the picture in seconds; None if it isn't known.
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
        """Seconds since the picture that the model saw was captured."""
        return time.monotonic() - self.captured
