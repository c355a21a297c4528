"""A worker process: one node, samples in, results out. Started by the engine, never by hand."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import faulthandler
import pickle
import signal
import threading
import time
import types
from collections.abc import Callable
from typing import Any

from .. import _check, _native
from .._errors import DeviceError, FreshframeError, GraphError, OptionError, OptionTypeError
from .._graph.hints import hint
from .._graph.node import Node, checked_results
from .._graph.read_contract import declared
from .._graph.stamped import Stamped
from .._plugin.travels import Travels
from . import pickling
from .error_text import format_traceback, named
from .worker_log import ToParent, log_to_parent

_SOCKET = 3
MOST_RESULTS = 1000  # maximum number of results per call, as in the engine
_MOST_TRACEBACK = 12_000  # bytes; the end is the most useful part


def _fail(end: Any, what: str, error: BaseException) -> None:
    lines = format_traceback(error)
    data = lines.encode()
    if len(data) > _MOST_TRACEBACK:
        lines = "...\n" + data[-_MOST_TRACEBACK:].decode(errors="ignore")
    BaseException.with_traceback(error, None)  # a user's class may reject the assignment
    try:
        parts = pickling.dumps(error)
    except BaseException:  # pickling a user's exception may raise anything; its traceback is sent as text
        parts = None
    end.fail(what, (named(error) + hint(error), lines), parts, isinstance(error, DeviceError))


class _Replies:
    """Sends what the calls of one node return."""

    def __init__(self, end: Any, node: Any, task: dict[str, Any]) -> None:
        self._end = end
        self._node = node
        self._gives_several: bool = task["gives_several"]
        self._alone: bool = task["alone"]

    def call_named(self, method: str) -> None:
        """Calls on_tick() or finish(). "on_last_tick" is on_tick() after the end of all sources."""
        if method == "finish":
            return self._send(self._node.finish(), several=True)
        if method == "on_last_tick" and (note := declared(self._node).note_last_tick) is not None:
            note()
        if (note_until := declared(self._node).note_arrivals_in_worker) is not None:
            note_until(self._end.arrivals())
        self._send(self._node.on_tick(time.monotonic()), several=True)

    def tell_gone(self, sources: list[tuple[int, str]]) -> None:
        """Called when these sources have ended. Sends a reply only if the node raises."""
        if not isinstance(self._node, Node):  # a function
            return
        for number, name in sources:
            try:
                self._node._freshframe_source_gone(number, name)
            except BaseException as error:  # noqa: PERF203  (as in _work())
                _fail(self._end, "outside", error)

    def send(self, result: Any) -> None:
        """Sends the results of a call together with a sample."""
        self._send(result, several=self._gives_several)

    def _send(self, result: Any, *, several: bool) -> None:
        if several and isinstance(result, types.GeneratorType):
            self._end.reply_all([self._checked(each) for each in _all(result)])
        else:
            self._end.reply(self._checked(result))

    def _checked(self, result: Any) -> Any:
        if isinstance(result, types.GeneratorType):
            raise OptionTypeError(
                "returned a generator object instead of its results: use yield, or yield from, in the body "
                "of the function or method passed to add()"
            )
        if type(result) in (list, tuple) and any(isinstance(each, Stamped) for each in result):
            raise OptionTypeError(
                f"returned {_check.with_article(type(result).__name__)} that contains a result of "
                "stamped(): yield each result, because a list or tuple counts as one result"
            )
        if isinstance(result, Stamped) and not self._alone:
            raise GraphError(
                "stamped() needs a single worker, because several workers finish their samples in any order: "
                "use process=True, or Process(workers=1)"
            )
        return result


def _all(generator: types.GeneratorType[Any, None, Any]) -> list[Any]:
    """Returns all results of a generator, which is closed in any case."""
    results: list[Any] = []
    with contextlib.closing(generator):
        while True:
            try:
                result = next(generator)
            except StopIteration as end:
                if end.value is not None:
                    raise OptionTypeError(
                        "a generator must yield its results, but it returned "
                        f"{end.value!r}, which would be lost"
                    ) from None
                return results
            if result is not None:
                results.append(result)
            if len(results) > MOST_RESULTS:
                raise OptionError(
                    f"a call in a worker process may return at most {MOST_RESULTS} results, because they "
                    "are sent together: leave process= out, or return fewer values"
                )


def _work(end: Any, call: Callable[[Any], Any], takes_values: bool, replies: _Replies) -> None:
    while True:
        sample = end.receive()
        if sample is None:
            return
        if isinstance(sample, list):
            replies.tell_gone(sample)
            continue
        try:
            if isinstance(sample, str):
                replies.call_named(sample)
                continue
            given = sample.value if takes_values else sample
            del sample
            result = call(given)
            del given  # the reply also returns the leases of frames released before it
            replies.send(result)
            del result
        # Including sys.exit(): a worker exits only when its parent tells it to.
        except BaseException as error:
            given = sample = None
            _fail(end, "sample", error)


def _work_in_batches(end: Any, call: Callable[[Any], Any], takes_values: bool, replies: _Replies) -> None:
    what = "a function with a batch" if takes_values else "process_batch()"
    while True:
        samples = end.receive_batch()
        if samples is None:
            return
        if isinstance(samples[0], list):
            replies.tell_gone(samples[0])
            continue
        count = len(samples)
        try:
            if isinstance(samples[0], str):
                replies.call_named(samples[0])
                continue
            given = [sample.value for sample in samples] if takes_values else samples
            del samples
            results = list(checked_results(call(given), count, what))
            del given  # the last reply also returns the leases of frames released before it
        except BaseException as error:  # see _work()
            given = samples = None
            _fail(end, "call", error)
            continue
        for number in range(count):
            result, results[number] = results[number], None
            try:
                if isinstance(result, BaseException):
                    raise result
                replies.send(result)
                del result
            except BaseException as error:  # see _work()
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
            node._name = name
        if not task["takes_values"]:
            node.open()
        opened = True
        end.opened()
    except BaseException as error:  # see _work()
        _fail(end, "outside", error)
        _wait_for_end(end)
    if opened:
        takes_values = task["takes_values"]
        replies = _Replies(end, node, task)
        if task["in_batches"]:
            _work_in_batches(end, node if takes_values else node.process_batch, takes_values, replies)
        else:
            _work(end, node if takes_values else node.process, takes_values, replies)
        if not task["takes_values"]:
            try:
                node.close()
            except BaseException as error:  # see _work()
                _fail(end, "outside", error)
    logs.close()
    end.closed()


def _wait_for_end(end: Any) -> None:
    while end.receive() is not None:
        pass


def main(parent: int) -> None:
    """Runs a worker process from start to end."""
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
