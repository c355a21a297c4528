"""The bar of run(progress=True)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from ._stats import Progress


class ProgressBar:
    """Done of total, rate, drops and time left on stderr; nothing when that is no terminal."""

    def __init__(self, description: str = "frames") -> None:
        console = Console(stderr=True)
        self._bar = RichProgress(
            TextColumn(description),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[fps]:.0f} fps"),
            TextColumn("{task.fields[dropped]} dropped"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("run", total=None, fps=0.0, dropped=0)

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Shows one tick."""
        self._bar.update(
            self._task,
            completed=progress.done,
            total=progress.total,
            fps=progress.fps,
            dropped=progress.dropped,
        )
