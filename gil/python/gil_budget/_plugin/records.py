"""Defines the plain data that the measuring side sends to the reporting side. pytest-xdist carries it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypedDict

from ..holds import Hold

ATTRIBUTE = "gil_budget"
"""The name under which a report has its Record."""


class Record(TypedDict):
    """The holds that came to light during one phase of a test.

    Attributes:
        holds: Of the test itself, each with its "phase".
        outside: Between tests, and of threads that were there before all of them.
        left: Over the budget, of a thread that another test has left; with that "test".
        over: Texts of the test's holds that are over its budget.
        once: Texts of those that were over it in one of two runs.
        limit: Seconds; None means the test has none.
        unsettled: How often the watch was not done within its time.
        blind: How often it got no processor for as long as the limit.
    """

    holds: list[dict[str, Any]]
    outside: list[dict[str, Any]]
    left: list[dict[str, Any]]
    over: list[dict[str, Any]]
    once: list[dict[str, Any]]
    limit: float | None
    unsettled: int
    blind: int


def empty(limit: float | None) -> Record:
    return {
        "holds": [],
        "outside": [],
        "left": [],
        "over": [],
        "once": [],
        "limit": limit,
        "unsettled": 0,
        "blind": 0,
    }


def plain(hold: Hold, **more: Any) -> dict[str, Any]:
    """A hold as plain data, with its name and its text."""
    return {**asdict(hold), "name": hold.name, "text": str(hold), **more}
