"""The parts of a fleet's controller."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._decide.decisions import Decisions
from .agents.links import Links
from .builds.builds import Builds
from .cameras import Cameras
from .loop import Loop
from .name_lock import NameLock
from .notes import Notes
from .readers import Readers


@dataclass
class Parts:
    """The parts of a controller, each with one task. Requires the lock of the loop."""

    name: str
    lock: NameLock
    loop: Loop
    options: dict[str, Any]  # options for its agents
    decisions: Decisions
    notes: Notes
    links: Links
    builds: Builds
    cameras: Cameras
    readers: Readers
    is_closing: bool = False  # the fleet was closed
    failure: str | None = None  # why the thread failed
    cpu: float = 0.0  # CPU time of the thread in seconds
