"""The page of a fleet: its state as JSON, published to the native server while a browser shows it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import html
import json
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshframe import OptionError, StateError
from freshframe._agent import (
    ClosedByWith,
    check,
    fork,
    logger,
    native,
)

from . import _metrics

if TYPE_CHECKING:
    from ._stats import FleetStats

_PERIOD = 0.25  # seconds between two checks for requests
_MOST_PORTS = 65535
_BELIEVED = 5.0  # seconds
_SILENT = f"the program has not reported its fleet's state for {_BELIEVED:g} s\n"
_STALLED = 3.0  # seconds without a check of the agents after which the controller counts as stalled
_OFTEN, _RARELY = 1.0, 10.0  # seconds between two states without requests
_SHARE = 50  # the pause after generating the state is this many times as long as generating it took
_BROKEN = ("failed", "unplaced", "away")

# Paths, files and their types. The page also loads files of a pipeline's page, which the server already has.
_FILES = (
    ("/", "fleet.html", "text/html"),
    ("/fleet.css", "fleet.css", "text/css"),
    ("/fleet.js", "fleet.js", "text/javascript"),
    ("/fleet_cameras.js", "fleet_cameras.js", "text/javascript"),
)

_open: weakref.WeakSet[FleetDashboard] = weakref.WeakSet()


class FleetDashboard(ClosedByWith):
    """The live page of a fleet, returned by Fleet.serve(). Served until it or the fleet is closed.

    Attributes:
        urls: URLs at which it is served, with the token if there is one.
    """

    def __init__(
        self,
        stats: Callable[[], FleetStats],
        host: str,
        port: int,
        token: str | None,
        ticked: Callable[[], float],
    ) -> None:
        """Called by Fleet.serve(). ``ticked``: when the controller last worked, by CLOCK_BOOTTIME."""
        check.text("host", host)
        if not 0 <= check.integer("port", port) <= _MOST_PORTS:
            raise OptionError(f"port must be 0 (a free one) to {_MOST_PORTS}, got {port}")
        self._stats = stats
        self._good: bytes | None = None  # the response of /healthz while the fleet is healthy
        self._ticked = ticked
        self._rest = _OFTEN
        self._pid = os.getpid()
        self._pages = native.Pages(host, port, "" if token is None else check.text("token", token))
        set_files(self._pages)
        self.urls = tuple(self._pages.urls)
        self._closing = threading.Event()
        self._publish()
        self._thread = threading.Thread(target=self._run, name="ff fleet page", daemon=True)
        self._thread.start()
        _open.add(self)

    @property
    def url(self) -> str:
        """Returns the first of ``urls``."""
        return self.urls[0]

    def close(self) -> None:
        """Stops the server and closes its connections. Idempotent. GIL: released while waiting."""
        if os.getpid() != self._pid:
            return
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._pages.close()

    def __str__(self) -> str:
        """Returns the page's URL, with its token."""
        return self.url

    def __repr__(self) -> str:
        """Returns the URL without its token."""
        return f"<FleetDashboard {self.url.partition('?')[0]}>"

    def _repr_html_(self) -> str:
        """Returns a link to the page, for notebooks."""
        shown = html.escape(self.url.partition("?")[0])
        return f'<a href="{html.escape(self.url)}" target="_blank" rel="noreferrer">{shown}</a>'

    def _run(self) -> None:
        asked, published = self._pages.asked, time.monotonic()
        while not self._closing.wait(_PERIOD):
            now = time.monotonic()
            if self._is_stalled():
                published = float("-inf")  # publish the state as soon as the controller works again
                continue
            self._renew_health()
            if self._pages.asked == asked and now - published < self._rest:
                continue
            asked, published = self._pages.asked, now
            try:
                self._publish()
            except StateError:  # the controller is busy: try again soon
                published = float("-inf")
            except Exception as error:
                logger.exception("the page of a fleet has no state")
                self._set_broken(f"no state of the fleet: {type(error).__name__}")

    def _set_broken(self, reason: str) -> None:
        self._good = None
        self._pages.set("/healthz", "text/plain; charset=utf-8", f"{reason}\n".encode(), 503)

    def _is_stalled(self) -> bool:
        """Returns True if the controller is stuck. Does not call the controller, whose lock may be held."""
        silent = time.clock_gettime(time.CLOCK_BOOTTIME) - self._ticked()
        if silent < _STALLED or self._closing.is_set():
            return False
        self._set_broken(f"the controller has not responded for {silent:.0f} s")
        return True

    def _publish(self) -> None:
        began = time.monotonic()
        stats = self._stats()
        text = json.dumps(page_state(stats), separators=(",", ":"))
        self._pages.set("/api/fleet", "application/json", text.encode(), 200)
        self._pages.set("/metrics", _metrics.TYPE, _metrics.metrics_text(stats).encode(), 200)
        good, reason = health(stats)
        self._good = f"{reason}\n".encode()
        if not good:
            self._set_broken(reason)
        self._renew_health()
        self._rest = min(_RARELY, max(_OFTEN, _SHARE * (time.monotonic() - began)))

    def _renew_health(self) -> None:
        """Extends the healthy response for some seconds. It expires if this program is stopped."""
        if self._good is not None:
            self._pages.set_for("/healthz", self._good, _BELIEVED, _SILENT)


def set_files(pages: native.Pages) -> None:
    """Passes the files of the page to the server."""
    folder = Path(__file__).with_name("_web")
    for address, name, kind in _FILES:
        pages.set(address, f"{kind}; charset=utf-8", (folder / name).read_bytes(), 200)


def page_state(stats: FleetStats) -> dict[str, Any]:
    """Returns the state for the page. Epochs are "TERM.COUNT", as JavaScript's numbers are too small."""
    state = stats.to_dict()
    for camera in state["cameras"].values():
        epoch = camera["epoch"]
        camera["epoch"] = f"{epoch >> 32}.{epoch & 0xFFFFFFFF}" if epoch else ""
    state["utc"] = time.time()
    return state


def health(stats: FleetStats) -> tuple[bool, str]:
    """Returns True if no camera is unplaced, failed or away, and a sentence that describes the state."""
    if stats.reason is not None:
        return False, f"the controller has failed: {stats.reason}"
    broken = [camera for camera in stats.cameras.values() if camera.state in _BROKEN]
    if not broken:
        states = stats.states()
        running = states.pop("running", 0)
        others = "".join(f", {count} {state}" for state, count in sorted(states.items()))
        saturated = "".join(f"; agent {name} {what}" for name, what in stats.saturated().items())
        return True, f"{running} of {len(stats.cameras)} cameras run{others}{saturated}"
    first = broken[0]
    others = "1 other" if len(broken) == 2 else f"{len(broken) - 1} others"
    more = f" and {others}" if len(broken) > 1 else ""
    return (
        False,
        f"camera {first.name!r}{more} {'are' if more else 'is'} not running: {first.reason or first.state}",
    )


def _forget_in_child() -> None:
    for page in _open:
        page._pages.forget_in_child()


fork.in_child(_forget_in_child)
