"""How commands serve the dashboard: the options become Pipeline.serve() and a line with the URL."""
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
    """Serves the pipeline when there is a --serve among the options, and says where.

    Args:
        pipeline: Not started yet, so that its start is seen, too.
        options: With `serve`, a port or None, and `host`.
        messages: Where the URL goes.
        view: Ports whose pictures can be looked at; None leaves the choice to serve().
    """
    if options.serve is None:
        return
    dashboard = pipeline.serve(host=options.host, port=options.serve, view=view)
    if "?token=" in dashboard.url and messages.level < 0:  # with -q, too: the token was made up just now
        print(*dashboard.urls, sep="\n", file=sys.stderr, flush=True)
    messages.say(f"dashboard: {', '.join(dashboard.urls)}")
