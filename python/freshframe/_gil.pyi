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

def findings() -> CapsuleType:
    """The findings of the watch for native code: a capsule of FindingsTable."""

class Watch:
    """
    The watcher thread and the data that it shares with the probe's thread.
    """

    def __init__(self, threshold: float, period: float = 0.0, timer_only: bool = False) -> None:
        """
        Both times are in seconds. A period of 0 is derived from the threshold. timer_only does not use the kernel's sampling.
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

    def lost(self) -> int:
        """
        The number of stalls that were dropped, because Python did not fetch them or memory was short.
        """
