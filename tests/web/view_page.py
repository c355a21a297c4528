"""A page with a <freshframe-view>: its events, and reading its screenshots."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from video_server import BITS, COUNT, FIRST, FPS, VideoServer, read_number

if TYPE_CHECKING:
    from browser import Page

SECONDS = 6  # how long screenshots are taken in each mode
VIEW = '<freshframe-view src="{src}" port="people" labels="" style="width:640px" {more}></freshframe-view>'
LISTEN = """
window.view = document.querySelector('freshframe-view');
window.states = []; window.results = []; window.picks = [];
view.addEventListener('state', event => states.push(event.detail));
view.addEventListener('results', event => results.push(event.detail));
view.addEventListener('pick', event => picks.push(event.detail));
"""
# Returns whether the boxes of the image with this number were reported as exact.
EXACT = f"""
return results.findLast(({{pts}}) => Math.round((pts - {FIRST}) * {FPS}) % {COUNT} === arguments[0])?.exact;
"""


def show(page: Page, server: VideoServer, more: str = "", host: str = "") -> None:
    """Opens a page with one view, and records its events."""
    page.size(800, 700)
    page.load(server.page(VIEW.format(src=server.url, more=more), host=host))
    page.run(LISTEN)


def live(page: Page, mode: str) -> None:
    page.until(
        "const last = states.at(-1); return last?.state === 'live' && last.mode === arguments[0]", mode
    )
    page.until("return results.length > 3")


def picture(page: Page) -> np.ndarray[Any, Any]:
    """Returns the image that the view shows, as (height, width, 3)."""
    place = page.run(
        "return view.shadowRoot.querySelector('canvas').getBoundingClientRect().toJSON()",
    )
    with av.open(io.BytesIO(page.shot(place)), "r") as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def numbers(shot: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[int, int | None]:
    """Returns the number of the image and that of the boxes drawn on it; None means there are no boxes."""
    height, width, _ = shot.shape
    colourful = (shot.max(axis=2).astype(int) - shot.min(axis=2)) > 60
    if not colourful[height // 2 - 4 : height // 2 + 4].any():
        return read_number(shot[:, :, 1]), None
    block, top = width // BITS, height // 8
    bits = [colourful[top : 2 * top, bit * block + 12 : (bit + 1) * block - 12].any() for bit in range(BITS)]
    return read_number(shot[:, :, 1]), sum(1 << bit for bit, there in enumerate(bits) if there)


def on_its_picture(page: Page) -> int | None:
    """Returns the number of an image that is shown with its own boxes, or None. Ignores image 0."""
    shown, boxed = numbers(picture(page))
    return shown or None if shown == boxed else None


def pictures_with_boxes(
    page: Page, mode: str, of_another: Callable[[int, int], Any]
) -> tuple[int, list[tuple[int, Any]]]:
    """Counts images with their own boxes.

    For the others, returns the image number and `of_another` of both numbers.
    """
    right, others = 0, []
    deadline = time.monotonic() + SECONDS
    while right < 10 or time.monotonic() < deadline:
        shown, boxed = numbers(picture(page))
        if boxed == shown:
            right += 1
        elif boxed is not None:
            others.append((shown, of_another(shown, boxed)))
        assert len(others) <= right + 20, f"{right} right, and not {others}"
    print(f"{mode}: {right} right, {len(others)} of an earlier picture")
    return right, others


def watched(server: VideoServer) -> list[dict[str, Any]]:
    """Returns the views that the page currently requests."""
    views: list[dict[str, Any]] = [one["watch"] for one in server.scene.heard if "watch" in one][-1]
    return views
