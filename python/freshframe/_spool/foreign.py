"""Safe calls of foreign code: the program's log handlers, str() of exceptions, and results of `send`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import inspect
import itertools
import logging
import multiprocessing.pool
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

from .. import _check, _native
from .._errors import OptionTypeError
from .._interpreter.log import logger
from .._process.error_text import named

WARNING, ERROR = logging.WARNING, logging.ERROR
_MOST = 1_000  # characters of an exception's message in statistics and the log
_WORK = (
    *(Awaitable, Generator, AsyncGenerator, concurrent.futures.Future),
    *(multiprocessing.pool.AsyncResult, multiprocessing.pool.IMapIterator),
    *(map, filter, zip, *(kind for kind in vars(itertools).values() if isinstance(kind, type))),
)


def say(level: int, text: str, *values: object) -> None:
    """Logs a line.

    If a filter or handler of the program raises, reports that instead of ending the thread.
    """
    try:
        logger.log(level, text, *values, stacklevel=2)
    except BaseException as error:
        is_of_main = threading.current_thread() is threading.main_thread()
        if is_of_main and not isinstance(error, Exception):
            raise  # Ctrl-C
        with contextlib.suppress(BaseException):
            sys.excepthook(*sys.exc_info())


def described(error: BaseException) -> str:
    """Returns class and message of any exception: without passwords, in valid UTF-8 and not too long."""
    return shortened(_native.mask_passwords(_check.as_utf8(named(error))))


def shortened(text: str) -> str:
    """Returns the start of a long string, with its length."""
    return text if len(text) <= _MOST else f"{text[:_MOST]}... ({len(text)} characters)"


def check_send(send: Callable[[list[Any]], object]) -> None:
    """Rejects functions whose call only creates a coroutine or generator.

    Raises:
        OptionTypeError: `send` is a coroutine function or a generator function.
    """
    function: Any = send
    while isinstance(function, functools.partial):
        function = function.func
    calls = (function, getattr(type(function), "__call__", None))  # noqa: B004
    if any(inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call) for call in calls):
        raise OptionTypeError(
            f"send must be a plain function, since it runs on a thread, but {_check.show(send)} is a "
            "coroutine function: use a client without async, or asyncio.run() in your own function"
        )
    if any(inspect.isgeneratorfunction(call) for call in calls):
        raise OptionTypeError(
            f"send must be a plain function, but {_check.show(send)} is a generator function, which sends "
            "nothing when it is called: remove its `yield`"
        )


def check_answer(answer: object) -> None:
    """Rejects a result of `send` that nobody would await or iterate, or a list or tuple with one.

    Raises:
        OptionTypeError: `answer` is an awaitable, a generator, a future or a lazy iterator, or a list, tuple
            or set with one of them.
    """
    if answer is None:
        return
    parts = [answer, *answer] if isinstance(answer, (list, tuple, set)) else [answer]
    if any(isinstance(part, _WORK) for part in parts):
        for part in parts:
            if inspect.iscoroutine(part):
                part.close()  # otherwise the interpreter warns that it was never awaited
        raise OptionTypeError(
            f"send returned {_check.show(answer)}, which has sent nothing yet: send must send the "
            "events before it returns"
        )
