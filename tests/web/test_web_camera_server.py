"""ff.open("browser:") with Chromium: capture times, reloads, takeovers, and the output of why()."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import until
from camera_page import FACE, PAINTED, press, read_painted, show, until_words, words

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

SIZE = (640, 360)
MOST_LATE = 4  # frames: a busy browser copies an image only after the next ones were painted


@dataclass
class Seen:
    """A frame that a Python node received."""

    seq: int
    number: int
    painted: float
    captured: float
    error: float
    arrived: float


@dataclass
class Watch(ff.Node[ff.Frame, None]):
    """Reads the painted number and time of each frame."""

    seen: list[Seen] = field(default_factory=list)
    unreadable: int = 0

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        found = read_painted(sample.frame.luma)
        if found is None or sample.utc is None:
            self.unreadable += 1
            return
        painted, number = found
        self.seen.append(Seen(sample.seq, number, painted, sample.utc, sample.utc_error, time.time()))


class Waiting:
    """A running pipeline with a browser's camera."""

    def __init__(
        self, pipeline: ff.Pipeline, dashboard: ff.types.Dashboard, camera: ff.Port[ff.Frame]
    ) -> None:
        self.pipeline, self.dashboard, self.camera = pipeline, dashboard, camera
        self.watch = Watch()

    @property
    def seen(self) -> list[Seen]:
        return self.watch.seen

    @property
    def source(self) -> ff.stats.SourceStats:
        source = self.pipeline.stats().nodes["camera"].source
        assert source is not None
        return source

    @property
    def sender(self) -> ff.stats.SenderStats:
        sender = self.source.sender
        assert sender is not None
        return sender

    def until(self, count: int) -> None:
        until(lambda: len(self.seen) >= count, lambda: f"{count} frames: {self.pipeline.why()}")

    def until_why(self, part: str) -> None:
        until(lambda: part in str(self.pipeline.why()), lambda: f"{part} in: {self.pipeline.why()}")


@contextlib.contextmanager
def waiting(**options: Any) -> Iterator[Waiting]:
    """Runs a pipeline whose camera waits for a browser."""
    pipeline = ff.Pipeline("camera of a browser", stall_timeout=None)
    camera = pipeline.add(ff.open("browser:", size=SIZE, fps=30), name="camera")
    dashboard = pipeline.serve(view=camera, **options)
    started = Waiting(pipeline, dashboard, camera)
    pipeline.add(started.watch, camera, name="watch")
    with pipeline:
        yield started


def asked(url: str) -> dict[str, str]:
    """Returns the parameters in the fragment of a camera link."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).fragment).items()}


def open_page(page: Page, server: VideoServer, camera: Waiting, more: str = "start") -> None:
    """Opens a page of another server that sends its painted camera to the pipeline."""
    link = asked(camera.dashboard.camera_url(camera.camera))
    src = camera.dashboard.urls[0].partition("?")[0]
    show(page, server, script=PAINTED, src=src, camera=link["camera"], token=link["token"], more=more)


@contextlib.contextmanager
def other_tab(page: Page) -> Iterator[None]:
    """Opens a second tab in the foreground until the block ends."""
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        yield
    finally:
        page.driver.close()
        page.driver.switch_to.window(first)


@pytest.fixture
def camera(server: VideoServer) -> Iterator[Waiting]:
    with waiting(origins=[server.url.rstrip("/")]) as started:
        yield started


def test_frames_arrive_with_the_time_of_their_capture(
    page: Page, server: VideoServer, camera: Waiting
) -> None:
    camera.until_why("no browser")
    open_page(page, server, camera)
    camera.until(150)
    seen = camera.seen[:]
    assert camera.watch.unreadable == 0
    for before, after in pairwise(seen):
        assert after.number >= before.number
        assert after.seq > before.seq
        # Each frame that the camera delivered is counted; the browser itself may have lost some before.
        assert after.seq - seen[0].seq <= after.number - seen[0].number + MOST_LATE
    for one in seen:
        assert one.captured < one.arrived + 0.001
        assert one.error < 10
    late = sorted((one.captured - one.painted) * 1e3 for one in seen)
    ages = sorted((one.arrived - one.painted) * 1e3 for one in seen)
    middle, most = len(seen) // 2, len(seen) * 99 // 100
    assert late[middle] > -seen[middle].error * 1e3, "a frame is captured after it was painted"
    print(f"captured - painted {late[middle]:.1f} ms, true age {ages[middle]:.1f} and {ages[most]:.1f} ms")
    sender = camera.sender
    assert (sender.state, sender.width, sender.height) == ("live", *SIZE)
    assert sender.codec in {"h264", "vp8", "vp9", "mjpeg"}
    assert sender.encoding > 0
    skipped = sender.skipped_link + sender.skipped_encoder
    assert 0 <= sender.camera_frames - sender.sent - skipped <= 2


def test_a_reload_and_another_page_continue_the_same_camera(
    page: Page, server: VideoServer, camera: Waiting
) -> None:
    open_page(page, server, camera)
    camera.until(20)
    page.driver.refresh()
    camera.until(len(camera.seen) + 20)
    with other_tab(page):
        open_page(page, server, camera)
        until_words(page, "Another browser is already sending this camera.")
        press(page, "Send from here instead")
        until_words(page, "live")
        camera.until(len(camera.seen) + 20)
    until_words(page, "Another browser has taken over.")
    camera.until_why("the browser closed")
    assert all(after.seq > before.seq for before, after in pairwise(camera.seen))


def test_why_repeats_what_keeps_the_browser_from_sending(
    page: Page, server: VideoServer, camera: Waiting
) -> None:
    open_page(page, server, camera, more="")
    page.run("camera.refusal = 'NotAllowedError'")
    press(page, "Use my camera")
    until_words(page, "This page is not allowed to use the camera.")
    camera.until_why("does not allow the use of the camera")
    page.run("camera.refusal = null")
    press(page, "Try again")
    camera.until(5)
    press(page, "Stop")
    camera.until_why("the browser's user has stopped the camera")


def test_a_wrong_token_sends_nothing(page: Page, server: VideoServer, camera: Waiting) -> None:
    src = camera.dashboard.urls[0].partition("?")[0]
    show(page, server, script=PAINTED, src=src, camera="camera", token="x" * 32, more="start")
    until_words(page, "This link is no longer valid.")
    assert camera.seen == []


def test_the_link_opens_the_page_which_shows_what_the_pipeline_sees(page: Page, camera: Waiting) -> None:
    page.load(camera.dashboard.camera_url(camera.camera))
    page.until(f"return {FACE}.querySelector('button.main').textContent === 'Use my camera'")
    page.run(PAINTED)
    page.run(f"{FACE}.querySelector('button.main').click()")
    camera.until(10)
    page.until(
        f"const view = {FACE}.querySelector('freshframe-view'); return view !== null && "
        "view.shadowRoot.querySelector('.age').textContent.endsWith(' old')"
    )
    assert page.complaints() == []


def test_the_live_page_offers_the_link_until_a_browser_sends(page: Page, camera: Waiting) -> None:
    page.open(camera.dashboard.url)
    page.until("return document.querySelector('#senders a') !== null")
    assert page.text("#senders").startswith("camera waits for a browser")
    link = page.run("return document.querySelector('#senders a').href")
    assert asked(link)["token"] == asked(camera.dashboard.camera_url(camera.camera))["token"]
    page.load(link)
    page.run(PAINTED)
    page.run(f"{FACE}.querySelector('button.main').click()")
    camera.until(10)
    with other_tab(page):
        page.open(camera.dashboard.url)
        page.until("return document.getElementById('senders').hidden")
        page.until("return document.getElementById('source-list').textContent.includes('h264 640x360')")


def test_a_pipeline_that_ends_is_explained(page: Page, server: VideoServer) -> None:
    with waiting(origins=[server.url.rstrip("/")]) as camera:
        open_page(page, server, camera)
        camera.until(5)
    page.until(f"return !{FACE}.querySelector('.words').textContent.includes('live')")
    assert words(page).startswith(("The pipeline has ended.", "No connection to the program."))
