"""The native part of freshframe.gil: finds the holder of the GIL."""

from collections.abc import Sequence

from typing_extensions import CapsuleType


def unsupported() -> str:
    """
    The reason why the watch cannot run on this interpreter; empty if it can.
    """

def frames_now() -> list[tuple[str, str, int]]:
    """
    This thread's frames as (file, function, line), innermost first, read with the watch's offsets.
    """

def line_of(table: bytes, first_line: int, offset: int) -> int:
    """
    The line of a bytecode offset, from a code object's co_linetable; 0: none.
    """

def on_collection(phase: object, info: object) -> None:
    """
    For gc.callbacks: the collector notifies the watch of the beginning and the end of each collection.
    """

def findings() -> CapsuleType:
    """The findings of the watch for native code: a capsule of FindingsTable."""

class Watch:
    """
    The watcher thread and the data that it shares with the probe's thread.
    """

    def __init__(self, threshold: float, period: float = 0.0, timer_only: bool = False, calls_only: bool = False) -> None:
        """
        Both times are in seconds. A period of 0 is derived from the threshold. timer_only does not use the kernel's sampling. With calls_only bytecode is never a stall, and a call that computes counts with its processor time.
        """

    def start(self, ignored: int, libraries: Sequence[str] = []) -> None:
        """
        Starts the watcher. `ignored` is the ident of the probe's thread. Files below `libraries` do not belong to the program.

        GIL: released while waiting
        """

    def summary(self, most: int = 1001) -> tuple:
        """
        The findings: the number of stalls, their seconds, and the culprits, the worst first, each as (native, python, count, total, max, p50, program).
        """

    def serve(self) -> list | None:
        """
        The loop of the probe's thread. Returns stalls, or None once the watch is stopped.

        GIL: released while waiting
        """

    def stop(self) -> None:
        """
        Ends the watcher's thread and makes serve() return.

        GIL: released while waiting
        """

    def abandon(self) -> None:
        """Drops the threads in the child of a fork, where they do not exist."""

    def set_threshold(self, seconds: float) -> None:
        """From now on; it also sets the time between two observations."""

    def settle(self, timeout: float) -> int | None:
        """
        Waits until the stall that is open now has been handed to serve(), at most `timeout` seconds. Returns the number of all stalls so far that serve() returns, or None after the timeout.

        GIL: released while waiting
        """

    def blind_until(self) -> float:
        """
        time.monotonic() at the end of the latest time without an observation that was as long as the threshold; 0: there was none.
        """

    def lost(self) -> int:
        """
        The number of stalls that were dropped, because Python did not fetch them or memory was short.
        """
