"""`freshframe gil` on a free-threaded Python: the pauses in which all threads that run Python wait.

The garbage collector and a fork stop every thread that runs Python ("stop the world"). Native threads of
freshframe continue. gc.callbacks report a collection, which contains the pause and is longer.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Literal

from freshframe._gil_watch.code_places import LIBRARIES, function_name, place
from freshframe._interpreter import gil_state

_DEEPEST = 64  # maximum number of calls kept of a stack


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """A time in which all threads that run Python were stopped.

    Attributes:
        cause: The reason.
        duration: Seconds of the collection or of the fork.
        started: time.monotonic() at the start.
        thread: Name of the thread that caused it.
        python: ``file:line:function`` that ran on this thread; None if no Python function did.
        program: The same for the nearest caller outside of the standard library and installed packages.
        generation: Generation of the collection; None for a fork.
        collected: Objects that the collection freed.
    """

    cause: Literal["collection", "fork"]
    duration: float
    started: float
    thread: str
    python: str | None
    program: str | None
    generation: int | None = None
    collected: int = 0

    def __str__(self) -> str:
        """Returns the pause as one line."""
        if self.cause == "fork":
            what = "fork"
        else:
            what = f"garbage collection of generation {self.generation}, {self.collected} objects freed"
        line = f"{self.duration * 1e3:.1f} ms  {what}, in {self.thread}: {self.python or 'unknown'}"
        return line if self.program in (None, self.python) else f"{line}, from {self.program}"


class Pauses:
    """Records the pauses of this process within a `with` block. Only one may be active at a time."""

    def __init__(self, threshold: float, on_pause: Callable[[Pause], object]) -> None:
        """``threshold`` is in seconds. ``on_pause`` is called on the thread that caused the pause."""
        self._threshold = threshold
        self._on_pause = on_pause
        self._began: dict[tuple[str, int], float] = {}  # (cause, thread) -> start time
        self._process = os.getpid()
        self._active = False
        self.kept: list[Pause] = []

    def __enter__(self) -> Pauses:
        """Starts recording."""
        self._active = True
        gc.callbacks.append(self._collection)
        os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops recording."""
        self._active = False
        gc.callbacks.remove(self._collection)

    def _collection(self, phase: str, info: dict[str, int]) -> None:
        key = ("collection", threading.get_ident())
        if phase == "start":
            self._began[key] = time.monotonic()
            return
        began = self._began.pop(key, None)
        if began is not None:
            self._take("collection", began, sys._getframe(1), info["generation"], info["collected"])

    def _before_fork(self) -> None:
        self._began["fork", threading.get_ident()] = time.monotonic()

    def _after_fork(self) -> None:
        began = self._began.pop(("fork", threading.get_ident()), None)
        if began is not None:
            self._take("fork", began, sys._getframe(1))

    def _take(
        self,
        cause: Literal["collection", "fork"],
        began: float,
        frame: FrameType | None,
        generation: int | None = None,
        collected: int = 0,
    ) -> None:
        duration = time.monotonic() - began
        if not self._active or duration < self._threshold or os.getpid() != self._process:
            return
        stack = _stack(frame)
        program = next((each for each in stack if not each.startswith(("<", *LIBRARIES))), None)
        thread = threading.current_thread().name
        pause = Pause(
            cause, duration, began, thread, stack[0] if stack else None, program, generation, collected
        )
        self.kept.append(pause)
        self._on_pause(pause)

    def table(self) -> str:
        """Returns the pauses by cause and place, the largest total first, and whether the GIL is enabled."""
        groups: dict[tuple[str, str], list[float]] = {}
        for pause in list(self.kept):
            where = pause.program or pause.python or "unknown"
            groups.setdefault((pause.cause, where), []).append(pause.duration)
        lines = [f"{gil_state.summary()[0].upper()}{gil_state.summary()[1:]}."]
        if not groups:
            lines.append(f"No pause of {self._threshold * 1e3:g} ms or more.")
            return "\n".join(lines)
        lines.append(f"{'count':>6} {'total':>9} {'max':>9}  what stopped all threads that run Python")
        for (cause, where), times in sorted(groups.items(), key=lambda item: -sum(item[1])):
            total, longest = sum(times) * 1e3, max(times) * 1e3
            lines.append(f"{len(times):>6} {total:>6.1f} ms {longest:>6.1f} ms  {cause}, {where}")
        return "\n".join(lines)


def _stack(frame: FrameType | None) -> list[str]:
    found: list[str] = []
    while frame is not None and len(found) < _DEEPEST:
        found.append(place((frame.f_code.co_filename, frame.f_lineno, function_name(frame.f_code))))
        frame = frame.f_back
    return found


def gil_record() -> dict[str, Any]:
    """Returns the last JSON line: the state of the GIL."""
    return {"kind": "gil", "enabled": gil_state.enabled(), "enabled_by": list(gil_state.enabled_by())}
