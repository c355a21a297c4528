"""Statistics: the classes that stats(), run(), why() and what_if() of a pipeline return."""

# SPDX-License-Identifier: Apache-2.0
from ._look.stats import (
    ClockStats,
    EdgeStats,
    InferenceStats,
    JoinStats,
    NodeStats,
    PoolStats,
    Progress,
    PublishStats,
    RemovedStats,
    Report,
    SourceStats,
    SpoolStats,
    Stats,
    WorkerStats,
)
from ._look.what_if import Interval, Outcome, WhatIf
from ._look.why import Age, AgePart, Finding, Why
from ._shortcuts.prometheus import prometheus_collector

__all__ = [
    "Age",
    "AgePart",
    "ClockStats",
    "EdgeStats",
    "Finding",
    "InferenceStats",
    "Interval",
    "JoinStats",
    "NodeStats",
    "Outcome",
    "PoolStats",
    "Progress",
    "PublishStats",
    "RemovedStats",
    "Report",
    "SourceStats",
    "SpoolStats",
    "Stats",
    "WhatIf",
    "Why",
    "WorkerStats",
    "prometheus_collector",
]
