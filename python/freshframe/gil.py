"""The GIL watch: finds the native and Python functions that hold the GIL for too long.

Use ``with ff.gil.watch(threshold=0.01) as watch: ...`` and then ``print(watch.table())``, or on the command
line ``freshframe gil script.py``. The watch reads the interpreter's memory from a native thread. It does not
patch or trace anything, and sends no signals to waiting threads. docs/reference/gil-watch.md describes how it
works and its limits.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterable
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _check, _native
from ._errors import OptionError, OptionTypeError, StateError
from ._gil_watch.code_places import names
from ._gil_watch.interpreter import Unsupported, native_module
from ._gil_watch.running import RawStall, Running, find_running
from ._gil_watch.stalls import INTERPRETER, STRIPPED, Cause, GilStall, State, make_stall
from ._interpreter import calls as _calls
from ._interpreter import fork
from ._interpreter.locks import held
from ._interpreter.log import logger
from ._look import engine_stats
from ._look.stats import GilCulprit, GilStats

if TYPE_CHECKING:
    from typing_extensions import Self


def find_culprits(stalls: Iterable[GilStall]) -> list[GilCulprit]:
    """Groups stalls by native function and line, the largest total time first."""
    groups: dict[tuple[str | None, str | None], list[GilStall]] = {}
    for stall in stalls:
        groups.setdefault((stall.native, stall.python), []).append(stall)
    found = [
        GilCulprit(
            native,
            python,
            len(group),
            sum(each.duration for each in group),
            max(each.duration for each in group),
            median(each.duration for each in group),
            max(group, key=lambda each: each.duration).program,
        )
        for (native, python), group in groups.items()
    ]
    return sorted(found, key=lambda culprit: culprit.total, reverse=True)


__all__ = ["Cause", "GilCulprit", "GilStall", "GilStats", "GilWatch", "State", "watch"]

_SHORTEST = 0.001  # seconds: with less, the watch would get too few samples of a stall
_LONGEST = 60.0
_SHOWN = 5  # culprits in stats()

_lock = threading.Lock()
_active: GilWatch | None = None  # guarded by _lock


class GilWatch:
    """A GIL watch, created by watch(). Use it as a context manager, once. Thread-safe.

    Attributes:
        threshold: Stalls of at least this many seconds are reported.
        dropped: Number of stalls missing in ``stalls``: there were too many (the summary includes those), or
            there was no time or memory to record them (added when the watch ends).
    """

    def __init__(
        self, threshold: float, on_stall: Callable[[GilStall], object] | None, max_stalls: int
    ) -> None:
        """See watch()."""
        _check_threshold(threshold)
        if on_stall is not None and not callable(on_stall):
            raise OptionTypeError(
                f"on_stall must be a function of one argument or None, got {_check.show(on_stall)}"
            )
        kept = _check.integer("max_stalls", max_stalls, bits=64)
        if kept < 0:
            raise OptionError(
                f"max_stalls must be a whole number of stalls, 0 or more, got {_check.show(max_stalls)}"
            )
        self.threshold = float(threshold)
        self.dropped = 0
        self._on_stall = on_stall
        self._options: dict[str, Any] = {}  # options of the native watch, for tests and measurements
        self._complained = False
        self._guard = threading.Lock()
        self._stalls: deque[GilStall] = deque(maxlen=kept)  # guarded by _guard
        self._used = False
        self._running: Running | None = None
        self._leave: Callable[[], None] | None = None  # stops listening to another package's watch

    def __enter__(self) -> Self:
        """Starts the watch.

        Raises:
            StateError: This interpreter is not supported, another watch is active, or this one was used
                before.
        GIL: released while waiting.
        """
        global _active  # noqa: PLW0603
        try:
            with fork.explaining():
                native = native_module(fork.loading())
        except Unsupported as error:
            raise StateError(str(error)) from error
        with held(_lock):
            if self._used:
                raise StateError("this GIL watch was already used; create another one with watch()")
            if _active is not None:
                raise StateError("a GIL watch is already active; a process can have only one at a time")
            self._used = True
            others = find_running()
            if others is None:
                self._running = Running(native, self.threshold, self._options)
                self._running.listen(self.threshold, self._take)
                _native.set_gil_findings(native.findings())
            else:
                self._leave = others.listen(self.threshold, self._take)
            _active = self
            engine_stats.watch = self._totals
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the watch. The results remain available."""
        self.close()

    def close(self) -> None:
        """Stops the watch and its threads. Idempotent. GIL: released while waiting."""
        global _active  # noqa: PLW0603
        with held(_lock):
            if _active is not self:
                return
            _active = None
            engine_stats.watch = None
        if self._leave is not None:
            self._leave()
        if self._running is not None:
            self._running.stop()
            self.dropped += self._running.lost

    @property
    def active(self) -> bool:
        """True while the watch is running."""
        return _active is self

    @property
    def stalls(self) -> list[GilStall]:
        """The stalls so far, oldest first; at most the newest ``max_stalls``."""
        with self._guard:
            return list(self._stalls)

    def summary(self) -> list[GilCulprit]:
        """Returns the stalls grouped by culprit, the largest total time first."""
        if self._running is None:
            return find_culprits(self.stalls)
        return [GilCulprit(*culprit) for culprit in self._running.summary()[2]]

    def table(self) -> str:
        """Returns the summary as a plain-text table."""
        found = self.summary()
        if not found:
            return f"No thread kept the GIL for {self.threshold * 1e3:g} ms or more."
        lines = [f"{'count':>6} {'total':>9} {'max':>9} {'p50':>9}  who held the GIL"]
        for each in found:
            times = "".join(f"{_time(value):>10}" for value in (each.total, each.max, each.p50))
            lines.append(f"{each.count:>6}{times}  {names(each.native, each.python, each.program)}")
        if any(each.native == INTERPRETER for each in found):
            lines.append(STRIPPED)
        return "\n".join(lines)

    def _totals(self) -> tuple[int, float, tuple[GilCulprit, ...]]:
        if self._running is None:
            seen = self.stalls
            return len(seen), sum(stall.duration for stall in seen), tuple(find_culprits(seen)[:_SHOWN])
        stalls, stalled, worst = self._running.summary(_SHOWN)
        return stalls, stalled, tuple(GilCulprit(*culprit) for culprit in worst)

    def _take(self, raw: RawStall) -> None:
        stall = make_stall(raw)
        with self._guard:
            if len(self._stalls) == self._stalls.maxlen:
                self.dropped += 1
            self._stalls.append(stall)
        if self._on_stall is None:
            return
        try:
            self._on_stall(stall)
        except BaseException:  # incl. SystemExit and KeyboardInterrupt, which would end the watch's thread
            if not self._complained:
                logger.exception("on_stall of the GIL watch raised; further errors of it are not logged")
            self._complained = True

    def _forget_threads(self) -> None:
        self._guard = threading.Lock()
        if self._running is not None:
            self._running.abandon()


def _check_threshold(threshold: object) -> None:
    """Raises OptionTypeError or OptionError for an invalid threshold."""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise OptionTypeError(f"threshold must be a number of seconds, got {_check.show(threshold)}")
    if not _SHORTEST <= threshold <= _LONGEST:
        raise OptionError(
            f"threshold must be {_SHORTEST} to {_LONGEST:g} seconds, got {_check.show(threshold)}"
        )


def watch(
    threshold: float = 0.01,
    *,
    on_stall: Callable[[GilStall], object] | None = None,
    max_stalls: int = 10_000,
) -> GilWatch:
    """Watches for calls that hold the GIL for too long: ``with ff.gil.watch() as watch: ...``.

    A thread in pure Python code releases the GIL every sys.getswitchinterval() (5 ms), so one alone does not
    cause longer stalls. It is reported if the interval is longer than the threshold, or if several such
    threads keep another one waiting: then the one that held the GIL for most of the time.

    While the package gil-budget is watching, such as under ``pytest --gil-budget``, this watch reports its
    stalls, which exclude pure Python code.

    Args:
        threshold: Seconds, 0.001 to 60; shorter stalls are not reported.
        on_stall: Called with each GilStall on the watch's own thread. While it runs, further stalls may be
            recorded slightly too long. The first exception, even SystemExit, is logged.
        max_stalls: Maximum number of stalls to keep; older ones are dropped and counted.

    Returns:
        The watch, which starts when it is entered.

    Raises:
        OptionTypeError: An argument is of the wrong type.
        OptionError: An argument is out of range.
        StateError: On entering the watch: the interpreter is not supported, or another watch is active.
    The watching thread never takes the GIL. A second thread does, when a thread seems to be stuck.
    """
    return GilWatch(threshold, on_stall, max_stalls)


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


# ---- exit and fork


def _after_fork() -> None:
    """Turns the watch off in a forked child, which does not have its threads."""
    global _active, _lock  # noqa: PLW0603
    _lock = threading.Lock()
    if _active is not None:
        _active._forget_threads()
    _active = None
    engine_stats.watch = None


fork.in_child(_after_fork)


@atexit.register
def _stop_at_exit() -> None:
    if _active is not None:
        _active.close()


_calls.explain(__all__, globals())
