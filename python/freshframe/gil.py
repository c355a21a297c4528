"""The GIL watch: names the native and the Python function that held the GIL for too long.

``with ff.gil.watch(threshold=0.01) as watch: ...`` and then ``print(watch.table())``. The watch reads the
interpreter's memory from a native thread. It patches and traces nothing and sends no signal to a thread that
waits. On the command line: ``freshframe gil script.py``. docs/reference/gil.md describes how it works and its
limits.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from . import _native
from ._errors import OptionError, OptionTypeError, StateError
from ._gil_watch.code_places import LIBRARIES, function_name, names
from ._gil_watch.stalls import GilStall, stall_of
from ._interpreter import fork
from ._interpreter.log import logger
from ._look import engine_stats
from ._look.stats import GilCulprit, GilStats

if TYPE_CHECKING:
    from typing_extensions import Self

    from . import _gil

__all__ = ["GilCulprit", "GilStall", "GilStats", "GilWatch", "watch"]

_SHORTEST = 0.001  # seconds: for less, the watch's own samples would be too rare
_LONGEST = 60.0
_SHOWN = 5  # culprits in stats()

_lock = threading.Lock()
_active: GilWatch | None = None  # guarded by _lock


class GilWatch:
    """A watch; made by watch(). Use it as a context manager, once. Thread-safe.

    Attributes:
        threshold: Seconds.
        dropped: Stalls that are not in ``stalls``: there were too many (the summary counts those), or there
            was no time or memory for them (added when the watch ends).
    """

    def __init__(self, threshold: float, on_stall: Callable[[GilStall], object] | None, keep: int) -> None:
        """See watch()."""
        _check_threshold(threshold)
        if on_stall is not None and not callable(on_stall):
            raise OptionTypeError(f"on_stall must be a function of one argument or None, got {on_stall!r}")
        if type(keep) is not int:
            raise OptionTypeError(f"keep must be a whole number of stalls, 0 or more, got {keep!r}")
        if keep < 0:
            raise OptionError(f"keep must be a whole number of stalls, 0 or more, got {keep!r}")
        self.threshold = float(threshold)
        self.dropped = 0
        self._on_stall = on_stall
        self._options: dict[str, Any] = {}  # of the native watch; for tests and measurements
        self._complained = False
        self._guard = threading.Lock()
        self._stalls: deque[GilStall] = deque(maxlen=keep)  # guarded by _guard
        self._native: _gil.Watch | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Starts it.

        Raises:
            StateError: This interpreter is not supported, another watch is active, or this one was used.
        GIL: released while waiting.
        """
        global _active  # noqa: PLW0603
        native = _supported_module()
        with _lock:
            if self._native is not None:
                raise StateError("this GIL watch was used before; make another one with watch()")
            if _active is not None:
                raise StateError("a GIL watch is active already; a process has one at a time")
            self._native = native.Watch(self.threshold, **self._options)
            self._thread = threading.Thread(target=self._serve, name="freshframe gil probe", daemon=True)
            ready = threading.Event()
            self._ready = ready
            self._thread.start()
            try:
                ready.wait()
                self._native.start(self._thread.ident or 0, list(LIBRARIES))
            except BaseException:
                self._native.stop()  # ends the thread in serve()
                raise
            _active = self
            engine_stats.watch = self._totals
            _native.set_gil_findings(native.findings())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it. The findings stay."""
        self.stop()

    def stop(self) -> None:
        """Ends the watch and its threads; the second time nothing happens. GIL: released while waiting."""
        global _active  # noqa: PLW0603
        with _lock:
            if _active is not self:
                return
            _active = None
            engine_stats.watch = None
        assert self._native is not None
        self._native.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self.dropped += self._native.lost()

    @property
    def active(self) -> bool:
        """Whether the watch is running."""
        return _active is self

    @property
    def stalls(self) -> list[GilStall]:
        """The stalls so far, oldest first; only the newest ones if there were more than are kept."""
        with self._guard:
            return list(self._stalls)

    def summary(self) -> list[GilCulprit]:
        """The culprits, the one with the most seconds first."""
        native = self._native
        return [] if native is None else [GilCulprit(*culprit) for culprit in native.summary()[2]]

    def table(self) -> str:
        """The summary as a table of text."""
        found = self.summary()
        if not found:
            return f"No thread kept the GIL for {self.threshold * 1e3:g} ms or more."
        lines = [f"{'count':>6} {'total':>9} {'max':>9} {'p50':>9}  who held the GIL"]
        for each in found:
            times = "".join(f"{_time(value):>10}" for value in (each.total, each.max, each.p50))
            lines.append(f"{each.count:>6}{times}  {names(each.native, each.python, each.program)}")
        return "\n".join(lines)

    def _totals(self) -> tuple[int, float, tuple[GilCulprit, ...]]:
        assert self._native is not None
        stalls, stalled, worst = self._native.summary(_SHOWN)
        return stalls, stalled, tuple(GilCulprit(*culprit) for culprit in worst)

    def _serve(self) -> None:
        assert self._native is not None
        self._ready.set()
        while (stalls := self._native.serve()) is not None:
            for raw in stalls:
                self._take(stall_of(raw))

    def _take(self, stall: GilStall) -> None:
        with self._guard:
            if len(self._stalls) == self._stalls.maxlen:
                self.dropped += 1
            self._stalls.append(stall)
        if self._on_stall is None:
            return
        try:
            self._on_stall(stall)
        except (
            BaseException
        ):  # SystemExit and KeyboardInterrupt too: they would end the thread, and so the watch
            if not self._complained:
                logger.exception("on_stall of the GIL watch raised; further errors of it are not logged")
            self._complained = True

    def _forget_threads(self) -> None:
        self._guard = threading.Lock()
        if self._native is not None:
            self._native.abandon()


def _check_threshold(threshold: object) -> None:
    """Raises OptionTypeError or OptionError for an invalid threshold."""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise OptionTypeError(f"threshold must be a number of seconds, got {threshold!r}")
    if not _SHORTEST <= threshold <= _LONGEST:
        raise OptionError(f"threshold must be {_SHORTEST} to {_LONGEST:g} seconds, got {threshold!r}")


def watch(
    threshold: float = 0.01,
    *,
    on_stall: Callable[[GilStall], object] | None = None,
    keep: int = 10_000,
) -> GilWatch:
    """Watches for calls that hold the GIL for too long: ``with ff.gil.watch() as watch: ...``.

    A thread in pure Python hands the GIL over every sys.getswitchinterval() (5 ms), so alone it causes no
    longer stall. It is named when the interval is longer than the threshold, or when several such threads
    together keep a third one waiting. The watch then names the thread that held the GIL for most of the time.

    Args:
        threshold: Seconds, 0.001 to 60; shorter stalls are not reported.
        on_stall: Called with each GilStall on the watch's own thread. While it runs, the ends of further
            stalls are recorded a little late. An exception of it, even SystemExit, is logged once.
        keep: Number of stalls that are kept; older ones are dropped and counted.

    Returns:
        The watch, which starts when it is entered.

    Raises:
        OptionTypeError: An argument is of the wrong type.
        OptionError: An argument is out of range.
        StateError: When it is entered on an interpreter that is not supported, or beside another watch.
    The watching thread never takes the GIL. A second thread does when a thread seems to be stuck.
    """
    return GilWatch(threshold, on_stall, keep)


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


# ---- supported interpreters


def _refuse(reason: str) -> StateError:
    version = sys.version.split()[0]
    return StateError(
        f"the GIL watch is not supported on this interpreter ({sys.implementation.name} {version} on "
        f"{sys.platform}): {reason}. It works on Linux with CPython 3.10 to 3.15"
    )


def _supported_module() -> Any:
    """Loads the native module and proves that it reads this interpreter's records correctly."""
    if sys.implementation.name != "cpython" or sys.platform != "linux":
        raise _refuse("it reads CPython's own records")
    try:
        with fork.loading():
            from . import _gil  # noqa: PLC0415  (libdw and this module load only when a watch is wanted)
    except ImportError as error:
        raise StateError(f"the GIL watch needs libdw (Debian: apt-get install libdw1): {error}") from error
    if reason := _gil.unsupported():
        raise _refuse(reason)
    if not _same_frames(_gil.frames_now(), sys._getframe()):  # both mean this very line
        raise _refuse("its frames are laid out differently from those that this module was compiled for")
    return _gil


def _same_frames(found: list[tuple[str, str, int]], frame: FrameType | None) -> bool:
    """Whether the frames that were read from memory are those that Python returns."""
    for file, function, line in found:
        if frame is None:
            return False
        code = frame.f_code
        names = (_readable(code.co_filename), _readable(function_name(code)))
        if (file, function, line) != (*names, frame.f_lineno):
            return False
        frame = frame.f_back
    return bool(found)


def _readable(text: str) -> str:
    """In the native part's form: an invalid character, such as an undecodable byte of a path, is U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


# ---- exit and fork


def _after_fork() -> None:
    """The child has none of the watch's threads, so the watch is off there."""
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
        _active.stop()
