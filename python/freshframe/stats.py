"""Statistics: the classes that stats(), run(), why() and what_if() of a pipeline return."""

# SPDX-License-Identifier: Apache-2.0
from ._look.stats import (
    EdgeStats,
    InferenceStats,
    JoinStats,
    NodeStats,
    PoolStats,
    Progress,
    RemovedStats,
    Report,
    SourceClock,
    SourceStats,
    SpoolStats,
    Stats,
    WorkerStats,
)
from ._look.what_if import Interval, Outcome, WhatIf
from ._look.why import Age, AgePart, Finding, Why
from ._media.publish import PublishStats
from ._shortcuts.prometheus import prometheus_collector

__all__ = [
    "Age",
    "AgePart",
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
    "SourceClock",
    "SourceStats",
    "SpoolStats",
    "Stats",
    "WhatIf",
    "Why",
    "WorkerStats",
    "prometheus_collector",
]
