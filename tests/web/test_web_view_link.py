"""<freshframe-view> over links that carry less than the video, and when it tries the video again."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from browser import until
from video_server import COUNT, FPS, VideoServer
from view_page import live, show

if TYPE_CHECKING:
    from browser import Page


def half_of_the_rate(server: VideoServer) -> float:
    """Half of the bytes that the video has in a second."""
    return sum(len(one.fragment) for one in server.scene.video().packets) * FPS / COUNT / 2


def modes(server: VideoServer) -> list[str]:
    """Those of the views that the page asks for now."""
    return [one["mode"] for one in [one["watch"] for one in server.scene.heard if "watch" in one][-1]]


def test_a_link_that_carries_less_than_the_video_gets_jpegs_and_the_video_later(
    page: Page, server: VideoServer
) -> None:
    server.change(only_keys=True, gop=30)
    show(page, server)
    page.until("return states.some(one => one.state === 'old' && one.left_out > 0)")
    live(page, "jpeg")
    assert page.run("return states.at(-1).why") == "the connection is too slow for the video"
    server.scene.only_keys = False
    live(page, "webcodecs")


def test_a_link_that_is_known_as_slow_shows_few_old_pictures_when_the_video_is_tried_again(
    page: Page, server: VideoServer
) -> None:
    server.change(only_keys=True, gop=30)
    show(page, server)
    live(page, "jpeg")
    page.run("states.length = 0")
    page.until("return states.some(one => one.mode === 'webcodecs')")
    live(page, "jpeg")
    left_out = page.run("return Math.max(...states.map(one => one.left_out))")
    assert left_out < 3 * 29, "the server has left out all pictures up to the third key picture"


def test_a_link_of_half_the_rate_gets_jpegs_before_pictures_are_old_and_the_video_when_it_carries_it(
    page: Page, server: VideoServer
) -> None:
    server.change(kilobits=2000)
    show(page, server)
    live(page, "webcodecs")
    server.scene.rate = half_of_the_rate(server)
    page.run("states.length = 0")
    live(page, "jpeg")
    assert page.run("return states.at(-1).why") == "the connection is too slow for the video"
    server.scene.heard.clear()
    time.sleep(12)  # another attempt would begin after 10 s
    assert not [one for one in server.scene.heard if "watch" in one]
    server.scene.rate = None
    live(page, "webcodecs")


AGAIN = "const AGAIN = [10, 60];"
SPELLS = "states.filter((one, at) => one.mode === 'jpeg' && states[at - 1]?.mode === 'webcodecs').length"


def test_after_the_third_slow_spell_the_video_is_tried_again(page: Page, server: VideoServer) -> None:
    server.patch(AGAIN, "const AGAIN = [1, 1];")
    server.change(only_keys=True, gop=30)
    show(page, server)
    page.until(f"return {SPELLS} >= 3")
    server.scene.only_keys = False
    live(page, "webcodecs")


def test_a_spell_counts_as_the_first_after_the_video_has_played_for_a_while(
    page: Page, server: VideoServer
) -> None:
    server.patch(AGAIN, "const AGAIN = [2, 1000];")
    server.patch("const SLOW_FOR = 30;", "const SLOW_FOR = 2;")
    server.change(only_keys=True, gop=30)
    show(page, server)
    for spells in (1, 2):
        page.until(f"return {SPELLS} === {spells}")
        server.scene.only_keys = False
        page.run("results.length = 0")
        live(page, "webcodecs")
        page.until("return results.at(-1).pts - results[0].pts > 5")  # the first ones may come at once
        server.scene.only_keys = True


# Of pictures, ten in a second of the video, the first that shows a slow link.
FINDS = """const {Link} = await import('/view/link.js');
const [rate, pictures] = arguments;
const link = new Link();
link.begin(rate);
return pictures.findIndex(([at, age, bytes, key, late = true], number) =>
  link.picture({pts: number / 10, key, gap: false, late}, bytes, age, at));"""


# Each: seconds, age, bytes, whether it is a key picture, and perhaps whether a newer one waits at the server.
Pictures = list[tuple[float | bool, ...]]


def finds(page: Page, pictures: Pictures, rate: float = 1000) -> int:
    found: int = page.wait_for(FINDS, rate, pictures)
    return found


def test_pictures_that_come_older_and_older_show_a_slow_link(page: Page, server: VideoServer) -> None:
    show(page, server)
    half: Pictures = [(at / 10, at / 20, 100, at == 0) for at in range(40)]
    assert half[finds(page, half)][:2] == (1.8, 0.9)
    own: Pictures = [(*one, False) for one in half]
    assert finds(page, own) == -1, "the camera gets later, and no picture waits at the server"
    step: Pictures = [(at / 10, 2 if at < 20 else 2.3, 110, at == 0) for at in range(40)]
    assert finds(page, step) == -1, "the camera is later from one picture on"


def test_pictures_of_fewer_bytes_than_the_video_has_that_get_no_younger_show_a_slow_link(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    # A key picture with half of the bytes takes a second, and the others as long as the camera.
    behind: Pictures = [(1 + at / 10, 1, 500 if at == 0 else 55, at == 0) for at in range(9)]
    assert behind[finds(page, behind)][0] == 1.8
    assert finds(page, behind, rate=100) == -1, "the link carries as much"
    younger: Pictures = [(1 + at / 20, 1 - at / 20, 55, at == 0) for at in range(9)]
    assert finds(page, younger) == -1


def test_pictures_after_a_stall_show_no_slow_link(page: Page, server: VideoServer) -> None:
    show(page, server)
    # After each of two seconds without a picture those of that time come at once.
    stalls: Pictures = [
        (start + 2 + step / 100, 2 - step / 10, 100, step % 10 == 0)
        for start in range(0, 40, 4)
        for step in range(20)
    ]
    assert finds(page, stalls) == -1


def test_the_rate_of_the_video_is_measured_from_key_picture_to_key_picture(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    rates = page.wait_for(
        """const {Link} = await import('/view/link.js');
        const link = new Link();
        link.begin(7);
        const rates = [];
        for (let number = 0; number <= 40; ++number) {
          if (number > 30 && number < 35) continue; // left out
          const key = number % 10 === 0;
          const gap = number === 35;
          link.picture({pts: number / 10, key, gap, late: false}, key ? 500 : 50, 0.1, number / 10);
          if (key) rates.push(Math.round(link.rate));
        }
        return rates;"""
    )
    assert rates == [7, 950, 950, 950, 950]


def test_a_link_is_too_slow_as_long_as_the_fastest_jpeg_is_slower_than_the_videos(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    found = page.wait_for(
        """const {Link} = await import('/view/link.js');
        const link = new Link();
        const known = [link.isTooSlow(0, 1)];
        link.begin(15000);
        known.push(link.isTooSlow(0, 1));
        link.jpeg(5000, 0.5, 2);
        known.push(link.isTooSlow(0, 2));
        link.jpeg(5000, 0.2, 3);
        known.push(link.isTooSlow(0, 3), link.isTooSlow(15000, 3));
        for (const at of [14, 15]) link.jpeg(5000, 0.5, at);
        return [...known, link.isTooSlow(0, 15), link.isTooSlow(0, 26)];"""
    )
    assert found == [False, True, True, False, True, True, True]


def test_an_answer_that_waited_behind_pictures_moves_no_clock(page: Page, server: VideoServer) -> None:
    show(page, server)
    found = page.wait_for(
        """const {Clock, now} = await import('/view/clock.js');
        const clock = new Clock();
        const known = [clock.age(now())];
        clock.begin(now() + 100, now()); // the server's clock is 100 s ahead
        known.push(clock.age(now() + 99), clock.delay(now() + 99));
        const asks = (there, back) => {
          const received = now();
          clock.add(received - back - there, received - back + 100, received);
        };
        asks(0.02, 0.02);
        for (let times = 0; times < 5; ++times) asks(0.02, 2);
        return [...known, clock.age(now() + 99), clock.delay(now() + 99.98)];"""
    )
    assert found == [None, pytest.approx(1, abs=0.02), None, *[pytest.approx(x, abs=0.02) for x in (1, 0)]]


def test_a_view_that_is_back_gets_jpegs_first_over_a_link_that_was_too_slow(
    page: Page, server: VideoServer
) -> None:
    server.patch(AGAIN, "const AGAIN = [2, 2];")
    server.change(kilobits=2000)
    show(page, server)
    live(page, "webcodecs")
    server.scene.rate = half_of_the_rate(server)
    live(page, "jpeg")
    page.run("view.style.display = 'none'")
    until(lambda: modes(server) == [], lambda: f"the page still asks for {modes(server)}")
    time.sleep(3)  # an attempt is due
    page.run("view.style.display = ''")
    assert until(lambda: modes(server), lambda: "the page asks for nothing") == ["jpeg"]
    live(page, "jpeg")


def test_on_a_link_that_is_known_as_slow_one_late_picture_ends_the_video(
    page: Page, server: VideoServer
) -> None:
    server.change(only_keys=True, gop=30)
    show(page, server)
    live(page, "jpeg")
    server.scene.only_keys = False
    server.scene.late = 1.5
    page.run("states.length = 0")
    page.until("return states.some(one => one.mode === 'webcodecs')")
    page.until("return states.at(-1).mode === 'jpeg'")
