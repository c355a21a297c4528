"""show(): the live page of a pipeline in a window of its own, or in a browser's tab."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.parse
import webbrowser
from typing import Any

from .. import _check
from .._errors import FreshframeError, OptionTypeError
from .._graph.port import Port, engine_of
from .._look.dashboard import Dashboard, Request, of, serve
from .._pipeline.pipeline import Pipeline

# Browsers that open a page as a window without tabs and address bar.
_APP_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "brave-browser",
)


def show(what: Port[Any] | Pipeline | Dashboard, *, window: bool = True) -> Dashboard:
    """Opens the live page of a port or a pipeline on this machine's screen.

    Serves the pipeline on this machine if it has no dashboard yet. Does not start the pipeline and does not
    wait. The window is a separate process and stays open when the pipeline ends.

    Args:
        what: With a port, the page shows its pictures first and large. With a Pipeline or a Dashboard it
            shows the whole page.
        window: True: an app window of Chromium, Chrome, Edge or Brave if one of them is installed. Otherwise,
            and with False: a tab of the default browser.

    Returns:
        The dashboard.

    Raises:
        OptionTypeError: ``what`` is not a Port, a Pipeline or a Dashboard.
        OptionError: The port cannot be viewed.
        FreshframeError: There is no display or no browser. The pipeline is served all the same, and the
            message has the URL.
    """
    dashboard = _dashboard_of(what)
    url = dashboard.url + _fragment(what)
    if not _has_display():
        port = urllib.parse.urlsplit(url).port
        raise FreshframeError(
            "there is no display (DISPLAY and WAYLAND_DISPLAY are not set): open the page in a browser, from "
            f"another machine after 'ssh -L {port}:127.0.0.1:{port} HOST': {url}"
        )
    browser = next(filter(None, map(shutil.which, _APP_BROWSERS)), None) if window else None
    if browser is not None:
        subprocess.Popen(
            [browser, f"--app={url}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal does not end it
        )
    elif not webbrowser.open(url):
        raise FreshframeError(f"no browser was found; open the page yourself: {url}")
    return dashboard


def _dashboard_of(what: object) -> Dashboard:
    if isinstance(what, Dashboard):
        return what
    if isinstance(what, Port):
        engine = engine_of(what)
        return of(engine) or serve(engine, Request.of(engine, view=what))
    if isinstance(what, Pipeline):
        return what.dashboard or what.serve()
    raise OptionTypeError(
        f"show() takes a port that add() returned, a Pipeline or a Dashboard; got {_check.shown(what)}"
    )


def _fragment(what: object) -> str:
    return f"#view={urllib.parse.quote(what.name, safe='')}" if isinstance(what, Port) else ""


def _has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
