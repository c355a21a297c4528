"""The fleets of this program: closed at its end, forgotten in a forked child."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from .._interpreter import fork
from .._interpreter.log import logger

if TYPE_CHECKING:
    from ._life import Life

_open: set[Life] = set()  # kept alive until they are closed


def opened(fleet: Life) -> None:
    """Counts a fleet that has agents from now on."""
    _open.add(fleet)


def closed(fleet: Life) -> None:
    """Counts a fleet that has no agents any more."""
    _open.discard(fleet)


@atexit.register
def _close_all() -> None:
    for fleet in list(_open):
        try:
            fleet.close()
        except Exception:  # noqa: PERF203  (the others are closed all the same)
            logger.exception("fleet %r was not closed in order", fleet.name)


def _forget_in_child() -> None:
    for fleet in _open:
        fleet.forget_in_child()
    _open.clear()


fork.in_child(_forget_in_child)
