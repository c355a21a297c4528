"""GilStall: a period in which the GIL was not available to other threads."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

from .code_places import names, place

State = Literal["cpu", "blocked"]
Cause = Literal["call", "collector", "bytecode"]

INTERPRETER = "the interpreter"
"""The native name of the interpreter's own function whose name was stripped, and that Python cannot call."""

STRIPPED = (
    f"{INTERPRETER}: an internal function whose name is unknown, because this interpreter has no symbols"
)
"""Said once where that name is shown."""


@dataclass(frozen=True, slots=True)
class GilStall:
    """A period in which other threads could not get the GIL.

    Attributes:
        duration: Seconds from the first sample in which a thread was stuck until another one got the GIL,
            minus ``delayed``. The actual stall may have started up to one sampling interval earlier.
        started: time.monotonic() of its beginning.
        thread: Name of the thread that held the GIL for most of that time.
        thread_id: Its threading.get_ident().
        native_id: Its threading.get_native_id().
        held: Seconds of ``duration`` in which this thread held the GIL. Other threads held it for the rest.
        delayed: Seconds in which this thread held the GIL but waited for a CPU, because all were busy. Not
            included in ``duration``. 0 if the kernel does not report them.
        computed: Seconds of ``duration`` in which this thread was running on a CPU. For the rest it waited in
            the kernel, or the watch itself was late.
        cause: "call": it was within one call of native code; "collector": the garbage collector ran,
            by itself or called by ``gc.collect()``; "bytecode": it ran Python code.
        native: ``library:symbol`` of the native function that Python had called, demangled, such as
            ``blur.so:blur(Image const&)``; for functions of the interpreter ``module:name``, such as
            ``builtins:sorted``; for the collector ``gc:collection``, or ``gc:collect`` if called explicitly;
            ``the interpreter`` for its other functions if it has no symbols; None for Python code, and if no
            sample is certain to be of this call.
        native_stack: The native calls, innermost first.
        python: ``file:line:function`` that called it, or ran; None for a thread without Python frames.
        program: ``file:line:function`` of the nearest call outside of the standard library and of installed
            packages, usually the program's own code; None if there is none.
        python_stack: The Python calls, innermost first.
        state: "cpu": it was running; "blocked": it waited in the kernel.
        system_call: The system call in which it waited; None if it was running.
    """

    duration: float
    started: float
    thread: str
    thread_id: int
    native_id: int
    held: float
    delayed: float
    computed: float
    cause: Cause
    native: str | None
    native_stack: tuple[str, ...]
    python: str | None
    program: str | None
    python_stack: tuple[str, ...]
    state: State
    system_call: str | None

    def __str__(self) -> str:
        """One line: `31.2 ms  cam blocked in clock_nanosleep: libc.so.6:usleep, called at a.py:7:f`."""
        doing = f"blocked in {self.system_call}" if self.state == "blocked" else "on the CPU"
        who = names(self.native, self.python, self.program)
        return f"{self.duration * 1e3:.1f} ms  {self.thread} {doing}: {who}"


def _thread_name(native_id: int, known: str) -> str:
    """Returns the thread's name; after its end, as the watch recorded it, since get_ident() may be reused."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    return names.get(native_id) or known or "unknown"


def make_stall(raw: tuple[Any, ...]) -> GilStall:
    duration, started, thread, python_id, native_id, native, chain, frames, blocked, call, *rest = raw
    share, program, cause, delayed, computed = rest
    python = tuple(place(frame) for frame in frames)
    return GilStall(
        duration=duration,
        started=started,
        thread=_thread_name(native_id, thread),
        thread_id=python_id,
        native_id=native_id,
        held=share,
        delayed=delayed,
        computed=computed,
        cause=cause,
        native=native,
        native_stack=chain,
        python=python[0] if python else None,
        program=program,
        python_stack=python,
        state="blocked" if blocked else "cpu",
        system_call=call if blocked else None,
    )
