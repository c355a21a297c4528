"""`freshframe view`: shows a source and its graph in a browser."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import freshframe as ff

from .messages import Messages
from .outcome import ExitCode, watched


def run(options: Any, messages: Messages) -> ExitCode:
    """Serves the live page of a source until the source ends."""
    source = ff.open(options.source, fps=options.fps, stream=options.stream)
    if not source.live:  # play a file at its own speed, not as fast as it can be read
        source = ff.open(
            options.source, fps=options.fps, stream=options.stream, realtime=True, loop=options.loop
        )
    pipeline = ff.Pipeline("view", stall_timeout=None)
    frames: ff.Port[ff.Frame] = pipeline.add(source, name="source")
    view = [frames]
    if options.circles:
        circles = pipeline.add(ff.CircleTracker(), frames)
        view.insert(0, pipeline.add(ff.Annotate(), circles))
    # Start first: if the source cannot be opened, no URL is printed.
    with watched(pipeline), pipeline:
        dashboard = pipeline.serve(host=options.host, port=options.port, view=view)
        for url in dashboard.urls:
            print(f"{url}#view={quote(view[0].name, safe='')}", flush=True)
        messages.say(f"serving {source.url}; Ctrl-C ends it")
        pipeline.run()
    messages.say("the source has ended")
    return ExitCode.OK
