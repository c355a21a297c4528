"""Builds and runs the graph of one source of `track`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freshframe as ff

from ..outcome import UsageError, watched
from ..summary import Tally

_TICK = 0.1  # seconds between two checks of a running pipeline


class Pick(ff.Node[ff.Frame, ff.Frame]):
    """Passes on a random share of the frames, and none after the last selected one.

    The selection depends only on the seed and the frame's number, so it is the same in every run, even if
    frames are dropped.
    """

    def __init__(self, keep: float, seed: int, max_frames: int | None, seconds: float | None) -> None:
        self.keep = keep
        self.seed = seed
        self.max_frames = max_frames
        self.seconds = seconds
        self.picked = 0
        self.full = threading.Event()
        self._first_pts: float | None = None

    def process(self, sample: ff.Sample[ff.Frame]) -> ff.Frame | None:
        """Returns the frame if it is selected, otherwise None."""
        if self.full.is_set():
            return None
        if self._first_pts is None:
            self._first_pts = sample.pts
        if self.seconds is not None and sample.pts - self._first_pts >= self.seconds:
            self.full.set()
            return None
        if self.keep < 1 and random.Random(f"{self.seed}:{sample.seq}").random() >= self.keep:
            return None
        self.picked += 1
        if self.picked == self.max_frames:
            self.full.set()
        return sample.value


class StdoutLines(ff.JsonLines):
    """Writes JSON lines to stdout and flushes each immediately.

    Args:
        label: The name of the source, if several are written one after the other.

    Attributes:
        unwanted: True once the reader of the pipe has closed it. Further lines are discarded.
    """

    def __init__(self, label: str | None = None) -> None:
        super().__init__("<stdout>")
        self._label = label
        self.unwanted = threading.Event()

    def open(self) -> None:
        """Uses sys.stdout, which is open already."""
        self._file = sys.stdout

    def process(self, sample: ff.Sample[Any]) -> None:
        """Writes one line."""
        if self.unwanted.is_set():
            return
        try:
            super().process(sample)
            sys.stdout.flush()
        except BrokenPipeError:
            self.unwanted.set()

    def close(self) -> None:
        """Leaves stdout open."""
        self._file = None


def model_options(options: Any) -> dict[str, Any]:
    """Returns the arguments for OnnxDetector from the command line."""
    given = {
        "min_confidence": options.min_confidence,
        "classes": None if options.classes is None else options.classes.split(","),
        "layout": options.layout,
        "threads": options.threads,
        "provider": options.provider,
        "provider_options": None if options.provider_option is None else dict(options.provider_option),
    }
    return {name: value for name, value in given.items() if value is not None}


class TrackRun:
    """The graph of one run of `track`, and its execution."""

    def __init__(self, url: int | str, outputs: list[str], options: Any) -> None:
        self.pipeline = ff.Pipeline("track")
        source = ff.open(
            url,
            fps=options.fps,
            rotate=options.rotate,
            stream=options.stream,
            realtime=options.realtime,
            start=options.start,
            end=options.end,
        )
        self.label = source.url  # with its password masked
        self.live = source.live
        self.wait = options.wait or "://" in source.url  # a stream may become available later
        frames: ff.Port[ff.Frame] = self.pipeline.add(source, name="source")
        self.source = frames.name
        self.pick = self._pick(options)
        # For a live source the limit is in real time, so that the run ends even if no frames arrive.
        self.deadline = options.duration if self.live else None
        if self.pick is not None:
            frames = self.pipeline.add(self.pick, frames, name="pick")
        self.things = "circles" if options.model is None else "boxes"
        self.about_model = ""
        found = self._add_finder(frames, options)
        self.stdout: StdoutLines | None = None
        self.tally = Tally()
        self.pipeline.add(self.tally, found, name="tally")
        # Draw only if the frames can be viewed: drawing would slow down the processing of a file.
        self.drawn = self._add_drawing(found) if options.serve is not None else None
        self.sinks = self._add_outputs(found, outputs, options)
        self.started = False

    def _add_finder(self, frames: ff.Port[ff.Frame], options: Any) -> ff.Port[Any]:
        """Adds the detector and, unless --detect is given, the tracker."""
        if options.model is None:
            radius = {} if options.radius is None else {"radius": options.radius}
            circles = self.pipeline.add(
                ff.CircleDetector(**radius) if options.detect else ff.CircleTracker(**radius), frames
            )
            self.finder = circles.name
            return circles
        try:
            detector = ff.OnnxDetector(options.model, **model_options(options))
        except ImportError as error:  # ONNX Runtime is not installed
            raise UsageError(str(error)) from None
        self.about_model = (
            f"{options.model}: layout {detector.layout}, input {detector.size[0]}x{detector.size[1]}, "
            f"run by {detector.provider} with {detector.threads} threads"
        )
        boxes = self.pipeline.add(detector, frames)
        self.finder = boxes.name
        return boxes if options.detect else self.pipeline.add(ff.BoxTracker(), boxes)

    def _add_drawing(self, found: ff.Port[Any]) -> ff.Port[ff.Frame]:
        drawn: ff.Port[ff.Frame] = self.pipeline.add(ff.Annotate(), found)
        return drawn

    def _pick(self, options: Any) -> Pick | None:
        seconds = None if self.live else options.duration
        if options.keep == 1 and options.max_frames is None and seconds is None:
            return None
        return Pick(options.keep, options.seed, options.max_frames, seconds)

    def _add_outputs(self, found: ff.Port[Any], outputs: list[str], options: Any) -> list[str]:
        sinks = []
        if options.json:
            self.stdout = StdoutLines(self.label if len(options.sources) > 1 else None)
            sinks.append(self.pipeline.add(self.stdout, found, name="stdout").name)
        drawn = self.drawn
        for path in outputs:
            match Path(path).suffix.lower():
                case ".jsonl":
                    port = self.pipeline.add(ff.JsonLines(path), found)
                case ".csv":
                    port = self.pipeline.add(ff.Csv(path), found)
                case _:
                    drawn = drawn or self._add_drawing(found)
                    port = self.pipeline.add(ff.VideoFile(path), drawn)
            sinks.append(port.name)
        return sinks

    def run(self, show: Callable[[ff.stats.Progress], None]) -> ff.stats.Report:
        """Runs until the source ends or a limit of the options is reached."""

        def tick(progress: ff.stats.Progress) -> None:
            show(progress)
            if self._has_enough(progress.elapsed):
                self.pipeline.stop()

        # Leaving the block stops the pipeline, also after an exception.
        with watched(self.pipeline), self.pipeline:
            self.started = True
            self._require_camera()
            return self.pipeline.run(progress=tick, progress_every=_TICK)

    def _require_camera(self) -> None:
        """Raises SourceError if start() could not open the camera, unless --wait was given."""
        connection = self.pipeline.stats().nodes[self.source].source
        if not self.wait and connection is not None and connection.state == "backing_off":
            raise ff.SourceError(f"{connection.last_error}; pass --wait to wait for the camera")

    @property
    def picked(self) -> int:
        """Number of frames that were selected; 0 if the options select all of them."""
        return 0 if self.pick is None else self.pick.picked

    @property
    def unwanted(self) -> bool:
        """True once the reader of stdout has closed it."""
        return self.stdout is not None and self.stdout.unwanted.is_set()

    def failed_to_close(self, error: ff.NodeError) -> bool:
        """Returns True if all frames were processed, and only an output could not be finished."""
        return self.started and error.seq is None and error.node in self.sinks

    def _has_enough(self, elapsed: float) -> bool:
        if self.unwanted:
            return True
        if self.deadline is not None and elapsed >= self.deadline:
            return True
        return self.pick is not None and self.pick.full.is_set() and self._drained(self.pick.picked)

    def _drained(self, picked: int) -> bool:
        """Returns True once every selected frame has passed through all nodes or is counted as dropped.

        Every node of this graph except `pick` emits one sample for each that it takes.
        """
        edges = [edge for edge in self.pipeline.stats().edges if edge.parent != self.source]
        emitted = {edge.child: edge.delivered for edge in edges} | {"pick": picked}
        return all(edge.waiting == 0 and edge.passed_in == emitted[edge.parent] for edge in edges)
