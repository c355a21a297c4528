"""The parts of a fleet's controller."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

from .._decide.decisions import Decisions
from .agents.links import Links
from .builds.builds import Builds
from .cameras import Cameras
from .kept import Adoption, Kept, Receipts
from .loop import Loop
from .notes import Notes
from .place import Place
from .readers import Readers


@dataclass
class Parts:
    """Each has one task. They are used with the lock of the loop."""

    name: str  # name of the fleet
    kept: Kept
    loop: Loop
    place: Place
    adoption: Adoption
    decisions: Decisions
    notes: Notes
    links: Links
    builds: Builds
    cameras: Cameras
    readers: Readers
    receipts: Receipts
    is_closing: bool = False  # the fleet was closed
    failure: str | None = None  # failure of the thread
    cluster_trouble: str = ""  # why nothing is heard of the machines
    cpu: float = 0.0  # seconds of processor time that the thread has used
