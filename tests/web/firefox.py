"""A headless Firefox that opens the same pages as Chromium, driven by WebDriver BiDi without geckodriver."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import browser
from browser import FOREIGN, until

# Seconds after which its start, its end or a response counts as missing; a busy machine needs 30.
PATIENCE = 120.0
PREFERENCES = {
    "network.dns.localDomains": FOREIGN,
    # A proxy that does not exist, for all hosts but this machine, because Firefox contacts some on its own.
    "network.proxy.type": 1,
    **{f"network.proxy.{kind}": "127.0.0.1" for kind in ("http", "ssl")},
    **{f"network.proxy.{kind}_port": 9 for kind in ("http", "ssl")},
    "network.proxy.no_proxies_on": FOREIGN,
}


class Complaint:
    """An entry of the console, with the methods that Selenium's connection requires of events."""

    event_class = "log.entryAdded"

    @staticmethod
    def from_json(entry: dict[str, Any]) -> dict[str, Any]:
        return entry


def program() -> str | None:
    return shutil.which("firefox-esr") or shutil.which("firefox")


def missing() -> str | None:
    """Returns the missing part of the browser, or None."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed: ./dev test-web installs it"
    if program() is None:
        return "firefox-esr is not installed (Debian: apt-get install firefox-esr)"
    return None


@contextlib.contextmanager
def started(profile: Path) -> Iterator[Firefox]:
    """Runs a browser with a new profile in this folder until the block ends."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [program() or "", "--headless", "--no-remote", "--profile", str(profile)]
    with (profile / "firefox.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--remote-debugging-port=0"],
            env=os.environ | {"HOME": str(profile)},
            stdout=log,
            stderr=log,
        )
    try:
        found = Firefox(connect(profile))
        try:
            yield found
        finally:
            found.end(process)
    finally:
        process.kill()
        process.wait()


def connect(profile: Path) -> Any:
    """Connects to the browser, which writes its WebSocket address into its profile."""
    from selenium.webdriver.remote.websocket_connection import (  # noqa: PLC0415  (as in browser.py)
        WebSocketConnection,
    )

    told, log = profile / "WebDriverBiDiServer.json", profile / "firefox.log"

    def port() -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int(json.loads(told.read_text(encoding="utf-8"))["ws_port"])
        return None

    number = until(port, lambda: log.read_text(encoding="utf-8", errors="replace"), PATIENCE)
    return WebSocketConnection(f"ws://127.0.0.1:{number}/session", timeout=PATIENCE, interval=0.01)


class Firefox:
    """One browser."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.entries: list[dict[str, Any]] = []  # entries of the console
        self.version = str(self.ask("session.new", capabilities={})["capabilities"]["browserVersion"])
        connection.add_callback(Complaint, self.entries.append)
        self.ask("session.subscribe", events=[Complaint.event_class])

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Runs a WebDriver BiDi command and returns its result."""
        answer = self.connection.send_cmd(method, parameters)
        assert answer["type"] == "success", f"{method}: {answer}"
        result: dict[str, Any] = answer["result"]
        return result

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Ends the browser."""
        held = self.connection._ws.sock.sock  # Selenium leaves it open when the browser closes it first
        self.ask("browser.close")
        process.wait(PATIENCE)
        self.connection._ws_thread.join(PATIENCE)
        self.connection.close()
        held.close()

    @contextlib.contextmanager
    def tab(self) -> Iterator[Page]:
        """Opens a tab in the foreground. The block may close it."""
        tab = Page(self, self.ask("browsingContext.create", type="tab")["context"])
        self.entries.clear()
        try:
            yield tab
        finally:
            tab.close()


class Page(browser.Page):
    """A tab of Firefox: the same methods over another protocol. It does not have a `driver`."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self.firefox = firefox
        self.context = context
        self.closed = False

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.firefox.ask(f"browsingContext.{method}", context=self.context, **parameters)

    def size(self, width: int, height: int, *, dark: bool = True, phone: bool = False) -> None:
        self.ask("setViewport", viewport={"width": width, "height": height}, devicePixelRatio=1)

    def go(self, url: str) -> None:
        self.ask("navigate", url=url, wait="complete")

    def back(self) -> None:
        self.ask("traverseHistory", delta=-1)

    def before_each_page(self, script: str) -> None:
        """Runs JavaScript in each page that the tab loads from now on, before the page's scripts."""
        self.firefox.ask(
            "script.addPreloadScript", functionDeclaration=f"() => {{{script}}}", contexts=[self.context]
        )

    def run(self, script: str, *arguments: Any) -> Any:
        return self.evaluate(f"function () {{{script}}}", arguments)

    def wait_for(self, script: str, *arguments: Any) -> Any:
        return self.evaluate(f"async function () {{{script}}}", arguments)

    def evaluate(self, function: str, arguments: tuple[Any, ...]) -> Any:
        from selenium.common.exceptions import JavascriptException  # noqa: PLC0415

        called = f"({function})(...{json.dumps(arguments)})"
        answer = self.firefox.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await {called} ?? null))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise JavascriptException(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def complaints(self) -> list[str]:
        entries = self.firefox.entries
        found = [entries.pop(0) for _ in range(len(entries))]
        return [str(entry["text"]) for entry in found if entry["level"] in ("error", "warn")]

    def click(self, x: float, y: float) -> None:
        move = {"type": "pointerMove", "x": round(x), "y": round(y)}
        self.act("pointer", [move, *({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))])

    def press(self, key: Literal["Tab", "Enter"]) -> None:
        value = {"Tab": "\ue004", "Enter": "\ue007"}[key]  # WebDriver's codes for these keys
        self.act("key", [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")])

    def act(self, device: str, actions: list[dict[str, Any]]) -> None:
        told = [{"type": device, "id": device, "actions": actions}]
        self.firefox.ask("input.performActions", context=self.context, actions=told)

    def shot(self, place: dict[str, float]) -> bytes:
        clip = {name: place[name] for name in ("x", "y", "width", "height")} | {"type": "box"}
        return base64.b64decode(self.ask("captureScreenshot", clip=clip)["data"])

    def close(self) -> None:
        """Closes the tab."""
        if not self.closed:
            self.closed = True
            self.ask("close")
