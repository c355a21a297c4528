"""A headless Chromium that opens a dashboard: reads its text and console errors, and takes screenshots."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import contextlib
import importlib.util
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from selenium import webdriver

WATCHDOG = 20.0  # seconds after which something expected counts as missing
VIEW = "document.querySelector('freshframe-view').shadowRoot"
COUNT_PICTURES = f"window.shown = 0; {VIEW}.host.addEventListener('results', () => ++shown)"
FOREIGN = "rebound.example"  # a name that an attacker's DNS points to this machine


def missing() -> str | None:
    """Returns the missing part of the browser, or None."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed: ./dev test-web installs it"
    for names in (("chromium", "chromium-browser"), ("chromedriver",)):
        if not any(shutil.which(name) for name in names):
            return f"{names[0]} is not installed (Debian: apt-get install chromium chromium-driver)"
    return None


def start(profile: Path, arguments: Sequence[str] = (), *, own_group: bool = False) -> webdriver.Chrome:
    """Starts a browser with a new profile in this folder, and with extra arguments.

    `own_group`: its driver leads a group of all its processes.
    """
    from selenium import webdriver  # noqa: PLC0415  (tests are collected, and skipped, without it)
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests run as root in containers
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--force-device-scale-factor=1",
        "--no-proxy-server",
        f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1",
        f"--user-data-dir={profile}",
        *arguments,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(
        options=options,
        service=Service(shutil.which("chromedriver"), popen_kw={"start_new_session": own_group}),
    )


@contextlib.contextmanager
def started(profile: Path, arguments: Sequence[str] = (), *, own_group: bool = False) -> Iterator[Page]:
    """Runs a browser until the block ends, with the options of start()."""
    driver = start(profile, arguments, own_group=own_group)
    try:
        driver.set_script_timeout(WATCHDOG)
        driver.set_page_load_timeout(WATCHDOG)
        yield Page(driver)
    finally:
        driver.quit()


class Page:
    """One browser's view of a dashboard."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def size(self, width: int, height: int, *, dark: bool = True, phone: bool = False) -> None:
        """Sets the window's size and colour scheme."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url: str) -> None:
        """Loads a page and waits until it shows a pipeline."""
        self.load(url)
        self.until("return document.getElementById('name').textContent !== 'freshframe'")

    def load(self, url: str) -> None:
        """Loads a page without waiting for its contents."""
        self.go("about:blank")
        self.complaints()
        self.go(url)

    def go(self, url: str) -> None:
        """Navigates to a page, so that `back` returns to the previous one."""
        self.driver.get(url)

    def back(self) -> None:
        """Returns to the previous page."""
        self.driver.back()

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs JavaScript in the page and returns its result."""
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """Runs JavaScript asynchronously, and returns its result."""
        return self.driver.execute_async_script(
            f"const done = arguments[arguments.length - 1];(async () => {{{script}}})().then(done, "
            "error => done('failed: ' + error));",
            *arguments,
        )

    def until(self, script: str, *arguments: Any) -> Any:
        """Runs JavaScript until it returns something truthy.

        Ignores exceptions, such as for an element that is not there yet.
        """
        from selenium.common.exceptions import JavascriptException  # noqa: PLC0415

        def attempt() -> Any:
            with contextlib.suppress(JavascriptException):
                return self.run(script, *arguments)
            return None

        return until(attempt, lambda: f"{script} in:\n{self.text()}")

    def until_picture(self) -> None:
        """Scrolls a dashboard's first view into the window and waits until it shows an image."""
        self.until(
            "document.querySelector('freshframe-view').scrollIntoView({block: 'nearest'}); return true"
        )
        self.until(f"return {VIEW}.querySelector('.age').textContent.endsWith(' old')")

    def text(self, selector: str = "body") -> str:
        """Returns the visible text of an element."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        """Returns the texts of all matching elements."""
        return list(
            self.run(
                "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)", selector
            )
        )

    def complaints(self) -> list[str]:
        """Returns errors and warnings on the console since the last call."""
        log = self.driver.get_log("browser")
        return [entry["message"] for entry in log if entry["level"] in ("SEVERE", "WARNING")]

    def click(self, x: float, y: float) -> None:
        """Clicks with the left mouse button at a position in the window."""
        for kind in ("mousePressed", "mouseReleased"):
            self.driver.execute_cdp_cmd(
                "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            )

    def press(self, key: Literal["Tab", "Enter"]) -> None:
        """Presses and releases a key."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("keyDown", "keyUp"):
            self.driver.execute_cdp_cmd(
                "Input.dispatchKeyEvent",
                {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code},
            )

    def shot(self, place: dict[str, float]) -> bytes:
        """Returns a PNG of a rectangle of the page."""
        clip = {name: place[name] for name in ("x", "y", "width", "height")} | {"scale": 1}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
        return base64.b64decode(taken["data"])

    def picture(self, path: Path, *, quality: int | None = None) -> Path:
        """Saves a screenshot of the window as PNG or, with a quality, as WebP."""
        kind: dict[str, Any] = (
            {"format": "png"} if quality is None else {"format": "webp", "quality": quality}
        )
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", kind)
        path.write_bytes(base64.b64decode(taken["data"]))
        return path


def until(condition: Callable[[], Any], what: Callable[[], str], seconds: float = WATCHDOG) -> Any:
    """Waits until the condition is true and returns its value. Fails after this many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for: {what()}")
        time.sleep(0.05)
