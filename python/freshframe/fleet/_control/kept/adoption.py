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
    """Of agents that an earlier controller has started. With the controller's lock."""

    def begin(self, parts: Parts) -> None:
        """Of this controller."""

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
        """Nothing to do."""

    def why_held(self, camera: Camera, at: float) -> str:
        """It may start."""
        return ""

    def answered(self, runs: list[Run]) -> list[Run]:
        """All."""
        return runs

    def may_launch(self, name: str) -> bool:
        """Always."""
        return True

    def launched(self, name: str) -> None:
        """Nothing to do."""

    def hears(self, link: Link, event: Event) -> bool:
        """None does."""
        return False

    def report(self, link: Link, renewal: _wire.Renewal, now: float) -> list[Action] | None:
        """Nothing."""
        return []

    def changed(self, number: int) -> None:
        """Nothing to do."""

    def ended(self, link: Link) -> None:
        """Nothing to do."""
