"""A pipeline with a Spool, and a receiver that fails on request."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

from support import Push

import freshframe as ff


class Receiver:
    """A ``send`` function that fails on request, and keeps the events that it accepts."""

    def __init__(self, *faults: BaseException) -> None:
        self.events: list[dict[str, Any]] = []
        self.batches: list[list[int]] = []
        self.faults = list(faults)

    def __call__(self, events: list[dict[str, Any]]) -> None:
        self.batches.append([event["n"] for event in events])
        if self.faults:
            raise self.faults.pop(0)
        self.events += events

    @property
    def numbers(self) -> list[int]:
        return [event["n"] for event in self.events]


class Running:
    """A pipeline of a source that the test feeds, and a Spool."""

    def __init__(self, spool: ff.Spool, source: str = "values") -> None:
        self.source = Push()
        self.pipeline = ff.Pipeline()
        self.pipeline.add(spool, self.pipeline.add(self.source, name=source), name="spool")

    @property
    def stats(self) -> ff.stats.SpoolStats:
        found = self.pipeline.stats().nodes["spool"].spool
        assert found is not None
        return found
