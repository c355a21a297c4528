"""Serves the dashboard of a command's pipeline and prints its URL."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import freshframe as ff

from .messages import Messages


def serve_if_asked(
    pipeline: ff.Pipeline,
    options: Any,
    messages: Messages,
    view: Sequence[ff.Port[Any]] | None = None,
    camera: ff.Port[ff.Frame] | str | None = None,
) -> None:
    """Serves the dashboard if --serve was given, and prints its URL.

    Args:
        pipeline: Must not be started yet, so that the page also shows its start.
        options: Has `serve`, a port number or None, and `host`.
        messages: Prints the URL.
        view: Ports whose frames can be viewed. None: serve() chooses them.
        camera: A source that a browser sends. Its link is printed too, also with -q.
    """
    if options.serve is None:
        return
    dashboard = pipeline.serve(host=options.host, port=options.serve, view=view)
    print_urls(dashboard, messages)
    if camera is not None:
        print(f"camera: {camera_link(dashboard, camera)}", file=sys.stderr, flush=True)


def print_urls(dashboard: ff.types.Dashboard, messages: Messages) -> None:
    """Prints the URLs of the dashboard on stderr."""
    if "?token=" in dashboard.url and messages.level < 0:  # also with -q: the token is shown nowhere else
        print(*dashboard.urls, sep="\n", file=sys.stderr, flush=True)
    messages.say(f"dashboard: {', '.join(dashboard.urls)}")


def camera_link(dashboard: ff.types.Dashboard, camera: ff.Port[ff.Frame] | str) -> str:
    """Returns the link of the page that sends this camera, with localhost as its host.

    Browsers permit cameras on localhost, and over http nowhere else.
    """
    link = urlsplit(dashboard.camera_url(camera))
    return f"http://localhost:{link.port}{link.path}#{link.fragment}"
