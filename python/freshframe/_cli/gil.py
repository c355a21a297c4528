"""`freshframe gil`: runs a program as `python` would and says who held the GIL, live and at the end."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import json
import os
import runpy
import signal
import sys
import threading
import traceback
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from freshframe import gil

from .messages import Messages
from .outcome import ExitCode, Interrupted, TimedOut, UsageError


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """What is run: its sys.argv, what comes first on sys.path, and how."""

    words: list[str]
    folder: str
    run: Callable[[], object]


def run(options: Any, messages: Messages) -> int:
    """Runs the command; the exit code is the program's."""
    program = _program(options)
    with contextlib.ExitStack() as stack:
        lines = _lines(options, stack)
        watch = gil.watch(options.threshold, on_stall=lambda stall: _show(stall, lines, messages))
        try:
            stack.enter_context(watch)
        except RuntimeError as error:
            raise UsageError(str(error)) from error
        code = _run(program, messages)
        watch.stop()
        if lines is not None:
            for culprit in watch.summary():
                _write(lines, {"kind": "culprit", **dataclasses.asdict(culprit)})
        messages.say(f"\n{watch.table()}")
        if watch.dropped:
            messages.say(f"{watch.dropped} stalls are in the table and not kept one by one")
    return code


def _program(options: Any) -> Program:
    """The program with its arguments."""
    if options.module is not None:
        if not options.module:
            raise UsageError("expected the name of a module after --module")
        name, *arguments = options.module
        return Program(
            [name, *arguments], "", lambda: runpy.run_module(name, run_name="__main__", alter_sys=True)
        )
    if options.program is None:
        raise UsageError("expected a script, or --module NAME; for example: freshframe gil app.py")
    path = Path(options.program)
    if not path.exists():
        raise UsageError(f"cannot read the script {options.program!r}: there is no such file")
    words = [options.program, *options.arguments]
    if path.is_dir() or zipfile.is_zipfile(path):
        return Program(words, str(path), lambda: runpy.run_path(options.program, run_name="__main__"))
    return Program(words, str(path.resolve().parent), lambda: _run_script(path))


def _run_script(path: Path) -> None:
    """Runs a file as the module __main__."""
    name = os.path.abspath(path)
    module = types.ModuleType("__main__")
    module.__file__ = name
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    exec(compile(path.read_bytes(), name, "exec"), module.__dict__)


def _run(program: Program, messages: Messages) -> int:
    """Runs the program and returns the exit code that `python` would have."""
    before = sys.argv[:], sys.path[:], sys.modules["__main__"]
    sys.argv = program.words[:]
    sys.path.insert(0, program.folder)
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = _call(program.run, messages)
        _wait_for_threads()
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before
    return code


def _call(run_it: Callable[[], object], messages: Messages) -> int:
    try:
        run_it()
    except SystemExit as end:
        return _code(end.code)
    except Interrupted as error:
        return error.code
    except TimedOut as error:
        messages.complain(str(error))
        return ExitCode.STALLED
    except KeyboardInterrupt as error:
        _print_trace(error)
        return ExitCode.INTERRUPTED
    except BaseException as error:
        _print_trace(error)
        return ExitCode.FAILED
    return ExitCode.OK


def _code(code: object) -> int:
    """As the interpreter takes the argument of sys.exit()."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _print_trace(error: BaseException) -> None:
    """Prints the program's own part of the traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in (
        __file__,
        "<frozen runpy>",
        runpy.__file__,
    ):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _wait_for_threads() -> None:
    """The interpreter waits for threads that are not daemons; so does the watch."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            with contextlib.suppress(KeyboardInterrupt):
                thread.join()


def _lines(options: Any, stack: contextlib.ExitStack) -> IO[str] | None:
    """Where JSON goes; None: nowhere."""
    if options.output is not None:
        try:
            return stack.enter_context(Path(options.output).open("w", encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot write {options.output!r}: {error.strerror}") from error
    return sys.stdout if options.json else None


def _show(stall: gil.GilStall, lines: IO[str] | None, messages: Messages) -> None:
    if lines is not None:
        _write(lines, {"kind": "stall", **dataclasses.asdict(stall)})
    messages.say(f"gil: {stall}")


def _write(lines: IO[str], record: dict[str, Any]) -> None:
    lines.write(json.dumps(record, allow_nan=False) + "\n")
    lines.flush()
