"""Failures of pipelines that no call has raised: they are logged with their traceback."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

from .. import _native
from .._interpreter.log import logger

_PATIENCE = 5.0  # seconds from the failure that a call has to raise it


def seconds_left(engine: _native.Engine) -> float | None:
    """Until the failure is to be logged; None: there is none that only the log would report."""
    since = None if engine.forked else engine.unreported_since
    return None if since is None else since + _PATIENCE - time.monotonic()


def report(name: str, engine: _native.Engine) -> None:
    """Logs the failure of a pipeline unless a call has raised it. Once; calls still raise it."""
    try:
        engine.raise_unreported()
    except Exception as error:
        logger.error(
            "pipeline %r failed, and no call has raised it: %s",
            name,
            error,
            exc_info=error.with_traceback(None),  # of its cause: the node's
        )
