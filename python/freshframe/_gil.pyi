"""Who holds the GIL: what freshframe.gil is made of."""

from collections.abc import Sequence

from typing_extensions import CapsuleType


def unsupported() -> str:
    """Why no watch is possible on this interpreter; empty when one is."""

def frames_now() -> list[tuple[str, str, int]]:
    """
    This thread's frames as (file, function, line), innermost first, read by the watch's offsets.
    """

def line_of(table: bytes, first_line: int, offset: int) -> int:
    """
    The line of a bytecode offset by a code object's co_linetable; 0: none.
    """

def findings() -> CapsuleType:
    """What the watch has found, for native code: a capsule of FindingsTable."""

class Watch:
    """A watcher thread and what it shares with the probe's thread."""

    def __init__(self, threshold: float, period: float = 0.0, timer_only: bool = False) -> None:
        """
        Seconds; a period of 0 is chosen by the threshold. timer_only does without the kernel's sampling.
        """

    def start(self, ignored: int, libraries: Sequence[str] = []) -> None:
        """
        Starts the watcher; `ignored` is the ident of the probe's thread, below `libraries` are files that are not the program's own.

        GIL: released while waiting
        """

    def summary(self, most: int = 1001) -> tuple:
        """
        What it has found: stalls, their seconds, and the culprits, the worst first, each as (native, python, count, total, max, p50, program).
        """

    def serve(self) -> list | None:
        """
        The probe's thread lives in here. Returns stalls, or None when the watch has been stopped.

        GIL: released while waiting
        """

    def stop(self) -> None:
        """
        Ends the watcher's thread and what waits in serve().

        GIL: released while waiting
        """

    def abandon(self) -> None:
        """In the child of a fork: lets go of threads that are not there."""

    def lost(self) -> int:
        """
        Stalls that were thrown away: Python did not fetch them, or there was no memory for them.
        """
