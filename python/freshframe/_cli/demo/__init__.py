"""`freshframe demo`: measures a game, a tracker and slow nodes in one process, then records a video."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
from pathlib import Path
from typing import Any

import freshframe as ff

from ..dashboard import serve_if_asked
from ..game import Burns, Diary, Sleeps, burning, play
from ..messages import Messages
from ..outcome import ExitCode, UsageError, watched
from .report import Live, Measured, as_json, as_text, compare
from .table import live_table

SCENE = "demo:circles?fps=60&size=1280x720&balls=4&seed=1"
_RECORDED = 300  # frames
_PICTURED = 150  # number of the frame saved as an image
_COMPARED_SECONDS = 5.0  # with --process: seconds of the game while the computing node runs on a thread
_ALONE_SECONDS = 1.0  # how long the game runs alone, without video, in seconds


class Snapshot(ff.Node[ff.Frame, None]):
    """Keeps the frame with a given number."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.frame: ff.Frame | None = None

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        """Stores the frame if it has this number."""
        if sample.seq == self.seq:
            self.frame = sample.value


def run(options: Any, messages: Messages) -> ExitCode:
    """Runs the game alongside the two slow nodes and prints the report. Writes files to ``options.out``."""
    if options.browser:
        from . import browser  # noqa: PLC0415

        if options.shapes or options.frozen_game:
            raise UsageError("--browser cannot be used with --shapes or --frozen-game")
        if options.out is not None:
            raise UsageError("--browser cannot be used with --out: it writes no files")
        return browser.run(options, messages)
    folder = _made(options.out or "out")
    if options.shapes:
        from . import shapes  # noqa: PLC0415

        if options.process:
            raise UsageError("--shapes cannot be used with --process: its detector is a native node")
        return shapes.run(options, messages, folder)
    if options.frozen_game:
        from . import frozen_game  # noqa: PLC0415

        if options.process or options.serve is not None:
            raise UsageError("--frozen-game cannot be used with --process or --serve")
        return frozen_game.run(options, messages, folder)
    messages.say(
        f"For {options.seconds:g} s a game in Python takes the newest circles of a 60 fps video, 60 times a\n"
        "second, while one Python node sleeps 100 ms per frame and another computes 100 ms per frame."
    )
    if messages.level <= 0:  # the report shows the drops, so the log need not
        logging.getLogger("freshframe").setLevel(logging.ERROR)
    alone = play(_ALONE_SECONDS, lambda: None)
    with burning():
        beside_burning = play(_ALONE_SECONDS, lambda: None)
    on_thread = _on_thread_first(options, messages) if options.process else None
    live, diary = _play_live(options, messages, options.seconds, process=options.process)
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts KiB
    accuracy = compare(SCENE, diary.seen)
    messages.say(f"recording {_RECORDED} frames of the same scene, now losslessly ...")
    video, picture = folder / "freshframe-demo.mp4", folder / "freshframe-demo.png"
    recording = _record(video, picture)
    measured = Measured(
        seconds=options.seconds,
        alone=alone,
        beside_burning=beside_burning,
        game=diary,
        on_thread=on_thread,
        stats=live,
        accuracy=accuracy,
        recording=recording,
        peak_rss=peak_rss,
        video=video,
        picture=picture,
    )
    if options.json:
        print(json.dumps(as_json(measured), allow_nan=False))
    else:
        print("\n".join(as_text(measured)))
    return ExitCode.OK if recording.complete else ExitCode.INCOMPLETE


def _made(folder: str) -> Path:
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder!r}: the folder cannot be created: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise UsageError(f"--out {folder!r}: the folder is not writable")
    return path.resolve()


def _on_thread_first(options: Any, messages: Messages) -> Live:
    """Runs the game with the computing node on a thread, to compare with a worker process."""
    seconds = min(options.seconds, _COMPARED_SECONDS)
    messages.say(f"{seconds:g} s with the CPU-heavy node on a thread, then in a worker process ...")
    quiet = argparse.Namespace(**{**vars(options), "serve": None})
    return Live(*_play_live(quiet, messages, seconds, process=False))


def _play_live(
    options: Any, messages: Messages, seconds: float, *, process: bool
) -> tuple[ff.stats.Stats, Diary]:
    pipeline = ff.Pipeline("demo")
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE), name="scene"), name="tracker")
    pipeline.add(Sleeps(), circles, name="sleeps")
    pipeline.add(Burns(), circles, name="burns", process=process)
    # frames=False: the game keeps every sample, and their frames would stay in memory.
    reader = pipeline.reader(circles, name="game", frames=False)
    view = [] if options.serve is None else [pipeline.add(ff.Annotate(), circles)]
    serve_if_asked(pipeline, options, messages, view)
    with watched(pipeline), pipeline, live_table(pipeline, messages) as show:
        diary = play(seconds, reader.latest, show)
        stats = pipeline.stats()
    return stats, diary


def _record(video: Path, picture: Path) -> ff.stats.Report:
    """Records the same scene without dropping a frame: pace=0 makes it as fast as it can be processed."""
    pipeline = ff.Pipeline("recording")
    scene = pipeline.add(ff.open(f"{SCENE}&pace=0&frames={_RECORDED}"), name="scene")
    drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), scene, name="tracker"))
    pipeline.add(ff.VideoFile(video), drawn)
    snapshot = Snapshot(_PICTURED)
    pipeline.add(snapshot, drawn)
    with watched(pipeline), pipeline:
        report = pipeline.run()
    if snapshot.frame is not None:
        snapshot.frame.write(picture)
    return report
