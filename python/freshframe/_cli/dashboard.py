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
    url = served(pipeline, options.host, options.serve, view)
    if "?token=" in url and messages.level < 0:  # with -q, too: the token was made up just now
        print(url, file=sys.stderr, flush=True)
    messages.say(f"dashboard: {url}")


def served(pipeline: ff.Pipeline, host: str, port: int, view: Sequence[ff.Port[Any]] | None) -> str:
    """Serves the pipeline and returns the URL; the token in it is needed from other machines only."""
    return pipeline.serve(host=host, port=port, view=view)
