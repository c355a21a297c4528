"""Fleets: many cameras on several agents, each a process with pipelines of its own. See Fleet."""

# SPDX-License-Identifier: Apache-2.0
from ._fleet import Fleet
from ._map import MappedFile
from ._page import FleetPage
from ._reader import FleetReader, FleetSample
from ._stats import AgentStats, CameraStats, FleetEvent, FleetReaderStats, FleetStats

__all__ = [
    "AgentStats",
    "CameraStats",
    "Fleet",
    "FleetEvent",
    "FleetPage",
    "FleetReader",
    "FleetReaderStats",
    "FleetSample",
    "FleetStats",
    "MappedFile",
]
