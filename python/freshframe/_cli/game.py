"""The game of the demo: a loop in Python at 60 Hz, its diary, and two slow nodes beside it."""
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
    """Waits 100 ms for each sample, like code that calls a slow service."""

    def process(self, sample: ff.Sample[ff.Circles]) -> None:
        """Sleeps without the GIL."""
        time.sleep(_HINDRANCE)


class Burns(ff.Node[ff.Circles, None]):
    """Computes 100 ms in pure Python for each sample, so it needs the GIL all the time."""

    def process(self, sample: ff.Sample[ff.Circles]) -> None:
        """Counts until the time is over."""
        burn()


def burn() -> None:
    """100 ms of pure Python."""
    end = time.perf_counter() + _HINDRANCE
    while time.perf_counter() < end:
        sum(range(200))


def burning() -> AbstractContextManager[None]:
    """Runs a Python thread beside the body that computes all the time, like Burns, without a pipeline."""
    return repeated_beside("burning", burn)


@contextmanager
def repeated_beside(name: str, step: Callable[[], object]) -> Iterator[None]:
    """Repeats a step on a Python thread of this name beside the body."""
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
    """The record of each frame of the game; times in seconds."""

    starts: list[float] = field(default_factory=list)  # perf_counter() at the start of each frame
    pulls: list[float] = field(default_factory=list)  # how long latest() took
    ages: list[float] = field(default_factory=list)  # ages of the results of latest(), at that moment
    seen: list[ff.Sample[ff.Circles]] = field(default_factory=list)  # each sample once
    missed: int = 0  # refreshes of the screen for which no new picture was ready

    @property
    def missed_share(self) -> float:
        """Share of the screen's refreshes that were missed."""
        refreshes = len(self.starts) + self.missed
        return self.missed / refreshes if refreshes else 0.0

    @property
    def frame_times(self) -> list[float]:
        """From the start of each frame to the start of the next."""
        return [later - earlier for earlier, later in zip(self.starts, self.starts[1:], strict=False)]


def play(
    seconds: float,
    pull: Callable[[], ff.Sample[ff.Circles] | None],
    between: Callable[[Diary], None] = lambda diary: None,
) -> Diary:
    """Plays for some time. Each frame pulls once and moves the players.

    A frame is due at every refresh of a 60 Hz screen. A frame that is not finished by the next refresh is
    missed, and so is every refresh that passes until it is finished.

    Args:
        seconds: Duration.
        pull: Returns the newest circles.
        between: Called at the end of every frame, as part of it.
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
    """`3 of 900`: refreshes without a new picture, and all refreshes."""
    return f"{game.missed} of {len(game.starts) + game.missed}"
