"""`freshframe demo --browser`: the demo's nodes and game on the camera of a browser."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sys
from typing import Any

import freshframe as ff

from ..dashboard import camera_link, print_urls
from ..game import Burns, Diary, Sleeps, play
from ..messages import Messages
from ..outcome import ExitCode, watched
from .table import live_table


def run(options: Any, messages: Messages) -> ExitCode:
    """Prints the link (on stderr with --json), waits for a browser, and runs the game. Prints latencies."""
    pipeline = ff.Pipeline("demo", stall_timeout=None)
    camera = pipeline.add(ff.open("browser:", size=(1280, 720), fps=30), name="camera")
    circles = pipeline.add(ff.CircleTracker(), camera, name="tracker")
    pipeline.add(Sleeps(), circles, name="sleeps")
    pipeline.add(Burns(), circles, name="burns", process=options.process)
    reader = pipeline.reader(circles, name="game", frames=False)
    drawn = pipeline.add(ff.Annotate(), circles)
    port = 0 if options.serve is None else options.serve
    with watched(pipeline):
        dashboard = pipeline.serve(host=options.host, port=port, view=drawn)
        if options.serve is not None:
            print_urls(dashboard, messages)
        print(camera_link(dashboard, camera), file=sys.stderr if options.json else sys.stdout, flush=True)
        messages.say("Open this link and press Use my camera. Press Ctrl-C to end the demo.")
        with pipeline, live_table(pipeline, messages) as show:
            next(reader)
            diary = play(options.seconds, reader.latest, show)
            stats = pipeline.stats()
    print(json.dumps(_as_json(stats, diary)) if options.json else "\n".join(_as_text(stats, diary)))
    return ExitCode.OK


def _as_json(stats: ff.stats.Stats, diary: Diary) -> dict[str, Any]:
    source = stats.nodes["camera"].source
    sender = None if source is None else source.sender
    return {
        "browser": None if sender is None else sender.browser,
        "codec": None if sender is None else sender.codec,
        "frames": stats.nodes["camera"].processed,
        "game_frames": len(diary.starts),
        "game_missed": diary.missed,
        "ages": {
            edge.child: {"p50_seconds": edge.age_p50, "p99_seconds": edge.age_p99, "dropped": edge.dropped}
            for edge in stats.edges
        },
    }


def _as_text(stats: ff.stats.Stats, diary: Diary) -> list[str]:
    record = _as_json(stats, diary)
    lines = [
        f"camera      {record['frames']} frames as {record['codec']} from {record['browser'] or 'a browser'}",
        f"game        {record['game_frames']} frames, {record['game_missed']} missed",
    ]
    return lines + [
        f"{name:<11} frames {age['p50_seconds'] * 1e3:.0f} ms old (99 %: {age['p99_seconds'] * 1e3:.0f} ms); "
        f"{age['dropped']} were replaced by newer ones"
        for name, age in record["ages"].items()
    ]
