"""An object that a pipeline can call, and a method that it can call too."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations


class Adder:
    """Adds `amount` when called. `method` adds ten times as much."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __call__(self, value: int) -> int:
        return value + self.amount

    def method(self, value: int) -> int:
        return value + 10 * self.amount
