"""A receiver of a spool's events that is dead, slow, refuses or forgets, and has its own counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from typing import Any, Literal, get_args

import freshframe as ff

ReceiverFault = Literal["dead", "slow", "refuses", "forgets"]
RECEIVER_FAULTS: tuple[ReceiverFault, ...] = get_args(ReceiverFault)
_REFUSED = 7  # each of this number


class Receiver:
    """The `send` of a spool.

    Attributes:
        fault: Of the moment.
        findings: Numbers that came although they were refused.
        missing: Numbers that did not come before larger ones.
        taken: The largest number.
        strange: Events under another camera's name.
        again: Events that came again.
        refused: Numbers that will not be taken.
    """

    def __init__(self) -> None:
        self.fault: ReceiverFault | None = None
        self.findings: list[str] = []
        self.strange: list[str] = []
        self.taken, self.again, self.missing = 0, 0, 0
        self.refused: set[int] = set()

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Takes events: each number once, in their order, even when they are sent again."""
        if self.fault == "dead":
            raise ConnectionRefusedError("the receiver is dead")
        if self.fault == "slow":
            time.sleep(0.3)
        if self.fault == "refuses":
            self._refuse([event["n"] for event in events])
        for event in events:
            self._take(event["n"])
            if event["source"] != event["value"]["camera"]:
                self.strange.append(f"{event['value']} came as a result of {event['source']}")
        if self.fault == "forgets":  # it has taken them, but its answer is lost
            raise TimeoutError("the answer of the receiver is lost")

    def _refuse(self, numbers: list[int]) -> None:
        places = [at for at, number in enumerate(numbers) if number > self.taken and number % _REFUSED == 0]
        if places:
            self.refused.update(numbers[at] for at in places)
            raise ff.RefusedError(places, "the test refuses it")

    def _take(self, number: int) -> None:
        if number <= self.taken:
            self.again += 1
            return
        self.missing += len(set(range(self.taken + 1, number)) - self.refused)
        if number in self.refused:
            self.refused.remove(number)
            self.findings.append(f"event {number} came, which was refused")
        self.taken = number
