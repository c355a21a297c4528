"""Statistics: the classes of what stats() and report() of a pipeline give, and the members of nodes have."""

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
from ._media.publish import PublishStats

__all__ = [
    "EdgeStats",
    "InferenceStats",
    "JoinStats",
    "NodeStats",
    "PoolStats",
    "Progress",
    "PublishStats",
    "RemovedStats",
    "Report",
    "SourceClock",
    "SourceStats",
    "SpoolStats",
    "Stats",
    "WorkerStats",
]
