"""A callable object with a method, both usable as nodes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations


class Adder:
    """Adds `amount` when called; `method` adds ten times `amount`."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __call__(self, value: int) -> int:
        return value + self.amount

    def method(self, value: int) -> int:
        return value + 10 * self.amount
