"""Fleets with agents under guards, as on a cluster. Here the guards are processes of the test."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from support import program_environment

import freshframe as ff
from freshframe_fleet._control.controller import Controller
from freshframe_fleet._control.setup import Setup
from freshframe_fleet._machines.guarded_place import GuardedPlace
from freshframe_fleet._machines.handshake import new_token

_CODE = (
    "import sys; from freshframe_fleet._machines.guard import Guard; "
    "Guard(('127.0.0.1', int(sys.argv[1])), bytes.fromhex(sys.argv[2]), sys.argv[3]).run()"
)


class _Controller(Controller):
    """Each agent of a local fleet has a machine with its name."""

    def add_agent(self, name: str, labels: Mapping[str, str]) -> None:
        place = self.parts.place
        assert isinstance(place, GuardedPlace)
        place.add_node(name, name, labels)


class GuardedFleet(ff.fleet.Fleet):
    """A Fleet of this machine with guards."""

    def __init__(self, agents: int = 2, *, guarded: int = 0) -> None:
        """`guarded`: the first agent that gets its guard at once; the others get theirs by start_guard()."""
        self.guards: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__(agents)
        for number in range(guarded, agents):
            self.start_guard(f"agent{number}")

    @staticmethod
    def _make_controller(setup: Setup) -> Controller:
        token = new_token()
        controller = _Controller(setup, GuardedPlace(setup.options, host="127.0.0.1", token=token))
        controller.token = token  # type: ignore[attr-defined]
        return controller

    @property
    def controller(self) -> Any:
        return self._controller

    def start_guard(self, node: str, port: int | None = None) -> None:
        """`port`: of the relay between it and the controller."""
        self.guards[node] = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _CODE,
                str(port or self.controller.parts.place.guards.address[1]),
                self.controller.token.hex(),
                node,
            ],
            env=program_environment(),
        )

    def end_guards(self) -> None:
        for guard in self.guards.values():
            guard.kill()
            guard.wait()
