"""One start of a camera at an agent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..._pipeline.pipeline import Pipeline
from .._url import cut, masked
from .outlet import Outlet

_SHORTEST_SECRET = 4  # letters: shorter ones are in every text


@dataclass(eq=False)
class Run:
    """One start of a camera."""

    camera: int
    epoch: int
    name: str
    url: str
    exclusive: bool
    secret: str = ""  # the value of the variable that the URL names
    lock: threading.Lock = field(default_factory=threading.Lock)
    pipeline: Pipeline | None = None
    outlets: list[Outlet] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    reported: Counter[str] = field(default_factory=Counter)  # the counts that the controller has
    began: float | None = None  # when its build was loaded and called
    thread: int = 0  # that starts or closes it
    hung: bool = False  # its start has taken too long
    ended: bool = False  # the controller has the event
    running: bool = False  # started, and its close has not begun
    stopping: bool = False
    closing: bool = False  # a thread closes it

    @property
    def key(self) -> tuple[int, int]:
        """Camera and epoch."""
        return self.camera, self.epoch

    @property
    def start_name(self) -> str:
        """Which start it is, for messages about its pipeline."""
        return f"{self.name}, start {self.epoch & 0xFFFFFFFF}"

    def shown(self, text: str) -> str:
        """A text of bearable length without the passwords of its URL."""
        text = cut(text)
        for known in (self.url, self.secret):
            if len(known) >= _SHORTEST_SECRET:
                text = text.replace(known, masked(self.url))
        return masked(text)


def hangs(run: Run) -> str:
    """Since when, and where."""
    began, frame = run.began, sys._current_frames().get(run.thread)
    since = "" if began is None else f" after {time.monotonic() - began:.0f} s"
    where = "".join(f", in {each.name} at {each.filename}:{each.lineno}" for each in _innermost(frame))
    return f"has not returned{since}{where}"


def _innermost(frame: Any) -> list[traceback.FrameSummary]:
    return [] if frame is None else list(traceback.extract_stack(frame, limit=1))


def text_of(error: BaseException) -> str:
    """An error as one line, of bearable length."""
    text = cut(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
