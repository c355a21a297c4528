"""Keeps running pipelines alive, and stops them when the interpreter exits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import itertools
import math
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .. import _native
from .._errors import StateError, StopTimeoutError
from .._interpreter import exit_hooks, fork, log
from .._interpreter.locks import held
from .._interpreter.log import logger

_PATIENCE = 5.0  # seconds within which a call may raise a failure, before it is logged instead


def seconds_left(engine: _native.Engine) -> float | None:
    """Returns the seconds until the failure is logged; None if a call has raised it or nothing failed."""
    since = None if engine.forked else engine.unreported_since
    return None if since is None else since + _PATIENCE - time.monotonic()


def report_unraised(name: str, engine: _native.Engine) -> None:
    """Logs the failure of a pipeline once, unless a call has raised it. Later calls still raise it."""
    try:
        engine.raise_unreported()
    except Exception as error:
        logger.error(
            "pipeline %r failed, and no call has raised the error: %s",
            name,
            error,
            exc_info=error.with_traceback(None),  # no traceback: the cause has that of the node
        )


_EXIT_TIMEOUT = 5.0  # seconds to wait for nodes when the interpreter exits

_DEFAULT_NAME = "pipeline"
_MANY = 8  # from this many running unnamed pipelines on, the log warns


class Running(NamedTuple):
    """A started pipeline: what is needed to keep it alive and to stop it."""

    name: str
    engine: _native.Engine
    stop: Callable[[float | None], None]  # the Pipeline's stop(), a bound method that keeps it alive


# Guards the variables below, and whether the log's thread runs. Reentrant, because a pending call of the
# interpreter may take it at any point of the main thread. While it is held, do not log, join, or call user
# code.
_lock = threading.RLock()
_running: dict[_native.Engine, Running] = {}
_leaving: set[_native.Engine] = set()  # those in _running whose own loop has stopped them
_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_exiting = False

# Called for each pipeline that starts, on the starting thread, without the lock. They must not do real work.
at_start: list[Callable[[Running], None]] = []


def keep(started: Running) -> None:
    """Keeps a started pipeline alive until it has ended, like threading.Thread.

    If it fails, it is kept until the failure has been raised or logged.
    """
    named = started.name != _DEFAULT_NAME or hasattr(sys, "ps1")  # a notebook cell that is executed again
    with held(_lock):
        _discard_ended()
        same = sum(
            other.name == started.name and _runs(other.engine) and other.engine not in _leaving
            for other in _running.values()
        )
        _running[started.engine] = started
        log.start(_report_overdue)
    for note in tuple(at_start):  # a copy, as the list may change
        note(started)
    if not named and same + 1 == _MANY:
        logger.warning(
            "%d pipelines without a name are running: each runs until its stream ends or stop() is called, "
            "even if the program keeps no reference to it. Stop the pipelines that are not needed, such as "
            "with freshframe.Pipeline.stop_all(), or name them: freshframe.Pipeline('yard')",
            _MANY,
        )
    if named and same:
        logger.warning(
            "another pipeline named %r is running; stop it, call freshframe.Pipeline.stop_all(), or give "
            "them different names",
            started.name,
        )


def free_name(wanted: str) -> str:
    """Returns the name, with a number appended if a running pipeline has it."""
    with held(_lock):
        taken = {other.name for other in _running.values() if _runs(other.engine)}
    names = itertools.chain([wanted], (f"{wanted} ({number})" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def leave(engine: _native.Engine) -> None:
    """Requests a stop without waiting. Called when a loop over the samples is left.

    Must not take a lock: the garbage collector may call it on a thread that holds it.
    """
    if engine in _running:
        _leaving.add(engine)
    engine.request_stop()


def start_thread(thread: threading.Thread, engine: _native.Engine) -> None:
    """Starts a Python node's thread. The interpreter's exit waits for it.

    No lock is held in the meantime: a signal handler or finalizer may run then and wait for nodes that other
    threads are starting.

    Raises:
        StateError: The interpreter is exiting, so that the thread could not get the GIL any more. Or this is
            a signal handler or finalizer that interrupted Thread.start(), see interrupts_a_start().
    """
    if interrupts_a_start():
        raise StateError(
            "this signal handler or finalizer interrupted the start of a thread, and no other thread can "
            "start until it returns: add the node on another thread"
        )
    with held(_lock):
        if _exiting:
            raise StateError("the interpreter is exiting: nodes can no longer be started")
        _threads.add(thread)
    engine.note_launcher()
    try:
        thread.start()
    except (RuntimeError, KeyError, MemoryError) as error:
        if error.__context__ is not None:  # a signal handler's exception, hidden by one from start()
            raise error.__context__ from None
        _threads.discard(thread)  # it could not be started
        raise


def interrupts_a_start() -> bool:
    """Returns True if this thread holds the lock of `threading` that threads need to start and to end.

    That is the case in a signal handler or finalizer that has interrupted Thread.start() or similar.
    """
    is_owned = getattr(getattr(threading, "_active_limbo_lock", None), "_is_owned", None)
    return is_owned is not None and bool(is_owned())


def forget_stopped() -> None:
    """Drops engines after stop(): like forget_ended(), and waits until their last log lines are written."""
    with held(_lock):
        _discard_ended()
        idle = None if _running else log.leave()
    _join_log_thread(idle)


def stop_all(timeout: float) -> None:
    """Implements Pipeline.stop_all()."""
    pipelines = _all_running()
    for pipeline in pipelines:
        pipeline.engine.request_stop()
    deadline = time.monotonic() + timeout
    nodes = [node for pipeline in pipelines for node in _stopped(pipeline, deadline)]
    if nodes:
        names = ", ".join(repr(node) for node in nodes)
        raise StopTimeoutError(f"these nodes are still busy {timeout:g} s after stop_all(): {names}", nodes)


def _stopped(pipeline: Running, deadline: float) -> list[str]:
    """Stops a pipeline; returns the names of the nodes that are still busy at the deadline."""
    try:
        pipeline.stop(None if deadline == math.inf else max(0.0, deadline - time.monotonic()))
    except StopTimeoutError as error:
        return error.nodes
    return []


def forget_ended() -> None:
    """Drops engines that have ended by themselves. Must never block, as a pending call may run it anywhere.

    If another thread holds the lock, the next pipeline to start or stop does it.
    """
    taken: list[bool] = []
    try:
        taken += map(_lock.acquire, (False,))  # atomic with respect to signal handlers, as in log.drain()
        if taken[0]:
            _discard_ended()
            if not _running:
                log.leave()
    finally:
        if taken and taken[0]:
            _lock.release()


def _all_running() -> list[Running]:
    """Returns the running pipelines of this process."""
    with held(_lock):
        return [pipeline for pipeline in _running.values() if not pipeline.engine.forked]


def describe_state(engine: _native.Engine) -> str:
    """Returns the state for Pipeline's repr; must not raise in a forked child."""
    if engine.forked:
        return "created before this process was forked"
    return "ended" if engine.ended else "running" if engine.started else "new"


def _runs(engine: _native.Engine) -> bool:
    return not engine.forked and not engine.ended


def _discard_ended() -> None:
    """Drops all engines except those whose failure has yet to be raised or logged."""
    for engine in list(_running):
        if not engine.forked and engine.ended and seconds_left(engine) is None:
            _running.pop(engine, None)
    _leaving.intersection_update(_running)


def _report_overdue() -> float | None:
    """Logs overdue failures, on the log's thread. Returns the seconds until the next one is due, or None."""
    with held(_lock):
        left = [(seconds_left(each.engine), each) for each in _running.values()]
    for seconds, each in left:
        if seconds is not None and seconds <= 0:
            report_unraised(each.name, each.engine)
    forget_ended()
    return min((seconds for seconds, _ in left if seconds is not None and seconds > 0), default=None)


def join_others(threads: Iterable[threading.Thread]) -> None:
    """Waits for other threads whose work is done, at most one second each."""
    if interrupts_a_start():  # they cannot end before the caller has returned
        return
    for thread in list(threads):
        # Compare the id: with a patched `threading`, a foreign thread may look like its starter, and never
        # ends.
        if thread.is_alive() and thread.ident != threading.get_ident():
            thread.join(1.0)


def _await_begins(deadline: float) -> None:
    """Waits until the threads that are being started have begun to run.

    A thread that starts after the interpreter has freed the thread states crashes (seen with CPython 3.11).
    """
    while any(thread.ident is None for thread in list(_threads)) and time.monotonic() < deadline:
        time.sleep(0.001)


def _join_log_thread(logging_thread: threading.Thread | None) -> None:
    join_others([] if logging_thread is None else [logging_thread])


def _forked() -> None:
    """Replaces locks in a forked child: the parent's threads do not exist there and cannot release them."""
    global _lock, _threads
    _lock, _threads = threading.RLock(), weakref.WeakSet()
    _native.let_leaks_pass()


fork.in_child(_forked)


@atexit.register
def _stop_all() -> None:
    global _exiting  # noqa: PLW0603
    with held(_lock):
        _exiting = True
    pipelines = _all_running()
    for pipeline in pipelines:
        pipeline.engine.request_stop()
    exit_hooks.run()
    deadline = time.monotonic() + _EXIT_TIMEOUT
    busy = False
    for pipeline in pipelines:
        if nodes := pipeline.engine.join(max(0.0, deadline - time.monotonic())):
            names = ", ".join(repr(name) for name in nodes)
            logger.warning("exiting although these nodes are still busy: %s of %r", names, pipeline.name)
            busy = True
        report_unraised(pipeline.name, pipeline.engine)
    _await_begins(max(deadline, time.monotonic() + 0.5))
    if not busy:
        join_others(_threads)  # their last steps need the GIL, which will soon be unavailable
    log.drain(last=True)
    _native.collect_log(False)
    _join_log_thread(log.leave())
    if busy or threading.active_count() > 1:  # a daemon thread never drops its references
        _native.let_leaks_pass()
    if busy:
        return
    _running.clear()
    ours = (threading.main_thread(), *_threads)
    if all(thread in ours or log.is_thread(thread) for thread in threading.enumerate()):
        _native.forget_classes()  # otherwise a daemon thread may be in a call that needs them
