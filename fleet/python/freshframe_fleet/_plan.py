"""The options of a fleet, once all of them are checked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import secrets
import string
import sys
from typing import Any

from freshframe import StateError

from . import _specs
from ._control.setup import Setup

_LETTERS = string.ascii_lowercase + string.digits


def local_setup(name: Any, start_timeout: Any, gil_timeout: Any, outbox_bytes: Any) -> Setup:
    """Checks the options of a fleet on this machine.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        StateError: There is no Python interpreter to start agents with.
    """
    times, options = _specs.checked_times(start_timeout, gil_timeout)
    options = {**options, "outbox_bytes": _specs.checked_outbox_bytes(outbox_bytes)}
    is_made_up = name is None
    name = _made_up_name() if is_made_up else _specs.checked_name("name", name)
    if not sys.executable or getattr(sys, "frozen", False):
        raise StateError(
            "a local fleet needs a Python interpreter to start its agents, but this program has none"
        )
    return Setup(name, is_made_up, times, options)


def _made_up_name() -> str:
    # Not the process ID, which may be the same in two containers that share the state folder. Short, because
    # it is part of a socket's path.
    return "local-" + "".join(secrets.choice(_LETTERS) for _ in range(5))
