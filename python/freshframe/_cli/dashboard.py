"""Serves the dashboard of a command's pipeline and prints its URL."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import freshframe as ff

from .messages import Messages


def serve_if_asked(
    pipeline: ff.Pipeline, options: Any, messages: Messages, view: Sequence[ff.Port[Any]] | None = None
) -> None:
    """Serves the pipeline if --serve was given, and prints the URL.

    Args:
        pipeline: Not started yet, so that the page shows its start as well.
        options: With `serve`, a port or None, and `host`.
        messages: For the URL.
        view: Ports whose pictures can be viewed. None means serve() chooses them.
    """
    if options.serve is None:
        return
    dashboard = pipeline.serve(host=options.host, port=options.serve, view=view)
    if (
        "?token=" in dashboard.url and messages.level < 0
    ):  # even with -q, because only this line shows the token
        print(*dashboard.urls, sep="\n", file=sys.stderr, flush=True)
    messages.say(f"dashboard: {', '.join(dashboard.urls)}")
