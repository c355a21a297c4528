"""Reads the budget's settings for a run of pytest."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from ..holds import COUNTED, KINDS
from ..limits import LimitError, parse_seconds
from ..verdict import Verdict
from . import baseline

MARKED = "marked"
OFF = "off"


@dataclass(frozen=True)
class Settings:
    """The settings of one run.

    Attributes:
        limit: Budget of tests without a marker, in seconds; None if only marked tests have a budget.
        verdict: Decides which holds count.
        baseline: Path of the baseline file, or None.
    """

    limit: float | None
    verdict: Verdict
    baseline: Path | None
    report_only: bool
    confirm: bool
    strict: bool
    write: Path | None
    report: Path | None

    @classmethod
    def read(cls, config: pytest.Config) -> Settings | None:
        """Returns the settings, or None if the budget is off. Raises pytest.UsageError if one is invalid."""
        budget = config.getoption("--gil-budget") or config.getini("gil_budget")
        if budget == OFF:
            return None
        file = config.getoption("--gil-baseline")
        if file is None and config.getini("gil_budget_baseline"):
            file = str(config.rootpath / config.getini("gil_budget_baseline"))
        path = None if file is None else Path(file)
        write = config.getoption("--gil-write-baseline")
        try:
            steps = {} if path is None or (write and not path.exists()) else baseline.read(path)
            return cls(
                limit=None if budget == MARKED else parse_seconds(budget),
                verdict=Verdict(
                    count=_kinds(config.getoption("--gil-count")),
                    allow=(*config.getini("gil_budget_allow"), *config.getoption("--gil-allow")),
                    baseline=steps,
                ),
                baseline=path,
                report_only=config.getoption("--gil-report-only") or bool(write),
                confirm=config.getoption("--gil-confirm"),
                strict=config.getoption("--gil-baseline-strict"),
                write=_path(write),
                report=_path(config.getoption("--gil-report")),
            )
        except (LimitError, baseline.BaselineError) as error:
            raise pytest.UsageError(f"gil-budget: {error}") from error

    def find_limit(self, item: pytest.Item) -> float | None:
        """Returns the test's budget in seconds, or None. Raises pytest.UsageError for an invalid marker."""
        marker = item.get_closest_marker("gil_budget")
        if marker is None:
            return self.limit
        if len(marker.args) != 1 or marker.kwargs:
            raise pytest.UsageError(f'gil-budget: {item.nodeid}: the marker takes one limit, such as "20ms"')
        if marker.args[0] is None:
            return None
        try:
            return parse_seconds(marker.args[0])
        except LimitError as error:
            raise pytest.UsageError(f"gil-budget: {item.nodeid}: {error}") from error


def _kinds(text: str | None) -> tuple[str, ...]:
    if text is None:
        return COUNTED
    kinds = tuple(kind.strip() for kind in text.split(","))
    for kind in kinds:
        if kind not in KINDS:
            raise LimitError(f"--gil-count must be one or more of {', '.join(KINDS)}, got {kind!r}")
    return kinds


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
