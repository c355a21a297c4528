"""Dashboard.show(): opens the page in its own window, or in a browser tab."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.parse
import webbrowser

from .._errors import FreshframeError

# Browsers that can open a page as a window without tabs and address bar.
_APP_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "brave-browser",
)


def open_page(url: str, *, as_window: bool) -> None:
    """Implements Dashboard.show().

    Args:
        url: URL of the page.
        as_window: Whether to prefer a window without tabs.

    Raises:
        FreshframeError: No display or no browser was found.
    """
    if not _has_display():
        port = urllib.parse.urlsplit(url).port
        raise FreshframeError(
            "there is no display (DISPLAY and WAYLAND_DISPLAY are not set): open the page in a browser, from "
            f"another machine after 'ssh -L {port}:127.0.0.1:{port} HOST': {url}"
        )
    browser = next(filter(None, map(shutil.which, _APP_BROWSERS)), None) if as_window else None
    if browser is not None:
        subprocess.Popen(
            [browser, f"--app={url}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C in the terminal does not close it
        )
    elif not webbrowser.open(url):
        raise FreshframeError(f"no browser was found; open the page yourself: {url}")


def _has_display() -> bool:
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
