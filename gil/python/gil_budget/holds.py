"""Holds of the GIL: their kind, and how much of their duration is their own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from ._gil_watch.stalls import INTERPRETER, GilStall
from .limits import milliseconds

Kind = Literal["call", "freeing", "objects", "collector", "import"]

COUNTED: tuple[Kind, ...] = ("call", "freeing")
"""The kinds that a budget counts by default. Garbage collection and freeing objects of Python's own types are
excluded, since they depend on the size of the heap, and imports, since they read files.
"""

KINDS: tuple[Kind, ...] = ("call", "freeing", "objects", "collector", "import")


@dataclass(frozen=True, slots=True)
class Hold:
    """A period in which a thread held the GIL without advancing in its bytecode.

    Attributes:
        seconds: Its own duration: the CPU time of a call that computed; for a call that waited in the kernel,
            the elapsed time without the time in which the thread waited for a CPU. Up to a fifth of the limit
            may be missing at the beginning, because the watch samples five times per limit.
        lasted: Elapsed seconds from its beginning to its end.
        started: time.monotonic() of its beginning.
        kind: "call"; "freeing": an object of an extension was freed; "objects": objects of Python's own types
            were freed; "collector": the garbage collector ran, by itself or called by ``gc.collect()``;
            "import": a module was imported.
        native: The native function that Python had called, as ``library:symbol`` or ``module:name``. None if
            no sample is certain to be of this call.
        python: ``file:line:function`` that called it.
        program: The nearest ``file:line:function`` outside of the standard library and of installed packages.
        thread: Name of the thread.
        native_id: Its threading.get_native_id().
        system_call: The system call in which it waited. None if it computed.
    """

    seconds: float
    lasted: float
    started: float
    kind: Kind
    native: str | None
    python: str | None
    program: str | None
    thread: str
    native_id: int
    system_call: str | None

    @property
    def name(self) -> str | None:
        """The hold's name in baselines and lists of allowed names, without line and path; None if unknown."""
        if self.native not in (None, INTERPRETER):
            return self.native
        place = self.program or self.python
        if place is None:
            return None
        file, _, function = place.rsplit(":", 2)
        return f"{os.path.basename(file)}:{function}"

    @property
    def ended(self) -> float:
        """The time.monotonic() at which the hold ended."""
        return self.started + self.lasted

    def __str__(self) -> str:
        """One line: ``40.2 ms blocked in clock_nanosleep: libc.so.6:usleep, called at test_a.py:7:test``."""
        doing = f"blocked in {self.system_call}" if self.system_call else "computing"
        kind = "" if self.kind == "call" else f" ({self.kind})"
        text = f"{milliseconds(self.seconds)} {doing}{kind}: {self.native or self.name or 'not named'}"
        if self.python is not None and self.native is not None:
            text += f", called at {self.python}"
        if self.program not in (None, self.python):
            text += f", from {self.program}"
        return text


def make_hold(stall: GilStall) -> Hold | None:
    """Converts a stall to a hold; returns None for running bytecode, which releases the GIL by itself."""
    if stall.cause == "bytecode":
        return None
    blocked = stall.state == "blocked"
    return Hold(
        seconds=stall.duration if blocked else min(stall.duration, stall.computed),
        lasted=stall.duration + stall.delayed,
        started=stall.started,
        kind=_find_kind(stall),
        native=stall.native,
        python=stall.python,
        program=stall.program,
        thread=stall.thread,
        native_id=stall.native_id,
        system_call=stall.system_call if blocked else None,
    )


def _find_kind(stall: GilStall) -> Kind:
    if stall.cause == "collector":
        return "collector"
    if any(frame.startswith("<frozen importlib") for frame in stall.python_stack):
        return "import"
    if stall.native is not None and stall.native.endswith("_dealloc"):
        return "objects" if stall.native.startswith(_OWN) else "freeing"
    return "call"


# Prefixes of the interpreter's own types, which are known without symbols, and of its other functions.
_OWN = ("builtins:", "collections:", "python3", "libpython3")
