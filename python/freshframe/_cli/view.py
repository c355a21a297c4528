"""`freshframe view`: shows a source and its graph in a browser."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import freshframe as ff

from .dashboard import camera_link
from .messages import Messages
from .outcome import ExitCode, watched


def run(options: Any, messages: Messages) -> ExitCode:
    """Serves the live page of a source until the source ends."""
    given = {"fps": options.fps, "stream": options.stream, "rotate": options.rotate}
    source = ff.open(options.source, **given)
    if not source.live:  # play a file at its own speed, not as fast as it can be read
        source = ff.open(options.source, **given, realtime=True, loop=options.loop)
    pipeline = ff.Pipeline("view", stall_timeout=None)
    frames: ff.Port[ff.Frame] = pipeline.add(source, name="source")
    view = [frames]
    if options.circles:
        circles = pipeline.add(ff.CircleTracker(), frames)
        view.insert(0, pipeline.add(ff.Annotate(), circles))
    is_sent = str(options.source).startswith("browser:")
    with watched(pipeline):
        if is_sent:
            _serve(pipeline, options, view, is_sent=True)
        with pipeline:
            # Other sources start first: if one cannot be opened, no URL is printed.
            if not is_sent:
                _serve(pipeline, options, view, is_sent=False)
            messages.say(f"serving {source.url}; press Ctrl-C to stop")
            pipeline.run()
    messages.say("the source has ended")
    return ExitCode.OK


def _serve(pipeline: ff.Pipeline, options: Any, view: list[ff.Port[ff.Frame]], *, is_sent: bool) -> None:
    """Serves the page and prints its URLs, after the link of the page that sends the camera."""
    dashboard = pipeline.serve(host=options.host, port=options.port, view=view)
    if is_sent:
        print(camera_link(dashboard, view[-1]), flush=True)
    for url in dashboard.urls:
        print(f"{url}#view={quote(view[0].name, safe='')}", flush=True)
