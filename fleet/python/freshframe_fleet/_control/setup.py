"""The options of a fleet's controller."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._decide.model import Times


@dataclass(frozen=True)
class Setup:
    """The options of a fleet's controller."""

    name: str
    made_up: bool  # whether the name was generated because the program gave none
    times: Times
    options: dict[str, Any]  # options for its agents
