"""The owners of running pipelines, and the end of pipelines when the interpreter exits."""

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

_PATIENCE = 5.0  # seconds from the failure that a call has to raise it


def seconds_left(engine: _native.Engine) -> float | None:
    """Returns the seconds until the failure is to be logged; None if nothing else reports it."""
    since = None if engine.forked else engine.unreported_since
    return None if since is None else since + _PATIENCE - time.monotonic()


def report_unraised(name: str, engine: _native.Engine) -> None:
    """Logs the failure of a pipeline unless a call has raised it. Once; calls still raise it."""
    try:
        engine.raise_unreported()
    except Exception as error:
        logger.error(
            "pipeline %r failed, and no call has raised it: %s",
            name,
            error,
            exc_info=error.with_traceback(None),  # without the traceback: its cause has the node's
        )


_EXIT_TIMEOUT = 5.0  # seconds that nodes have to finish when the interpreter exits

_DEFAULT_NAME = "pipeline"
_MANY = 8  # running pipelines without a name


class Running(NamedTuple):
    """A started pipeline: what is needed here to keep it alive and to end it."""

    name: str
    engine: _native.Engine
    stop: Callable[[float | None], None]  # stop() of the Pipeline, which it keeps alive


# Guards the names below, and whether the log's thread runs. A pending call of the interpreter takes it, at
# any point of the main thread: so it is reentrant, and no code logs, joins or calls a program's code while it
# is held.
_lock = threading.RLock()
_running: dict[_native.Engine, Running] = {}
_leaving: set[_native.Engine] = set()  # those of _running that their own loop stopped
_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_exiting = False

# Called with each pipeline that starts, on the thread that starts it, without the lock: they only note it.
at_start: list[Callable[[Running], None]] = []


def keep(started: Running) -> None:
    """A started pipeline is kept alive until it has ended, as threading.Thread is.

    If it fails, it is kept until the failure was raised or logged.
    """
    named = started.name != _DEFAULT_NAME or hasattr(sys, "ps1")  # a cell of a notebook that runs again
    with held(_lock):
        _discard_ended()
        same = sum(
            other.name == started.name and _runs(other.engine) and other.engine not in _leaving
            for other in _running.values()
        )
        _running[started.engine] = started
        log.start(_report_overdue)
    for note in tuple(at_start):  # the notes of this moment
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
    """The name, with a number if a pipeline that runs has it."""
    with held(_lock):
        taken = {other.name for other in _running.values() if _runs(other.engine)}
    names = itertools.chain([wanted], (f"{wanted} ({number})" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def leave(engine: _native.Engine) -> None:
    """Requests a stop without waiting: a loop over its samples was left.

    The garbage collector may call it on the very thread that keep() waits for, so it takes no lock.
    """
    if engine in _running:
        _leaving.add(engine)
    engine.request_stop()


def start_thread(thread: threading.Thread, engine: _native.Engine) -> None:
    """Starts a Python node's thread; the exit waits for it.

    No lock is held while it starts: a signal's handler or a finalizer may run then, and wait for nodes that
    other threads are just starting.

    Raises:
        StateError: The interpreter exits: a thread that begins now could not get the GIL any more. Or this
            thread was interrupted where no other can begin.
    """
    if interrupts_a_start():
        raise StateError(
            "this signal's handler or finalizer has interrupted the start of a thread, and no other can "
            "begin before it has returned: let it ask a thread of the program to add the node"
        )
    with held(_lock):
        if _exiting:
            raise StateError("the interpreter exits: no node can be started any more")
        _threads.add(thread)
    engine.note_launcher()
    try:
        thread.start()
    except (RuntimeError, KeyError, MemoryError) as error:
        if error.__context__ is not None:  # a handler's exception, which start() has masked with another one
            raise error.__context__ from None
        _threads.discard(thread)  # it can't be started
        raise


def interrupts_a_start() -> bool:
    """Whether this thread holds the lock of `threading` that each thread needs at its start and at its end.

    So it is the handler of a signal or a finalizer, which has interrupted Thread.start() or its like.
    """
    is_owned = getattr(getattr(threading, "_active_limbo_lock", None), "_is_owned", None)
    return is_owned is not None and bool(is_owned())


def forget_stopped() -> None:
    """A pipeline has been stopped: as forget_ended(), and waits for the log's last lines."""
    with held(_lock):
        _discard_ended()
        idle = None if _running else log.leave()
    _join_log_thread(idle)


def stop_all(timeout: float) -> None:
    """Does the work of Pipeline.stop_all()."""
    pipelines = _all_running()
    for pipeline in pipelines:
        pipeline.engine.request_stop()
    deadline = time.monotonic() + timeout
    nodes = [node for pipeline in pipelines for node in _stopped(pipeline, deadline)]
    if nodes:
        names = ", ".join(repr(node) for node in nodes)
        raise StopTimeoutError(f"still busy {timeout:g} s after stop_all(): {names}", nodes)


def _stopped(pipeline: Running, deadline: float) -> list[str]:
    """Stops it; returns the names of the nodes that are still busy at the deadline."""
    try:
        pipeline.stop(None if deadline == math.inf else max(0.0, deadline - time.monotonic()))
    except StopTimeoutError as error:
        return error.nodes
    return []


def forget_ended() -> None:
    """Drops engines that have ended by themselves. Never waits, because a pending call runs it anywhere.

    If another thread holds the lock, the next pipeline that starts or stops does it.
    """
    taken: list[bool] = []
    try:
        taken += map(_lock.acquire, (False,))  # one step, as in log.drain()
        if taken[0]:
            _discard_ended()
            if not _running:
                log.leave()
    finally:
        if taken and taken[0]:
            _lock.release()


def _all_running() -> list[Running]:
    """The pipelines of this process."""
    with held(_lock):
        return [pipeline for pipeline in _running.values() if not pipeline.engine.forked]


def describe_state(engine: _native.Engine) -> str:
    """For the text of a pipeline, which must not raise in a forked child either."""
    if engine.forked:
        return "of the parent of this forked process"
    return "ended" if engine.ended else "running" if engine.started else "new"


def _runs(engine: _native.Engine) -> bool:
    return not engine.forked and not engine.ended


def _discard_ended() -> None:
    """Drops all engines unless their failure has yet to be raised or logged."""
    for engine in list(_running):
        if not engine.forked and engine.ended and seconds_left(engine) is None:
            _running.pop(engine, None)
    _leaving.intersection_update(_running)


def _report_overdue() -> float | None:
    """Runs on the log's thread. Returns the seconds until the next failure is overdue; None without one."""
    with held(_lock):
        left = [(seconds_left(each.engine), each) for each in _running.values()]
    for seconds, each in left:
        if seconds is not None and seconds <= 0:
            report_unraised(each.name, each.engine)
    forget_ended()
    return min((seconds for seconds, _ in left if seconds is not None and seconds > 0), default=None)


def join_others(threads: Iterable[threading.Thread]) -> None:
    """Waits for the ends of other threads whose work is done, at most a second for each."""
    if interrupts_a_start():  # none of them can end before the caller has returned
        return
    for thread in list(threads):
        # The number decides: where threading is replaced, a foreign thread has its starter's, and never ends.
        if thread.is_alive() and thread.ident != threading.get_ident():
            thread.join(1.0)


def _await_begins(deadline: float) -> None:
    """Waits for threads that other threads of the program are just starting.

    A thread that begins when the interpreter has freed its threads' states crashes (seen with CPython 3.11).
    """
    while any(thread.ident is None for thread in list(_threads)) and time.monotonic() < deadline:
        time.sleep(0.001)


def _join_log_thread(logging_thread: threading.Thread | None) -> None:
    join_others([] if logging_thread is None else [logging_thread])


def _forked() -> None:
    """The parent's threads do not exist in the child, and have not released their locks there."""
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
            logger.warning("exit: %s of %r still busy; no longer waiting for them", names, pipeline.name)
            busy = True
        report_unraised(pipeline.name, pipeline.engine)
    _await_begins(max(deadline, time.monotonic() + 0.5))
    if not busy:
        join_others(_threads)  # their last steps need the GIL, which no thread gets any more
    log.drain(last=True)
    _native.collect_log(False)
    _join_log_thread(log.leave())
    if busy or threading.active_count() > 1:  # a daemon thread of the program never drops its references
        _native.let_leaks_pass()
    if busy:
        return
    _running.clear()
    ours = (threading.main_thread(), *_threads)
    if all(thread in ours or log.is_thread(thread) for thread in threading.enumerate()):
        _native.forget_classes()  # otherwise such a thread may be in a call that needs them
