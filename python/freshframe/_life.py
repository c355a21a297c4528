"""The owners of running pipelines, and the end of pipelines when the interpreter exits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _check, _fork, _log, _native
from ._errors import StopTimeout
from ._log import logger

if TYPE_CHECKING:
    from ._pipeline import Pipeline

_EXIT_TIMEOUT = 5.0  # seconds that nodes have to finish when the interpreter exits

_DEFAULT_NAME = "pipeline"

# Guards the names below, and whether the log's thread runs. A pending call of the interpreter takes it, at
# any point of the main thread: so it is reentrant, and no code logs, joins or calls a program's code while it
# is held.
_lock = threading.RLock()
_running: set[Pipeline] = set()
_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_exit_hooks: list[Callable[[], object]] = []


def keep(pipeline: Pipeline) -> None:
    """A started pipeline is kept alive until it has ended, as threading.Thread is."""
    named = pipeline.name != _DEFAULT_NAME or hasattr(sys, "ps1")  # a cell of a notebook that runs again
    with _lock:
        _discard_ended()
        same = any(other.name == pipeline.name and not other._engine.forked for other in list(_running))
        _running.add(pipeline)
        _log.start()
    if named and same:
        logger.warning(
            "another pipeline named %r is running; stop it, call freshframe.stop_all(), or give them "
            "different names",
            pipeline.name,
        )


def keep_thread(thread: threading.Thread) -> None:
    """A Python node's thread has started; the exit waits for it."""
    with _lock:
        _threads.add(thread)


def forget(pipeline: Pipeline) -> None:
    """It has been stopped."""
    with _lock:
        _running.discard(pipeline)
        _discard_ended()
        idle = None if _running else _log.leave()
    _join_log_thread(idle)


def stop_all(timeout: float = 5.0) -> None:
    """Stops all running pipelines of this process, as in a notebook before a cell runs again.

    Args:
        timeout: Seconds for all of them together.

    Raises:
        StopTimeout: Nodes are still busy after ``timeout`` seconds; ``nodes`` names them.
    GIL: released while waiting.
    """
    timeout = _check.timeout(timeout)
    pipelines = _all_running()
    for pipeline in pipelines:
        pipeline._engine.request_stop()
    deadline = time.monotonic() + timeout
    nodes = [node for pipeline in pipelines for node in _stopped(pipeline, deadline)]
    if nodes:
        names = ", ".join(repr(node) for node in nodes)
        raise StopTimeout(f"still busy {timeout:g} s after stop_all(): {names}", nodes)


def _stopped(pipeline: Pipeline, deadline: float) -> list[str]:
    """Stops it; returns the names of the nodes that are still busy at the deadline."""
    try:
        pipeline.stop(max(0.0, deadline - time.monotonic()))
    except StopTimeout as error:
        return error.nodes
    return []


def forget_ended() -> None:
    """Drops those that have ended by themselves. Never waits, because a pending call runs it anywhere.

    If another thread holds the lock, the next pipeline that starts or stops does it.
    """
    if not _lock.acquire(blocking=False):
        return
    try:
        _discard_ended()
        if not _running:
            _log.leave()
    finally:
        _lock.release()


def _all_running() -> list[Pipeline]:
    """Those of this process."""
    with _lock:
        return [pipeline for pipeline in _running if not pipeline._engine.forked]


def _discard_ended() -> None:
    for pipeline in list(_running):
        if not pipeline._engine.forked and pipeline._engine.ended:
            _running.discard(pipeline)


def _join_log_thread(logging_thread: threading.Thread | None) -> None:
    if logging_thread is not None and logging_thread is not threading.current_thread():
        logging_thread.join(1.0)


def _forked() -> None:
    """The parent's threads do not exist in the child, and have not released their locks there."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()
    _native.let_leaks_pass()


_fork.in_child(_forked)


def at_exit(hook: Callable[[], object]) -> None:
    """Calls ``hook`` when the interpreter exits: all pipelines are asked to stop, and none is joined yet."""
    _exit_hooks.append(hook)


@atexit.register
def _stop_all() -> None:
    pipelines = _all_running()
    for pipeline in pipelines:
        pipeline._engine.request_stop()
    for hook in _exit_hooks:
        hook()
    deadline = time.monotonic() + _EXIT_TIMEOUT
    busy = False
    for pipeline in pipelines:
        if not pipeline._engine.join(max(0.0, deadline - time.monotonic())):
            names = ", ".join(repr(name) for name in pipeline._engine.busy_nodes())
            logger.warning("exit: %s of %r still busy; no longer waiting for them", names, pipeline.name)
            busy = True
    if not busy:
        for thread in list(_threads):
            thread.join(1.0)  # its last steps need the GIL, which no thread gets any more
    _log.drain()
    _native.collect_log(False)
    _join_log_thread(_log.leave())
    if busy or threading.active_count() > 1:  # a daemon thread of the program never drops its references
        _native.let_leaks_pass()
    if busy:
        return
    _running.clear()
    ours = (threading.main_thread(), *_threads)
    if all(thread in ours or _log.is_thread(thread) for thread in threading.enumerate()):
        _native.forget_classes()  # else such a thread may be in a call that needs them
