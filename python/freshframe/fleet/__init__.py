"""Fleets: many cameras on several agents, each a process with pipelines of its own. See Fleet."""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from .._interpreter import late_names

if _typing.TYPE_CHECKING:
    from ._fleet import Fleet
    from ._page import FleetDashboard
    from ._read.reader import FleetReader, FleetSample
    from ._stats import AgentStats, CameraStats, FleetEvent, FleetReaderStats, FleetStats

_MODULES = {  # by name; loaded at its first use: agents and guards need no controller
    "AgentStats": "_stats",
    "CameraStats": "_stats",
    "Fleet": "_fleet",
    "FleetDashboard": "_page",
    "FleetEvent": "_stats",
    "FleetReader": "_read.reader",
    "FleetReaderStats": "_stats",
    "FleetSample": "_read.reader",
    "FleetStats": "_stats",
}


if not _typing.TYPE_CHECKING:
    __getattr__ = late_names.getter(globals(), _MODULES)


def __dir__() -> list[str]:
    """All public names, also those that are loaded at their first use."""
    return sorted({*globals(), *__all__})


__all__ = [
    "AgentStats",
    "CameraStats",
    "Fleet",
    "FleetDashboard",
    "FleetEvent",
    "FleetReader",
    "FleetReaderStats",
    "FleetSample",
    "FleetStats",
]
