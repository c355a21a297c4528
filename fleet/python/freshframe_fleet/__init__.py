"""Fleets: run many cameras on several agents, each a process with its own pipelines. See Fleet."""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from . import _versions  # noqa: F401  (checks the version before it imports from the engine)

# isort: split
from freshframe._agent import late_names as _late_names

if _typing.TYPE_CHECKING:
    from ._decide.model import AgentState
    from ._fleet import Build, Fleet
    from ._page import FleetDashboard
    from ._read.reader import FleetReader, FleetSample
    from ._sites import RaySites, SiteCounts, SiteSample, SitesReader
    from ._stats import (
        AgentStats,
        CameraStats,
        FleetEvent,
        FleetReaderStats,
        FleetStats,
        ShownState,
    )

# ---- written by tools/late_names.py
_LATER = {
    "AgentState": "_decide.model",
    "Build": "_fleet",
    "Fleet": "_fleet",
    "FleetDashboard": "_page",
    "FleetReader": "_read.reader",
    "FleetSample": "_read.reader",
    "RaySites": "_sites",
    "SiteCounts": "_sites",
    "SiteSample": "_sites",
    "SitesReader": "_sites",
    "AgentStats": "_stats",
    "CameraStats": "_stats",
    "FleetEvent": "_stats",
    "FleetReaderStats": "_stats",
    "FleetStats": "_stats",
    "ShownState": "_stats",
}
__all__ = [
    "AgentState",
    "AgentStats",
    "Build",
    "CameraStats",
    "Fleet",
    "FleetDashboard",
    "FleetEvent",
    "FleetReader",
    "FleetReaderStats",
    "FleetSample",
    "FleetStats",
    "RaySites",
    "ShownState",
    "SiteCounts",
    "SiteSample",
    "SitesReader",
]
# ----

if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names(globals(), _LATER)


def __dir__() -> list[str]:
    """Lists all public names, including those loaded at first use."""
    return sorted({*globals(), *__all__})
