"""What a controller asks because there may have been one before it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ... import _wire
from ..._decide.model import Action, Camera, Run
from ..._messages import Event
from ..agents.link import Link

if TYPE_CHECKING:
    from ..parts import Parts


class Adoption(Protocol):
    """Adopts agents that an earlier controller has started. The caller holds the controller's lock."""

    def begin(self, parts: Parts) -> None:
        """Begins with the parts of this controller."""

    def why_held(self, camera: Camera, at: float) -> str:
        """Why a camera must not start now. Empty: it may."""

    def answered(self, runs: list[Run]) -> list[Run]:
        """Those of an agent's runs for which this controller can answer."""

    def may_launch(self, name: str) -> bool:
        """Whether an agent may be started now. If not, it is asked again."""

    def launched(self, name: str) -> None:
        """An agent was started."""

    def hears(self, link: Link, event: Event) -> bool:
        """Whether an event concerns the adoption alone."""

    def report(self, link: Link, renewal: _wire.Renewal, now: float) -> list[Action] | None:
        """What follows from a renewal's list of runs. None: the agent is not adopted yet."""

    def changed(self, number: int) -> None:
        """A camera is new, or gets another build."""

    def ended(self, link: Link) -> None:
        """The end of an agent was seen."""


class NothingBefore:
    """The agents of a local fleet end with their controller."""

    def begin(self, parts: Parts) -> None:
        """Does nothing."""

    def why_held(self, camera: Camera, at: float) -> str:
        """Allows every camera to start."""
        return ""

    def answered(self, runs: list[Run]) -> list[Run]:
        """All."""
        return runs

    def may_launch(self, name: str) -> bool:
        """Always."""
        return True

    def launched(self, name: str) -> None:
        """Does nothing."""

    def hears(self, link: Link, event: Event) -> bool:
        """Returns False: no agent is of an earlier controller."""
        return False

    def report(self, link: Link, renewal: _wire.Renewal, now: float) -> list[Action] | None:
        """Returns None: no agent is of an earlier controller."""
        return []

    def changed(self, number: int) -> None:
        """Does nothing."""

    def ended(self, link: Link) -> None:
        """Does nothing."""
