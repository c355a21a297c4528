"""Waits until a drained agent has no cameras."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._errors import StopTimeout

if TYPE_CHECKING:
    from ._control.controller import Controller
    from ._detached.client.remote_controller import RemoteController

_LOOK_EVERY = 0.05  # seconds


def wait_until_empty(controller: Controller | RemoteController, agent: str, timeout: float) -> None:
    """Waits at most `timeout` seconds.

    Raises:
        StopTimeout: The agent has cameras after them.
    """
    deadline = time.monotonic() + timeout
    while controller.cameras_of(agent):
        if time.monotonic() > deadline:
            left = controller.cameras_of(agent)
            raise StopTimeout(f"agent {agent!r} still has {left} cameras after {timeout:g} s", [agent])
        time.sleep(_LOOK_EVERY)
