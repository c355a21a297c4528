"""A view can be zoomed in, so that labels drawn into an image can be read on a phone."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import axe
import pytest
from browser import VIEW, until
from pipelines import example
from view_page import live, show, watched

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

Run = Callable[..., str]
PLACE = f"const canvas = {VIEW}.querySelector('canvas');"
# Returns the displayed width of the image, and the size of the part of the page that it takes.
SIZES = f"""{PLACE}
const {{clientWidth, clientHeight}} = {VIEW}.querySelector('.stage');
return [canvas.clientWidth, clientWidth, clientHeight];"""
BUTTON = f"[...{VIEW}.querySelectorAll('.bar button')].find(one => one.textContent === arguments[0])"

# Makes the canvas wider than its image.
FLAT = """
const style = new CSSStyleSheet();
style.replaceSync('freshframe-view::part(picture) { max-height: 180px }');
document.adoptedStyleSheets = [style];"""
# Returns the place of the image on the page, without its margins.
IMAGE = f"""{PLACE}
const {{left, top, width, height}} = canvas.getBoundingClientRect();
const scale = Math.min(width / canvas.width, height / canvas.height);
const [wide, high] = [scale * canvas.width, scale * canvas.height];
return [left + (width - wide) / 2, top + (height - high) / 2, wide, high];"""


def test_a_button_enlarges_the_image_and_asks_for_more_pixels(page: Page, server: VideoServer) -> None:
    server.change(packets=False)
    show(page, server)
    live(page, "jpeg")
    width, across, down = page.run(SIZES)
    assert width == across
    asked = watched(server)[0]["width"]
    page.run(f"{BUTTON}.click()", "Zoom in")
    assert page.run(SIZES) == [3 * width, across, down]
    until(lambda: watched(server)[0]["width"] == 3 * asked, lambda: str(watched(server)))
    page.until(f"{PLACE} return canvas.width === 3 * {width}")
    assert page.run(f"return {VIEW}.querySelector('.pan').scrollLeft") == width, "its center"
    assert axe.remarks(page) == []
    page.run(f"{BUTTON}.click()", "Zoom out")
    assert page.run(SIZES) == [width, across, down]
    until(lambda: watched(server)[0]["width"] == asked, lambda: str(watched(server)))


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desk"])
def test_a_tap_on_an_image_of_the_dashboard_enlarges_what_is_there(
    page: Page, running: Run, phone: bool
) -> None:
    page.size(390 if phone else 1440, 844, phone=phone)
    pipeline, drawn = example()
    page.open(running(pipeline, view=drawn))
    page.until_picture()
    page.run(f"{VIEW}.host.scrollIntoView({{block: 'center'}})")
    _, across, down = page.run(SIZES)
    left, top, wide, high = page.run(IMAGE)
    x, y = left + 0.7 * wide, top + 0.4 * high
    page.click(x, y)
    page.until(f"{PLACE} return canvas.part.contains('zoomed')")
    assert page.run(SIZES)[1:] == [across, down]
    large_left, large_top, large_wide, large_high = page.run(IMAGE)
    assert abs(large_wide - 3 * wide) < 3
    assert abs(large_left + 0.7 * large_wide - (left + wide / 2)) < 3
    assert abs(large_top + 0.4 * large_high - (top + high / 2)) < 3
    assert page.run("return document.documentElement.scrollWidth") <= (390 if phone else 1440)
    page.click(x, y)
    page.until(f"{PLACE} return !canvas.part.contains('zoomed')")
    assert page.run(IMAGE) == [left, top, wide, high]


def test_an_image_narrower_than_the_view_is_enlarged_threefold(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    page.run(FLAT)
    left, top, wide, high = page.run(IMAGE)
    _, across, down = page.run(SIZES)
    assert wide < across / 2 + 1
    assert down == 180
    x, y = left + 0.5 * wide, top + 0.6 * high
    page.run("view.zoom({clientX: arguments[0], clientY: arguments[1]})", x, y)
    assert page.run(SIZES)[1:] == [across, down]
    large_left, large_top, large_wide, large_high = page.run(IMAGE)
    assert abs(large_wide - 3 * wide) < 3
    assert abs(large_left + 0.5 * large_wide - (left + wide / 2)) < 3
    assert abs(large_top + 0.6 * large_high - (top + high / 2)) < 3
    page.run("view.zoom()")
    assert page.run(IMAGE) == [left, top, wide, high]


def test_an_enlarged_image_is_scrolled_by_key_and_shows_its_focus(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    page.run("view.zoom()")
    pan = f"{VIEW}.querySelector('.pan')"
    page.press("Tab")
    assert page.run(f"return {pan}.matches(':focus-visible')")
    name, inset = page.run(f"return [{pan}.ariaLabel, getComputedStyle({pan}).outlineOffset]")
    assert name == "Enlarged image"
    assert inset == "-2px"  # the stage hides what is outside
    assert axe.remarks(page) == []
    page.run("view.zoom()")
    page.press("Tab")
    assert not page.run(f"return {pan}.matches(':focus')")
