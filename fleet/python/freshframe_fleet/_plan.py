"""The options of a fleet, once all of them are checked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import secrets
import string
import sys
from dataclasses import dataclass
from typing import Any

from freshframe import StateError

from . import _specs
from ._control.setup import Setup
from ._decide.model import Times

_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Limits:
    """The options of every fleet, as its program has given them."""

    start_timeout: Any
    gil_timeout: Any
    outbox_bytes: Any

    def checked(self) -> tuple[Times, dict[str, Any]]:
        """Returns the times by which a fleet decides, and the options of its agents.

        Raises:
            OptionError: One is out of range.
            OptionTypeError: One is of the wrong type.
        """
        times, options = _specs.checked_times(self.start_timeout, self.gil_timeout)
        return times, {**options, "outbox_bytes": _specs.checked_outbox_bytes(self.outbox_bytes)}


def local_setup(name: Any, limits: Limits) -> Setup:
    """Checks the options of a fleet on this machine.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        StateError: This program has no Python to start agents with.
    """
    times, options = limits.checked()
    setup = _setup(name, times, options)
    if not sys.executable or getattr(sys, "frozen", False):
        raise StateError("a local fleet needs a Python to start agents with, and this program has none")
    return setup


def _setup(name: Any, times: Times, options: dict[str, Any]) -> Setup:
    if name is None:
        # No process id: two containers with one folder of states can have the same. And short, because it is
        # in a socket's path.
        letters = "".join(secrets.choice(_LETTERS) for _ in range(5))
        return Setup(f"local-{letters}", True, times, options)
    return Setup(_specs.checked_name("name", name), False, times, options)
