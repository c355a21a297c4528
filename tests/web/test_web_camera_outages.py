"""A browser that is suspended for some seconds. Its camera returns without frames from before."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import browser
import pytest
from browser import Page
from test_web_camera_server import Waiting, open_page, waiting

if TYPE_CHECKING:
    from video_server import VideoServer

TIMES = 6
STOP = 5.0  # seconds

# Blocks the page for some seconds between the request for a frame and its copy, which is old then.
BUSY_AFTER_PAINTING = """
const request = camera.track.requestFrame.bind(camera.track);
camera.track.requestFrame = () => {
  request();
  camera.track.requestFrame = request;
  camera.busySince = Date.now() / 1000;
  for (const end = performance.now() + arguments[0] * 1000; performance.now() < end; );
};
"""


@pytest.fixture
def camera(server: VideoServer) -> Iterator[Waiting]:
    with waiting(origins=[server.url.rstrip("/")]) as started:
        yield started


@pytest.fixture
def own_browser(tmp_path: Path) -> Iterator[Page]:
    """A Chromium that leads its own group of processes."""
    if why := browser.missing():
        pytest.skip(why)
    with browser.started(tmp_path / "profile", own_group=True) as page:
        yield page


@contextlib.contextmanager
def hidden(page: Page) -> Iterator[None]:
    """Hides the page behind another tab until the block ends."""
    tab = page.driver.execute_cdp_cmd("Target.createTarget", {"url": "about:blank"})["targetId"]
    try:
        page.until("return document.hidden")
        yield
    finally:
        page.driver.execute_cdp_cmd("Target.closeTarget", {"targetId": tab})


@contextlib.contextmanager
def stopped(page: Page) -> Iterator[None]:
    """Stops all processes of the browser until the block ends."""
    group = os.getpgid(page.driver.service.process.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def test_no_frame_from_before_a_stop_arrives_after_it(
    own_browser: Page, server: VideoServer, camera: Waiting
) -> None:
    open_page(own_browser, server, camera)
    camera.until(30)
    for stalls in range(1, TIMES + 1):
        with stopped(own_browser):
            time.sleep(STOP)
            before, end = len(camera.seen), time.time()
        camera.until(before + 15)
        assert min(one.painted for one in camera.seen[before:]) > end - STOP / 2
        assert camera.source.stalls >= stalls
    assert camera.watch.unreadable == 0


def test_a_frame_from_before_a_suspension_is_not_sent_with_a_new_time(
    page: Page, server: VideoServer, camera: Waiting
) -> None:
    open_page(page, server, camera)
    camera.until(30)
    page.run(BUSY_AFTER_PAINTING, STOP / 2)
    since = page.until("return camera.busySince")
    camera.until(len(camera.seen) + 15)
    assert min(one.painted for one in camera.seen if one.arrived > since + STOP / 2) > since + 1


def test_a_hidden_page_does_not_send_a_frame_from_before_a_suspension_with_a_new_time(
    page: Page, server: VideoServer, camera: Waiting
) -> None:
    open_page(page, server, camera)
    camera.until(30)
    with hidden(page):
        camera.until(len(camera.seen) + 3)
        page.run(BUSY_AFTER_PAINTING, STOP)
        since = page.until("return camera.busySince")
        camera.until(len(camera.seen) + 3)
    assert min(one.painted for one in camera.seen if one.arrived > since + STOP) > since + 1
