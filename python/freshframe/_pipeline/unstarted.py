"""Warns about pipelines that were never started, loops that are empty, and calls that block an event loop."""

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
_warned: set[tuple[str, int]] = set()  # files and lines of calls that block an event loop


def note(pipeline: Pipeline) -> None:
    """Remembers a new pipeline for as long as the program keeps it alive."""
    _made.add(pipeline)


def warn_of_blocking_loop(what: str) -> None:
    """Logs a WARNING if `for sample in` starts in a coroutine."""
    _warn_in_coroutine(f"`for sample in` {what}", "while it waits for each sample", "`async for`")


def warn_of_blocking_run() -> None:
    """Logs a WARNING if run() is called in a coroutine."""
    _warn_in_coroutine("run()", "until the pipeline has ended", "`await asyncio.to_thread(pipeline.run)`")


def warn_empty_loop(why: str) -> None:
    """Logs a WARNING that a loop over a reader ends immediately. The reader calls it once."""
    logger.warning("this loop ends immediately: %s", why)


def _warn_in_coroutine(call: str, during: str, instead: str) -> None:
    """Warns once per line of the program. Not in notebooks, whose cells run in an event loop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or "ipykernel" in sys.modules:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # there is none
        return
    place = _place_of_call()
    if place not in _warned:
        _warned.add(place)
        logger.warning("%s blocks the event loop of asyncio %s: use %s", call, during, instead)


def _place_of_call() -> tuple[str, int]:
    """Returns the file and line at which the program called freshframe."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("freshframe."):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _is_whole_program() -> bool:
    """Returns True if only this program could start its pipelines, and no other error was reported."""
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
