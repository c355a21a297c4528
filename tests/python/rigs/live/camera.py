"""Helpers of the live tests: clips, and a camera in a pipeline with its statistics."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from support import WATCHDOG, until

import freshframe as ff
from rigs.live.faulty_server import Clip
from rigs.live.media import encode
from rigs.live.program import Program

_O = TypeVar("_O", bound="Opened")


@functools.cache
def clip(kind: str, width: int = 160, height: int = 120) -> Clip:
    """Returns ten seconds of video, encoded once per run."""
    return encode(kind, size=(width, height))


# Timeouts in seconds that a busy machine does not reach, but a hanging test does.
PATIENT: dict[str, Any] = {"open_timeout": 0.8 * WATCHDOG, "read_timeout": 0.8 * WATCHDOG}


class Opened:
    """A pipeline of a live source and a reader. Timeouts that are not given are those of PATIENT."""

    queue: ff.Queue | None = None  # queue of the reader if the options have none

    def __init__(self, url: str, **options: Any) -> None:
        queue = options.pop("queue", self.queue)
        self.pipeline = ff.Pipeline()
        self.source = ff.open(url, **(PATIENT | options))
        self.port = self.pipeline.add(self.source, name="camera")
        self.reader = self.pipeline.reader(self.port, queue=queue)

    def __enter__(self: _O) -> _O:
        """Starts the pipeline."""
        self.pipeline.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stops the pipeline."""
        self.pipeline.stop()

    @property
    def stats(self) -> ff.stats.SourceStats:
        """The statistics of the source."""
        stats = self.pipeline.stats().nodes["camera"].source
        assert stats is not None
        return stats


class Camera(Opened):
    """An opened camera whose samples the test reads."""

    def drops(self, cause: str) -> int:
        """Returns how many frames the source has dropped for this cause."""
        drops: dict[Any, int] = dict(self.pipeline.stats().nodes["camera"].drops)
        return drops.get(cause, 0)

    def read(self, count: int = 1) -> list[ff.Sample[ff.Frame]]:
        """Returns the next samples."""
        return [self.reader.get(timeout=WATCHDOG) for _ in range(count)]

    def wait(self, condition: Callable[[ff.stats.SourceStats], object], what: str) -> None:
        """Waits until the statistics meet the condition."""
        until(lambda: condition(self.stats), lambda: f"{what}; now {self.stats}")


class ServerProcess(Program):
    """A server that can be stopped (SIGSTOP) and killed."""

    def __init__(self, kind: str, media: Path, port: int = 0) -> None:
        more = [str(port)] if port else []
        super().__init__([sys.executable, "-m", "rigs.live.servers", kind, str(media), *more])
        assert self.said, "the server did not start"
        self.port = int(self.said)
