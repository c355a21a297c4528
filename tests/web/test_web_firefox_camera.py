"""<freshframe-camera> in Firefox, which claims H.264 support and has no MediaStreamTrackProcessor."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from camera_page import FRAMES, show
from test_web_camera_page import (  # noqa: F401  (the same tests, whose `page` is a tab of Firefox here)
    test_a_browser_without_webcodecs_sends_jpeg,
    test_a_camera_that_is_unplugged_is_explained_to_both_ends,
    test_a_large_image_is_scaled_to_what_the_source_asks_for,
    test_a_lost_connection_returns_with_a_keyframe_and_new_numbers,
    test_a_page_that_is_not_secure_shows_the_ways_at_once,
    test_a_second_page_waits_takes_over_and_is_replaced,
    test_a_turned_camera_declares_its_size_before_its_next_frame,
    test_a_wrong_token_and_the_end_are_explained,
    test_without_acknowledgements_frames_are_skipped_before_the_encoder,
)
from test_web_camera_server import (  # noqa: F401
    camera,
    test_a_wrong_token_sends_nothing,
    test_frames_arrive_with_the_time_of_their_capture,
    test_why_repeats_what_keeps_the_browser_from_sending,
)

if TYPE_CHECKING:
    from firefox import Firefox, Page
    from video_server import VideoServer


@pytest.fixture
def page(one_firefox: Firefox) -> Iterator[Page]:
    with one_firefox.tab() as tab:
        yield tab


def test_firefox_finds_an_encoder_that_works(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    page.until(f"return {FRAMES}.length >= 40")
    declared = page.run("return desk.heard.findLast((one) => one.camera).camera")
    assert declared["codec"].split(".")[0] in {"avc1", "vp8", "vp09", "jpeg"}
    assert declared["stamped"] == "presentation"
    sent = page.run(f"return {FRAMES}")
    assert [one["number"] for one in sent] == list(range(len(sent)))
    assert sent[0]["key"] == 1
    print(f"Firefox sends {declared['codec']}: {page.run('return states.at(-1).report')}")
