"""The data that each process with tests sends to the reporting process, if need be through pytest-xdist."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypedDict

from ..holds import Hold

ATTRIBUTE = "gil_budget"
"""The name under which a report has its Record."""


class Record(TypedDict):
    """The holds that were reported during one phase of a test.

    Attributes:
        holds: Holds of the test itself, each with its "phase".
        outside: Holds between tests, and of threads older than all tests.
        left: Holds over the budget by a thread that an earlier test left running, each with that "test".
        over: The test's holds that are over its budget.
        once: Holds that were over the budget in only one of two runs.
        limit: The test's budget in seconds; None if it has none.
        unsettled: How often the watch did not finish in time.
        blind: How often the watch got no CPU for as long as the limit.
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
    """Converts a hold to plain data, including its name and its message."""
    return {**asdict(hold), "name": hold.name, "text": str(hold), **more}
