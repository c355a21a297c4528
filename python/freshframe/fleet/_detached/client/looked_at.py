"""The statistics of a fleet with another version of freshframe: they travel as plain values with names."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from ..._stats import AgentStats, CameraStats, FleetEvent, FleetReaderStats, FleetStats

_NOTHING = {"str": "", "int": 0, "float": 0.0, "bool": False, "dict[str, str]": {}}  # by annotation

_T = TypeVar("_T")


def stats_of(plain: Mapping[str, Any]) -> FleetStats:
    """What FleetStats.as_json() of the other version has told. Names that are not known here are left out."""
    return _made(
        FleetStats,
        {
            **plain,
            "agents": {name: _made(AgentStats, each) for name, each in plain.get("agents", {}).items()},
            "cameras": {name: _made(CameraStats, each) for name, each in plain.get("cameras", {}).items()},
            "readers": [_made(FleetReaderStats, each) for each in plain.get("readers", ())],
            "events": [_made(FleetEvent, each) for each in plain.get("events", ())],
        },
    )


def _made(kind: type[_T], plain: Mapping[str, Any]) -> _T:
    """A dataclass. What the other version does not tell is its default, or nothing."""
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in plain:
            values[field.name] = plain[field.name]
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = _NOTHING.get(str(field.type))
    return kind(**values)
