"""<freshframe-view> with the native server: an RTSP camera, and pages of other servers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser import until
from rigs.live.camera import PATIENT
from rigs.live.faulty_server import Clip
from rigs.live.media import encode, lying
from rigs.live.rtsp import RtspServer
from rigs.live.servers import TcpServer
from video_server import COUNT, painted, read_number, result
from view_page import LISTEN, live, numbers, picture, pictures_with_boxes

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

WIDTH, HEIGHT = 640, 360
TOKEN = "a-token-of-this-test"
CANVAS = "const canvas = view.shadowRoot.querySelector('canvas'); return [canvas.width, canvas.height]"


class Site:
    """A web server of another site, which serves a string as its page."""

    def __init__(self) -> None:
        site = self
        self.text = ""

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Writes nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@contextlib.contextmanager
def site_running() -> Iterator[Site]:
    """Runs a web server of another site until the block ends."""
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with site_running() as made:
        yield made


def draw(number: int, width: int, height: int) -> np.ndarray[Any, Any]:
    return np.repeat(painted(number, width, height)[..., None], 3, axis=2)


def read(frame: ff.Frame) -> ff.Detections:
    """Returns boxes that encode the number painted into the image."""
    found = result(read_number(frame.luma), frame.width, frame.height)
    boxes = np.array(found["boxes"], np.float32).reshape(-1, 4) / 8
    scores = np.full(len(boxes), 0.9, np.float32)
    classes, ids = np.array(found["classes"]), np.array(found["ids"])
    return ff.Detections(boxes, scores, classes, tracker_id=ids, names=["person", "bit", "room"])


def upper(frame: ff.Frame) -> ff.Frame:
    return ff.Frame.from_array(frame.luma[: HEIGHT * 3 // 4], "gray")


@contextlib.contextmanager
def door(
    *, size: tuple[int, int] | None = None, crop: bool = False, **options: Any
) -> Iterator[tuple[ff.types.Dashboard, ff.Port[ff.Detections], RtspServer]]:
    """Runs a camera with painted numbers, and a detector that reads them, optionally from a crop of the
    image.
    """
    film = encode("h264", COUNT, size=(WIDTH, HEIGHT), draw=draw)
    with RtspServer(film) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, size=size, **PATIENT), name="door")
        people = pipeline.add(read, pipeline.add(upper, camera) if crop else camera, name="people")
        with pipeline, pipeline.serve(view=[people, camera], **options) as dashboard:
            yield dashboard, people, server


def open_page(page: Page, site: Site, body: str) -> None:
    site.text = (
        '<!doctype html><html lang="en"><title>yours</title><link rel="icon" href="data:,">'
        f"<style>body{{margin:0;width:{WIDTH}px}}</style><main>{body}</main>"
    )
    page.size(800, 700)
    page.load(site.origin)


@pytest.mark.parametrize("mode", ["webcodecs", "mse", "jpeg"])
def test_boxes_of_a_node_stand_on_the_cameras_own_picture(page: Page, site: Site, mode: str) -> None:
    with door(origins=[site.origin], token=TOKEN) as (dashboard, people, _):
        open_page(page, site, dashboard.embed(people))
        page.run(LISTEN)
        for name, value in {"wait": "0.3", "labels": "", "mode": mode}.items():
            page.run("view.setAttribute(...arguments)", name, value)
        live(page, mode)
        right, others = pictures_with_boxes(page, mode, lambda _, boxed: boxed)
        assert len(others) <= right / 2
        assert page.run("return results.some(one => one.exact)")
        assert page.complaints() == []


@pytest.mark.parametrize(
    ("changed", "mode", "ratio"),
    [({"size": (320, 240)}, "webcodecs", 16 / 9), ({"crop": True}, "jpeg", 64 / 27)],
)
def test_boxes_of_changed_pictures_stand_at_their_place(
    page: Page, site: Site, changed: dict[str, Any], mode: str, ratio: float
) -> None:
    with door(origins=[site.origin], **changed) as (dashboard, people, _):
        open_page(page, site, dashboard.embed(people))
        page.run(LISTEN)
        page.run("view.setAttribute('wait', '0.3'); view.setAttribute('labels', '')")
        live(page, mode)
        width, height = page.run(CANVAS)
        assert width / height == pytest.approx(ratio, rel=0.01)
        until(lambda: len(set(numbers(picture(page)))) == 1, lambda: "no box on its picture")
        assert page.until("return results.some(one => one.exact && one.objects.length > 0)")


@contextlib.contextmanager
def playing(film: Clip, page: Page, site: Site, attributes: dict[str, str], **options: Any) -> Iterator[None]:
    """A page with a film that comes over TCP, and the boxes that are read from it."""
    with TcpServer(film) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT, **options), name="door")
        people = pipeline.add(read, camera, name="people")
        with pipeline, pipeline.serve(view=people, origins=[site.origin]) as dashboard:
            open_page(page, site, dashboard.embed(people))
            page.run(LISTEN)
            for name, value in ({"wait": "0.3", "labels": ""} | attributes).items():
                page.run("view.setAttribute(...arguments)", name, value)
            page.run("states.length = 0")
            yield


def on_its_side(number: int, width: int, height: int) -> np.ndarray[Any, Any]:
    return np.rot90(draw(number, height, width)).copy()  # counterclockwise


def upside_down(number: int, width: int, height: int) -> np.ndarray[Any, Any]:
    return np.rot90(draw(number, width, height), 2).copy()


@pytest.mark.parametrize("mode", ["webcodecs", "mse"])
@pytest.mark.parametrize("by", ["the container", "rotate=", "both"])
def test_pictures_that_are_stored_turned_are_shown_upright(
    page: Page, site: Site, by: str, mode: str
) -> None:
    if by == "both":
        film = lying(encode("mp4", 3 * COUNT, size=(WIDTH, HEIGHT), draw=upside_down))
    else:
        film = encode("mp4", 3 * COUNT, size=(HEIGHT, WIDTH), draw=on_its_side)
        film = lying(film) if by == "the container" else film
    rotate = None if by == "the container" else 90
    with playing(film, page, site, {"mode": mode}, rotate=rotate):
        live(page, mode)
        width, height = page.run(CANVAS)
        assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.01)
        until(lambda: len(set(numbers(picture(page)))) == 1, lambda: "no box on its picture")
        assert page.until("return results.some(one => one.exact && one.objects.length > 0)")


@pytest.mark.parametrize("mode", ["webcodecs", "mse", None])
@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1", "libx265"])
def test_a_codec_is_played_by_the_browser_or_it_is_said_why_not(
    page: Page, site: Site, codec: str, mode: str | None
) -> None:
    film = encode("matroska", 3 * COUNT, size=(WIDTH, HEIGHT), draw=draw, codec=codec)
    with playing(film, page, site, {} if mode is None else {"mode": mode}):
        state, played, why, message = page.until(
            """const shown = states.findLast(one => ['live', 'unplayable'].includes(one.state));
            return shown && [shown.state, shown.mode, shown.why, shown.message]"""
        )
        if codec == "libx265" and "H.265" in why:
            assert (state, played) == (("live", "jpeg") if mode is None else ("unplayable", mode))
            assert why == "this browser has no H.265"
            if mode is not None:
                assert why in message
                return
        else:
            assert (state, played, why) == ("live", mode or "webcodecs", "")
        until(lambda: len(set(numbers(picture(page)))) == 1, lambda: "no box on its picture")


def test_an_outage_of_the_camera_is_told_and_ends(page: Page, site: Site) -> None:
    with door(origins=[site.origin]) as (dashboard, people, server):
        open_page(page, site, dashboard.embed(people))
        page.run(LISTEN)
        live(page, "webcodecs")
        server.faults.silent = True
        server.hang_up()
        page.until("return states.at(-1).state === 'away'")
        server.faults.silent = False
        server.hang_up()
        page.run("results.length = 0")
        live(page, "webcodecs")


def test_a_page_of_a_server_that_is_not_named_is_told_why(page: Page, site: Site) -> None:
    with door(origins=["https://another.example"], token=TOKEN) as (dashboard, people, _):
        open_page(page, site, dashboard.embed(people))
        page.run(LISTEN)
        page.until("return states.at(-1).state === 'lost'")
        assert "does it accept pages from this address" in page.run("return states.at(-1).message")


def test_a_frame_shows_the_view_without_origins(page: Page, site: Site) -> None:
    with door(token=TOKEN) as (dashboard, people, _):
        open_page(
            page, site, f'<iframe src="{dashboard.view_url(people)}" width="640" height="480"></iframe>'
        )
        page.driver.switch_to.frame(0)
        try:
            page.until("return document.querySelector('freshframe-view') !== null")
            page.run(LISTEN)
            live(page, "webcodecs")
        finally:
            page.driver.switch_to.default_content()
        assert page.complaints() == []


def test_a_source_without_packets_is_shown_as_jpeg(page: Page, site: Site) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=640x360&fps=15"), name="camera")
    circles = pipeline.add(ff.CircleTracker(), camera, name="circles")
    with pipeline, pipeline.serve(view=[circles], origins=[site.origin]) as dashboard:
        open_page(page, site, dashboard.embed(circles))
        page.run(LISTEN)
        live(page, "jpeg")
        assert page.run("return states.at(-1).why") != ""
        found = page.until("return results.findLast(one => one.exact && one.objects.length > 0)?.objects[0]")
        assert found["class_name"] == "circle"
        assert len(found["circle"]) == 3
        until((np.ptp(picture(page), axis=2) > 60).any, lambda: "no circle is drawn")
