"""Fleets: many cameras on several agents, each a process with pipelines of its own. See Fleet."""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

if _typing.TYPE_CHECKING:
    from ._fleet import Fleet
    from ._map import MappedFile
    from ._page import FleetPage
    from ._reader import FleetReader, FleetSample
    from ._stats import AgentStats, CameraStats, FleetEvent, FleetReaderStats, FleetStats

_MODULES = {  # by name; loaded at its first use: agents and guards need no controller
    "AgentStats": "_stats",
    "CameraStats": "_stats",
    "Fleet": "_fleet",
    "FleetEvent": "_stats",
    "FleetPage": "_page",
    "FleetReader": "_reader",
    "FleetReaderStats": "_stats",
    "FleetSample": "_reader",
    "FleetStats": "_stats",
    "MappedFile": "_map",
}


if not _typing.TYPE_CHECKING:  # else type checkers take a misspelt name for one that is loaded later

    def __getattr__(name: str) -> _typing.Any:
        """Loads a public name at its first use."""
        import importlib  # noqa: PLC0415

        if name in _MODULES:
            value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
            globals()[name] = value  # later uses find it without this function
            return value
        raise AttributeError(f"module 'freshframe.fleet' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, also those that are loaded at their first use."""
    return sorted({*globals(), *__all__})


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
