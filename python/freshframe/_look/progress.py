"""Progress of a run: a bar in a terminal, plain lines elsewhere, or calls of a callable."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TextIO

from .._interpreter import fork
from .stats import Progress

if TYPE_CHECKING:
    from .. import _native

_LINE_EVERY = 10.0  # seconds between plain lines, if there is no terminal


def report_progress(
    wait: Callable[[float], bool],
    counts: Callable[[], _native.ProgressTick],
    progress: Literal[True] | Callable[[Progress], None],
    interval: float,
) -> None:
    """Waits until a pipeline has ended. Reports the progress every `interval` seconds and at the end.

    Args:
        wait: Waits for a number of seconds; returns True if the pipeline has ended.
        counts: Returns the engine's current counts.
        progress: Called with each report; True means a bar or lines in the terminal.
        interval: Seconds.
    """
    if progress is True:
        with progress_display() as bar:
            report_progress(wait, counts, bar, interval)
        return
    began = before = time.monotonic()
    samples_before = 0
    ended = False
    while not ended:
        ended = wait(interval)
        tick = counts()
        samples, total = tick.samples, tick.total
        now = time.monotonic()
        rate = (samples - samples_before) / max(1e-9, now - before)
        average = samples / (now - began) if now > began else 0.0
        remaining = max(0, total - samples) / average if total is not None and average > 0 else None
        progress(Progress(samples, total, now - began, rate, tick.dropped, remaining))
        samples_before, before = samples, now


@contextmanager
def progress_display(
    file: TextIO | None = None, *, label: str = "", total: int | None = None
) -> Iterator[Callable[[Progress], None]]:
    """Shows the progress of a run: processed and total frames, frames per second, drops, time left.

    Args:
        file: The output; None means stderr. A terminal shows a bar, any other file gets a line every 10 s.
        label: Text before the bar.
        total: Total number of frames, if it differs from the source's.

    Yields:
        A callable for `progress` of Pipeline.run().
    """
    stream = sys.stderr if file is None else file
    if stream is None or getattr(stream, "closed", False):  # None or closed without a terminal
        yield lambda progress: None
    elif stream.isatty():
        with _bar(stream, label, total) as update:
            yield _until_it_fails(update)
    else:
        yield _until_it_fails(_lines(stream, label, total))


def _until_it_fails(update: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Ignores errors of the display, such as a closed terminal, so that the run continues."""
    is_away = False

    def show(progress: Progress) -> None:
        nonlocal is_away
        if is_away:
            return
        try:
            update(progress)
        except (OSError, ValueError):
            is_away = True

    return show


@contextmanager
def _bar(stream: TextIO, label: str, total: int | None) -> Iterator[Callable[[Progress], None]]:
    with fork.explaining(), fork.loading():
        from rich.console import Console  # noqa: PLC0415  (60 ms that only a terminal needs)
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Display  # noqa: PLC0415

    display = Display(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[counts]}"),
        console=Console(file=stream, force_terminal=True),
        auto_refresh=False,  # drawn by the reporting thread instead of a thread of rich
        transient=True,
        redirect_stdout=False,  # stdout is for results
    )
    with display:
        task = display.add_task(label, total=total, counts="")

        def update(progress: Progress) -> None:
            everything = progress.total if total is None else total
            display.update(
                task, completed=progress.samples, total=everything, counts=describe(progress, total)
            )
            display.refresh()

        yield update


def _lines(stream: TextIO, label: str, total: int | None) -> Callable[[Progress], None]:
    shown = 0.0

    def update(progress: Progress) -> None:
        nonlocal shown
        if progress.elapsed - shown >= _LINE_EVERY:
            shown = progress.elapsed
            print(
                f"{label}: {describe(progress, total)}" if label else describe(progress, total), file=stream
            )

    return update


def describe(progress: Progress, total: int | None = None) -> str:
    """Formats a progress report as one line."""
    everything = progress.total if total is None else total
    done = f"{progress.samples}/{everything}" if everything else f"{progress.samples}"
    rate = progress.rate
    if everything and progress.samples >= everything and progress.elapsed > 0:
        rate = progress.samples / progress.elapsed  # not the rate since the last tick, which may be 0
    parts = [f"{done} frames", f"{rate:.0f} fps"]
    if progress.dropped:
        parts.append(f"{progress.dropped} dropped")
    left = progress.remaining
    if total is not None:
        left = (total - progress.samples) / progress.rate if progress.rate > 0 else None
    if left is not None and math.isfinite(left):
        parts.append(f"{_clock(max(left, 0.0))} left")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
