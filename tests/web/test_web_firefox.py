"""<freshframe-view> in Firefox: the supported modes, what is not supported, and closing a tab."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from browser import until
from rigs.live.media import encode
from rigs.web_client import request
from test_web_streams import (  # noqa: F401  (as below)
    test_a_stream_moves_in_an_image_and_a_script_gets_every_next_picture,
    wall,
)
from test_web_view import (  # noqa: F401  (the same tests, whose `page` is a tab of Firefox here)
    test_a_click_picks_the_smallest_object_below_it,
    test_a_decoder_that_fails_is_tried_again,
    test_a_mode_that_was_asked_for_is_not_replaced,
    test_a_page_that_was_left_holds_no_connection_and_goes_on_when_it_is_back,
    test_a_view_that_is_not_seen_asks_for_nothing,
    test_an_outage_pales_the_picture_says_since_when_and_ends,
    test_another_size_goes_on_in_its_shape,
    test_boxes_stand_on_their_own_picture,
    test_each_mode_shows_pictures_that_follow_each_other,
    test_objects_and_buttons_are_reached_by_key,
    test_pictures_with_reordering_come_in_their_order,
    test_views_of_a_page_share_one_connection,
    test_without_https_it_is_mse_and_says_why,
)
from test_web_view_server import door, draw, open_page, playing, site_running
from video_server import COUNT
from view_page import LISTEN, live, numbers, on_its_picture, picture, pictures_with_boxes, show

import freshframe as ff

if TYPE_CHECKING:
    from firefox import Firefox, Page
    from video_server import VideoServer

LACKS = {
    "VideoDecoder": "this browser has no WebCodecs",
    "MediaSource": "this browser has no Media Source Extensions",
}
NO_H265 = "this browser has no H.265"


@pytest.fixture
def page(one_firefox: Firefox) -> Iterator[Page]:
    with one_firefox.tab() as tab:
        yield tab


def test_firefox_itself_takes_webcodecs(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    assert page.run("return [states.at(-1).why, results.some(one => one.exact)]") == ["", True]
    assert page.complaints() == []


@pytest.mark.parametrize("lacks", [["VideoDecoder"], ["VideoDecoder", "MediaSource"]])
def test_what_a_firefox_lacks_is_told_and_the_next_mode_plays(
    page: Page,
    server: VideoServer,
    lacks: list[str],
) -> None:
    page.before_each_page("".join(f"delete globalThis.{name};" for name in lacks))
    show(page, server)
    live(page, ["mse", "jpeg"][len(lacks) - 1])
    assert page.run("return states.at(-1).why") == "; ".join(LACKS[name] for name in lacks)
    first = numbers(picture(page))[0]
    until(lambda: numbers(picture(page))[0] != first, lambda: f"the picture stays number {first}")


def test_boxes_in_a_video_element_are_mostly_on_their_picture_and_never_said_to_be_exact(
    page: Page,
    server: VideoServer,
) -> None:
    show(page, server, 'mode="mse" wait="0.3"')
    live(page, "mse")
    right, others = pictures_with_boxes(page, "mse", lambda shown, boxed: (shown, boxed))
    assert right > 2 * len(others)
    assert not page.run("return results.some(one => one.exact)")


@pytest.mark.parametrize("mode", ["webcodecs", "mse", "jpeg"])
def test_a_tab_shows_the_cameras_own_picture_and_leaves_no_view_at_the_server(page: Page, mode: str) -> None:
    with site_running() as site, door(origins=[site.origin]) as (dashboard, people, _):
        open_page(page, site, dashboard.embed(people))
        page.run(LISTEN)
        for name, value in {"wait": "0.3", "labels": "", "mode": mode}.items():
            page.run("view.setAttribute(...arguments)", name, value)
        live(page, mode)
        page.run("results.length = 0")  # these may be from another mode
        right, others = pictures_with_boxes(page, mode, lambda _, boxed: boxed)
        assert right > 2 * len(others)
        assert page.run("return results.some(one => one.exact)") == (mode != "mse")
        assert page.complaints() == []
        assert watchers(dashboard) == {"people": 1, "door": 0}
        page.close()
        until(
            lambda: not any(watchers(dashboard).values()), lambda: f"of a closed tab: {watchers(dashboard)}"
        )


def watchers(dashboard: ff.types.Dashboard) -> dict[str, int]:
    """Returns the number of watchers of each port."""
    views = request(dashboard.url, "/api/state").json()["views"]
    return {view["port"]: len(view["watchers"]) for view in views}


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1", "libx265"])
def test_each_codec_plays_in_the_first_mode_that_has_it(page: Page, codec: str) -> None:
    film = encode("matroska", 3 * COUNT, size=(640, 360), draw=draw, codec=codec)
    with site_running() as site, playing(film, page, site, {}):
        chosen: Any = "webcodecs", ""
        if codec == "libx265":  # Firefox uses the system's decoders, which some builds do not have
            plays = page.run("""return MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"')""")
            chosen = ("mse", f"{NO_H265} for WebCodecs") if plays else ("jpeg", NO_H265)
        live(page, chosen[0])
        assert page.run("return states.at(-1).why") == chosen[1]
        first = until(lambda: on_its_picture(page), lambda: "no box on its picture")
        until(lambda: on_its_picture(page) not in {None, first}, lambda: f"the picture stays number {first}")
