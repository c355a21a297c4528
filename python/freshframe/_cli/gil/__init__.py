"""`freshframe gil`: runs a program as `python` would and names the calls that held the GIL."""
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
from freshframe._interpreter import gil_state

from ..messages import Messages
from ..outcome import ExitCode, Interrupted, TimedOut, UsageError, status_of
from .pauses import Pause, Pauses, gil_record


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """The program to run: its sys.argv, the first entry of its sys.path, and the call that runs it."""

    words: list[str]
    folder: str
    run: Callable[[], object]


def run(options: Any, messages: Messages) -> int:
    """Runs the command. Returns the exit code of the program."""
    program = _program(options)
    process = os.getpid()
    with contextlib.ExitStack() as stack:
        lines = _lines(options, stack)
        if gil_state.FREE_THREADED:
            return _free_threaded(program, options, lines, messages)
        try:
            watch = gil.watch(options.threshold, on_stall=lambda stall: _show(stall, lines, messages))
            stack.enter_context(watch)
        except (RuntimeError, ValueError) as error:
            raise UsageError(str(error)) from error
        code = _run(program, messages)
        if os.getpid() != process:  # a forked child at the end of the program
            return code
        watch.close()
        if lines is not None:
            for culprit in watch.summary():
                _write(lines, {"kind": "culprit", **dataclasses.asdict(culprit)})
        messages.say(f"\n{watch.table()}")
        if watch.dropped:
            messages.say(f"{watch.dropped} more stalls are counted, but were not listed")
    return code


def _free_threaded(program: Program, options: Any, lines: IO[str] | None, messages: Messages) -> int:
    """Reports the pauses of a free-threaded interpreter, in which all threads wait."""
    try:
        gil._check_threshold(options.threshold)
    except ValueError as error:
        raise UsageError(str(error)) from error
    process = os.getpid()

    def show(pause: Pause) -> None:
        if lines is not None:
            _write(lines, {"kind": "pause", **dataclasses.asdict(pause)})
        messages.say(f"gil: {pause}")

    with Pauses(options.threshold, show) as pauses:
        code = _run(program, messages)
    if os.getpid() != process:
        return code
    if lines is not None:
        _write(lines, gil_record())
    messages.say(f"\n{pauses.table()}")
    return code


def _program(options: Any) -> Program:
    """Returns the program with its arguments."""
    if options.module is not None:
        if not options.module:
            raise UsageError("expected the name of a module after -m")
        name, *arguments = options.module
        return Program(
            [name, *arguments],
            os.getcwd(),
            lambda: runpy.run_module(name, run_name="__main__", alter_sys=True),
        )
    if options.program is None:
        raise UsageError("expected a script, or -m NAME; for example: freshframe gil app.py")
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
    # dont_inherit: otherwise the `from __future__` imports of this file would apply to the program.
    exec(compile(path.read_bytes(), name, "exec", dont_inherit=True), module.__dict__)


def _run(program: Program, messages: Messages) -> int:
    """Runs the program and returns the exit code that `python` would have.

    Does not restore sys: the atexit functions of the program run later.
    """
    sys.argv = program.words[:]
    if getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path.insert(0, program.folder)
    else:
        sys.path[0] = program.folder  # instead of the folder of this command
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _leave_children_the_default(signal.getsignal(signal.SIGTERM))
    code = _call(program.run, messages)
    code = _wait_for_threads(code, messages)
    if in_main_thread:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # so that Ctrl-C does not cut off the summary
    return code


def _leave_children_the_default(handler: Any) -> None:
    """Restores the default SIGTERM in forked children, which multiprocessing relies on."""
    taken_off = False

    def before() -> None:  # here and not in the child: a signal may arrive as soon as it exists
        nonlocal taken_off
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            taken_off = True

    def in_parent() -> None:
        nonlocal taken_off
        if taken_off:
            signal.signal(signal.SIGTERM, handler)
        taken_off = False

    def in_child() -> None:  # runs on the only thread of the child
        nonlocal taken_off
        if signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        taken_off = False

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _call(run_it: Callable[[], object], messages: Messages) -> int:
    try:
        run_it()
    except SystemExit as end:
        return status_of(end)
    except (Interrupted, TimedOut) as error:
        return _stopped(error, messages)
    except KeyboardInterrupt as error:
        _print_trace(error)
        return ExitCode.INTERRUPTED
    except BaseException as error:
        _print_trace(error)
        return ExitCode.FAILED
    return ExitCode.OK


def _stopped(error: Interrupted | TimedOut, messages: Messages) -> int:
    if isinstance(error, Interrupted):
        return error.code
    messages.complain(str(error))
    return ExitCode.STALLED


def _print_trace(error: BaseException) -> None:
    """Prints the traceback without the frames of this command, through sys.excepthook."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in (
        __file__,
        "<frozen runpy>",
        runpy.__file__,
    ):
        trace = trace.tb_next
    try:
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    except Exception:
        traceback.print_exc()


def _wait_for_threads(code: int, messages: Messages) -> int:
    """Joins the threads of the program while the watch still runs. Returns the exit code.

    At exit the interpreter would do the same: it ends the idle threads of executors and waits for all threads
    that are not daemons.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
    except (Interrupted, TimedOut) as error:
        return _stopped(error, messages)
    except KeyboardInterrupt:
        pass  # Ctrl-C ends the wait, as it does in the interpreter
    return code


def _lines(options: Any, stack: contextlib.ExitStack) -> IO[str] | None:
    """Returns the file for the JSON lines, or None if none was asked for."""
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
    if lines.closed:  # the program has closed it
        return
    with contextlib.suppress(BrokenPipeError):  # the reader has gone; the program continues
        lines.write(json.dumps(record, allow_nan=False) + "\n")
        lines.flush()
