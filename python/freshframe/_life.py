"""Who keeps a running pipeline alive, and what happens to it when the interpreter exits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

from . import _log, _native, _serve
from ._log import logger

if TYPE_CHECKING:
    from ._pipeline import Pipeline

_EXIT_TIMEOUT = 5.0  # seconds that nodes have to finish when the interpreter exits

_running: set[Pipeline] = set()
_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def keep(pipeline: Pipeline) -> None:
    """A started pipeline is kept alive until it has ended, as threading.Thread is."""
    _running.add(pipeline)
    _log.start()


def keep_thread(thread: threading.Thread) -> None:
    """A Python node's thread has started; the exit waits for it."""
    _threads.add(thread)


def forget(pipeline: Pipeline) -> None:
    """It has been stopped."""
    _running.discard(pipeline)
    _discard_ended()
    if not _running:
        _end_log_thread()


def forget_ended() -> None:
    """Lets go of those that have ended by themselves. Waits for nothing."""
    _discard_ended()
    if not _running:
        _log.leave()


def _discard_ended() -> None:
    for pipeline in list(_running):
        if not pipeline._engine.forked and pipeline._engine.ended:
            _running.discard(pipeline)


def _end_log_thread() -> None:
    logging_thread = _log.leave()
    if logging_thread is not None and logging_thread is not threading.current_thread():
        logging_thread.join(1.0)


# The child's copies of the parent's threads are gone without having let go of what they held.
os.register_at_fork(after_in_child=_native.let_leaks_pass)


@atexit.register
def _stop_all() -> None:
    pipelines = [pipeline for pipeline in _running if not pipeline._engine.forked]
    for pipeline in pipelines:
        pipeline._engine.request_stop()
    _serve.end_all()
    deadline = time.monotonic() + _EXIT_TIMEOUT
    busy = False
    for pipeline in pipelines:
        if not pipeline._engine.join(max(0.0, deadline - time.monotonic())):
            names = ", ".join(repr(name) for name in pipeline._engine.busy_nodes())
            logger.warning("exit: %s of %r still busy, let go", names, pipeline.name)
            busy = True
    if not busy:
        for thread in list(_threads):
            thread.join(1.0)  # its last steps need the GIL, which the interpreter will not give any more
    _log.drain()
    _native.collect_log(False)
    _end_log_thread()
    if busy or threading.active_count() > 1:  # a daemon thread of the program never lets go of what it holds
        _native.let_leaks_pass()
    if busy:
        return
    _running.clear()
    _native.forget_classes()
