"""A worker process: one node, samples in, results out. Started by the engine, never by hand."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import faulthandler
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any

from .. import _native
from .._errors import FreshframeError, OptionTypeError
from .._graph.hints import hint
from .._graph.nodes import checked_results
from .._graph.stamped import Stamped
from .._plugin.nodes import Travels
from . import pickling
from .error_text import named, traceback_of
from .worker_log import ToParent, log_to_parent

_SOCKET = 3
_MOST_TRACEBACK = 12_000  # characters; its end is the most useful part


def _fail(end: Any, what: str, error: BaseException) -> None:
    lines = traceback_of(error)
    if len(lines) > _MOST_TRACEBACK:
        lines = "...\n" + lines[-_MOST_TRACEBACK:]
    BaseException.with_traceback(error, None)  # a class of the user's may refuse the assignment
    try:
        parts = pickling.dumps(error)
    except BaseException:  # any exception of its class: the text is known
        parts = None
    end.fail(what, (named(error) + hint(error), lines), parts)


def _sendable(result: Any) -> Any:
    if isinstance(result, Stamped):
        raise OptionTypeError("stamped() has no effect in a worker process: leave process= out")
    return result


def _work(end: Any, call: Callable[[Any], Any], takes_values: bool) -> None:
    while True:
        sample = end.receive()
        if sample is None:
            return
        given = sample.value if takes_values else sample
        del sample
        try:
            result = _sendable(call(given))
            del given  # the reply returns the leases of dropped frames
            end.reply(result)
            del result
        except BaseException as error:  # sys.exit(), too: a worker ends by its parent's order only
            given = None
            _fail(end, "sample", error)


def _work_in_batches(end: Any, call: Callable[[Any], Any], takes_values: bool) -> None:
    what = "a function with a batch" if takes_values else "process_batch()"
    while True:
        samples = end.receive_batch()
        if samples is None:
            return
        count = len(samples)
        try:
            given = [sample.value for sample in samples] if takes_values else samples
            del samples
            results = list(checked_results(call(given), count, what))
            del given  # the last reply returns the leases of dropped frames
        except BaseException as error:  # as in _work()
            given = samples = None
            _fail(end, "call", error)
            continue
        for number in range(count):
            result, results[number] = results[number], None
            try:
                if isinstance(result, BaseException):
                    raise result
                end.reply(_sendable(result))
                del result
            except BaseException as error:  # as in _work()
                result = None
                _fail(end, "sample", error)


def _run(end: Any, task: dict[str, Any], name: str, logs: ToParent) -> None:
    opened = False
    node: Any = None
    try:
        pickling.learn(pickle.loads(task["definitions"]))
        definitions, node = pickle.loads(task["node"])
        pickling.learn(definitions)
        if isinstance(node, Travels):
            node._freshframe_name = name
        if not task["takes_values"]:
            node.open()
        opened = True
        end.opened()
    except BaseException as error:  # as in _work()
        _fail(end, "outside", error)
        _wait_for_end(end)
    if opened:
        if task["in_batches"]:
            _work_in_batches(end, node if task["takes_values"] else node.process_batch, task["takes_values"])
        else:
            _work(end, node if task["takes_values"] else node.process, task["takes_values"])
        if not task["takes_values"]:
            try:
                node.close()
            except BaseException as error:  # as in _work()
                _fail(end, "outside", error)
    logs.close()
    end.closed()


def _wait_for_end(end: Any) -> None:
    while end.receive() is not None:
        pass


def main(parent: int) -> None:
    """The worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    _native.let_leaks_pass()  # the node may keep references until its end
    end = _native.WorkerEnd(_SOCKET, parent)
    try:
        _serve(end)
    except FreshframeError:
        if not end.parent_ended:  # the end of the program is not an error of the node
            raise


def _serve(end: Any) -> None:
    payload, stacks, name = end.init()
    faulthandler.register(signal.SIGRTMIN + 3, file=stacks, all_threads=True)
    task = pickle.loads(payload)
    threading.current_thread().name = name
    logs = log_to_parent(end, task["levels"])
    _run(end, task, name, logs)
