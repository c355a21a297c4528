"""Warns about pipelines that were never started, or are run where they block an event loop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING

from .._interpreter import exit_hooks
from .._interpreter.log import logger

if TYPE_CHECKING:
    from .pipeline import Pipeline

_made: weakref.WeakSet[Pipeline] = weakref.WeakSet()


def note(pipeline: Pipeline) -> None:
    """Remembers a new pipeline for as long as the program keeps it alive."""
    _made.add(pipeline)


def warn_in_coroutine(call: str, instead: str) -> None:
    """Logs a WARNING if the call is made in a coroutine. Not in notebooks, whose cells run in a loop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or "ipykernel" in sys.modules:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # there is none
        return
    logger.warning("%s blocks the event loop of asyncio until the pipeline has ended: use %s", call, instead)


def _is_whole_program() -> bool:
    """Whether no other code starts its pipelines, and no other error was reported."""
    others = ("__mp_main__", "freshframe._cli")  # in a child process, or run by the command
    failed = getattr(sys, "last_value", None) is not None
    return not failed and not hasattr(sys, "ps1") and not any(each in sys.modules for each in others)


def _report() -> None:
    if not _is_whole_program():
        return
    for pipeline in list(_made):
        engine = pipeline._engine
        if not engine.forked and not engine.started and not engine.ended and engine.node_numbers():
            logger.warning(
                "pipeline %r was built and never started: run() starts it and waits for its end, `with "
                "pipeline:` starts it for programs that read samples",
                pipeline.name,
            )


exit_hooks.add(_report)
