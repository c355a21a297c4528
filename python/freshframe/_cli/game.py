"""The game of the demo: a Python loop at 60 Hz, a record of its frames, and two slow nodes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import freshframe as ff

RATE = 60.0  # frames of the game per second
_HINDRANCE = 0.1  # seconds per sample


class Sleeps(ff.Node[ff.Circles, None]):
    """Sleeps for 100 ms per sample, like a call of a slow service."""

    def process(self, sample: ff.Sample[ff.Circles]) -> None:
        """Sleeps. Releases the GIL."""
        time.sleep(_HINDRANCE)


class Burns(ff.Node[ff.Circles, None]):
    """Computes in pure Python for 100 ms per sample, so it always needs the GIL."""

    def process(self, sample: ff.Sample[ff.Circles]) -> None:
        """Counts for 100 ms."""
        burn()


def burn() -> None:
    """Computes in pure Python for 100 ms."""
    end = time.perf_counter() + _HINDRANCE
    while time.perf_counter() < end:
        sum(range(200))


def burning() -> AbstractContextManager[None]:
    """Keeps a Python thread computing during the `with` block, like Burns but without a pipeline."""
    return repeated_beside("burning", burn)


@contextmanager
def repeated_beside(name: str, step: Callable[[], object]) -> Iterator[None]:
    """Calls ``step`` repeatedly on a thread with this name while the `with` block runs."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            step()

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass(slots=True)
class Diary:
    """What was measured in each frame of the game, in seconds."""

    starts: list[float] = field(default_factory=list)  # perf_counter() at the start of each frame
    pulls: list[float] = field(default_factory=list)  # durations of latest()
    ages: list[float] = field(
        default_factory=list
    )  # ages of the samples that latest() returned, at that time
    seen: list[ff.Sample[ff.Circles]] = field(default_factory=list)  # without duplicates
    missed: int = 0  # screen refreshes for which the game had no new image

    @property
    def missed_share(self) -> float:
        """Share of the screen refreshes that were missed, 0 to 1."""
        refreshes = len(self.starts) + self.missed
        return self.missed / refreshes if refreshes else 0.0

    @property
    def frame_times(self) -> list[float]:
        """Seconds from the start of each frame to the start of the next."""
        return [later - earlier for earlier, later in zip(self.starts, self.starts[1:], strict=False)]


def play(
    seconds: float,
    pull: Callable[[], ff.Sample[ff.Circles] | None],
    between: Callable[[Diary], None] = lambda diary: None,
) -> Diary:
    """Runs the game. Each frame calls ``pull`` once.

    A frame is due at each refresh of a 60 Hz screen. Every refresh that passes before a frame is finished
    counts as missed.

    Args:
        seconds: Duration of the game.
        pull: Returns the newest circles, or None.
        between: Called at the end of each frame; its time counts as part of the frame.
    """
    diary = Diary()
    began = time.perf_counter()
    last = None
    refresh = 0
    refreshes = round(seconds * RATE)
    while refresh < refreshes:
        time.sleep(max(0.0, began + refresh / RATE - time.perf_counter()))
        start = time.perf_counter()
        sample = pull()
        diary.pulls.append(time.perf_counter() - start)
        diary.starts.append(start)
        if sample is not None:
            diary.ages.append(sample.age)
            if sample is not last:
                diary.seen.append(sample)
                last = sample
        between(diary)
        finished = min(int((time.perf_counter() - began) * RATE), refreshes - 1)
        diary.missed += max(0, finished - refresh)
        refresh = max(refresh, finished) + 1
    return diary


def missed(game: Diary) -> str:
    """Returns for example `3 of 900`: missed refreshes, and all refreshes."""
    return f"{game.missed} of {len(game.starts) + game.missed}"
