"""Helpers of the live tests: clips made once, a camera in a pipeline, its stats."""
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
    """Ten seconds of video."""
    return encode(kind, size=(width, height))


# Seconds: a machine that is busy elsewhere does not reach them, and a test that hangs does.
PATIENT: dict[str, Any] = {"open_timeout": 0.8 * WATCHDOG, "read_timeout": 0.8 * WATCHDOG}


class Opened:
    """A live source, and a reader of it, in a separate pipeline. Limits that are not given are PATIENT."""

    queue: ff.Queue | None = None  # queue of the reader, unless it is among the options

    def __init__(self, url: str, **options: Any) -> None:
        queue = options.pop("queue", self.queue)
        self.pipeline = ff.Pipeline()
        self.source = ff.open(url, **(PATIENT | options))
        self.port = self.pipeline.add(self.source, name="camera")
        self.reader = self.pipeline.reader(self.port, queue=queue)

    def __enter__(self: _O) -> _O:
        """Starts."""
        self.pipeline.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stops."""
        self.pipeline.stop()

    @property
    def stats(self) -> ff.stats.SourceStats:
        """The source's statistics."""
        stats = self.pipeline.stats().nodes["camera"].source
        assert stats is not None
        return stats


class Camera(Opened):
    """Gives samples."""

    def drops(self, cause: str) -> int:
        """The node's drops."""
        drops: dict[Any, int] = dict(self.pipeline.stats().nodes["camera"].drops)
        return drops.get(cause, 0)

    def read(self, count: int = 1) -> list[ff.Sample[ff.Frame]]:
        """The next samples."""
        return [self.reader.get(timeout=WATCHDOG) for _ in range(count)]

    def wait(self, condition: Callable[[ff.stats.SourceStats], object], what: str) -> None:
        """Waits until the statistics fit."""
        until(lambda: condition(self.stats), lambda: f"{what}; now {self.stats}")


class ServerProcess(Program):
    """A server that can be stopped (SIGSTOP) and killed."""

    def __init__(self, kind: str, media: Path, port: int = 0) -> None:
        more = [str(port)] if port else []
        super().__init__([sys.executable, "-m", "rigs.live.servers", kind, str(media), *more])
        assert self.said, "the server did not start"
        self.port = int(self.said)
