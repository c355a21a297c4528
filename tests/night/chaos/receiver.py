"""A receiver of a spool's events that is dead, slow or refuses, and has its own books."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from typing import Any, Literal, get_args

ReceiverFault = Literal["dead", "slow", "forgets"]
RECEIVER_FAULTS: tuple[ReceiverFault, ...] = get_args(ReceiverFault)


class Receiver:
    """The `send` of a spool.

    Attributes:
        fault: Of the moment.
        findings: Numbers that came out of their order.
        taken: The largest number.
    """

    def __init__(self) -> None:
        self.fault: ReceiverFault | None = None
        self.findings: list[str] = []
        self.taken, self.again = 0, 0

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Takes events: each number once, in their order, also when they are sent again."""
        if self.fault == "dead":
            raise ConnectionRefusedError("the receiver is dead")
        if self.fault == "slow":
            time.sleep(0.3)
        for event in events:
            number = event["n"]
            if number <= self.taken:
                self.again += 1
            elif number != self.taken + 1:
                self.findings.append(f"event {number} came after {self.taken}")
            self.taken = max(self.taken, number)
        if self.fault == "forgets":  # it has taken them, but its answer is lost
            raise TimeoutError("the answer of the receiver is lost")
