"""<freshframe-view> over links that are slower than the video's bitrate, and when it retries the video."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browser import until
from buffering_proxy import BufferingProxy, buffering_proxy
from video_server import COUNT, FPS, VideoServer
from view_page import LISTEN, VIEW, live, show, watched

if TYPE_CHECKING:
    from browser import Page


def half_of_the_rate(server: VideoServer) -> float:
    """Returns half of the video's bytes per second."""
    return sum(len(one.fragment) for one in server.scene.video().packets) * FPS / COUNT / 2


def modes(server: VideoServer) -> list[str]:
    """Returns the modes of the views that the page currently requests."""
    return [one["mode"] for one in watched(server)]


def test_a_link_that_carries_less_than_the_video_gets_jpegs_and_the_video_later(
    page: Page, server: VideoServer
) -> None:
    server.change(only_keys=True, gop=30)
    show(page, server)
    page.until("return states.some(one => one.state === 'old' && one.left_out > 0)")
    live(page, "jpeg")
    assert page.run("return states.at(-1).why") == "the connection is too slow for the video"
    shown = page.run("return view.shadowRoot.querySelector('.mode').innerText")
    assert shown == "sent as JPEG images: the connection is too slow for the video"
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
    assert left_out < 3 * 29, "the server has left out all pictures up to the third keyframe"


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
    time.sleep(12)  # the next attempt would start after 10 s
    assert not [one for one in server.scene.heard if "watch" in one]
    server.scene.rate = None
    live(page, "webcodecs")


@contextlib.contextmanager
def shown_by_a_proxy(page: Page, server: VideoServer, mode: str) -> Iterator[BufferingProxy]:
    """Shows the video through a proxy that buffers, until it is live. Then only what the page says counts."""
    server.change(kilobits=2000)
    with buffering_proxy(server.server_port) as proxy:
        page.size(800, 700)
        page.load(server.page(VIEW.format(src=f"http://127.0.0.1:{proxy.port}/", more="")))
        page.run(LISTEN)
        live(page, mode)
        server.scene.heard.clear()
        yield proxy


def ends_the_video(server: VideoServer) -> bool:
    return {"watch": []} in server.scene.heard


@pytest.mark.parametrize("mode", ["webcodecs", "mse"])
def test_images_in_a_proxys_buffer_are_shown_before_jpegs_are_asked_for(
    page: Page, server: VideoServer, mode: str
) -> None:
    if mode == "mse":
        server.patch("const PLAYERS = { webcodecs: WebCodecs, mse: Mse };", "const PLAYERS = { mse: Mse };")
    with shown_by_a_proxy(page, server, mode) as proxy:
        proxy.rate = half_of_the_rate(server)
        until(lambda: ends_the_video(server), lambda: f"the page says {server.scene.heard}")
        until(lambda: modes(server) == ["jpeg"], lambda: f"the page says {server.scene.heard}")
        after = server.scene.heard[server.scene.heard.index({"watch": []}) + 1 :]
        assert "time" in after[0], "the answer arrives after the images"
        before = after[: next(at for at, one in enumerate(after) if "watch" in one)]
        assert any(one.get("ack") for one in before), "the images were not shown"
        live(page, "jpeg")


def test_a_view_that_waits_for_images_on_their_way_gets_jpegs_after_the_connection_is_lost(
    page: Page, server: VideoServer
) -> None:
    with shown_by_a_proxy(page, server, "webcodecs") as proxy:
        proxy.rate = half_of_the_rate(server)
        until(lambda: ends_the_video(server), lambda: f"the page says {server.scene.heard}")
        proxy.cut()
        live(page, "jpeg")


def test_a_view_that_waits_for_images_on_their_way_can_be_changed(page: Page, server: VideoServer) -> None:
    with shown_by_a_proxy(page, server, "webcodecs") as proxy:
        proxy.rate = half_of_the_rate(server)
        until(lambda: ends_the_video(server), lambda: f"the page says {server.scene.heard}")
        page.run("states.length = 0; view.setAttribute('mode', 'mse')")
        proxy.rate = None
        live(page, "mse")


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
        # The first ones may arrive all at the same time.
        page.until("return results.at(-1).pts - results[0].pts > 5")
        server.scene.only_keys = True


# Returns the index of the first of `pictures`, at ten per second of the video, after which the link counts as
# slow; -1 if none.
FINDS = """const {Link} = await import('/view/link.js');
const [rate, pictures, known] = arguments;
const link = new Link();
link.begin(rate);
return pictures.findIndex(([at, delay, bytes, key], number) =>
  link.picture({pts: number / 10, key, gap: false}, bytes, delay, at, known));"""


# When each arrived and how long it was on its way, both in seconds, its size in bytes, and whether it is a
# keyframe.
Pictures = list[tuple[float, float, int, bool]]


def finds(page: Page, pictures: Pictures, *, rate: float = 1000, known: bool = False) -> int:
    found: int = page.wait_for(FINDS, rate, pictures, known)
    return found


def test_pictures_that_take_longer_and_longer_show_a_slow_link(page: Page, server: VideoServer) -> None:
    show(page, server)
    half: Pictures = [(at / 10, at / 20, 100, at == 0) for at in range(40)]
    assert half[finds(page, half)][:2] == (1.3, 0.65)
    assert half[finds(page, half, known=True)][:2] == (1.0, 0.5), "one span is enough"
    step: Pictures = [(at / 10, 2 if at < 20 else 2.3, 110, at == 0) for at in range(40)]
    assert finds(page, step) == -1, "the way is longer from one picture on"


def test_pictures_of_fewer_bytes_than_the_video_has_that_take_no_less_time_show_a_slow_link(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    # A keyframe with half of the video's bytes takes a second; the other images arrive at the camera's rate.
    behind: Pictures = [(1 + at / 10, 1, 500 if at == 0 else 55, at == 0) for at in range(9)]
    assert behind[finds(page, behind)][0] == 1.6
    assert finds(page, behind, rate=100) == -1, "the link carries as much"
    faster: Pictures = [(1 + at / 20, 2.5 - at / 20, 55, at == 0) for at in range(30)]
    assert finds(page, faster, rate=2000) == -1


@pytest.mark.parametrize(
    ("pictures", "known", "at"),
    [
        ([(at / 10, at * 0.03, 110, at == 0) for at in range(40)], False, 1.8),
        ([(1 + at / 10, 1 - at * 0.003, 500 if at == 0 else 55, at == 0) for at in range(20)], False, 1.6),
        (
            [(1 + at / 10, 1.0, 500 if at == 0 else 200 if at <= 4 else 55, at == 0) for at in range(20)],
            False,
            2.2,
        ),
        (
            [
                *[(at / 10, 1 - at / 10, 110, at == 0) for at in range(4)],
                *[(0.4 + at / 10, 0.7 + at / 20, 110, False) for at in range(6)],
            ],
            True,
            0.6,
        ),
    ],
    ids=["a third longer", "a little jitter", "bytes of each span", "known as slow from the first on"],
)
def test_a_slow_link_is_found_at_its_time(
    page: Page, server: VideoServer, pictures: Pictures, *, known: bool, at: float
) -> None:
    show(page, server)
    found = finds(page, pictures, known=known)
    assert found >= 0
    assert pictures[found][0] == pytest.approx(at)


def test_what_a_link_remembers_ends_with_the_stream_or_the_attempt(page: Page, server: VideoServer) -> None:
    show(page, server)
    found = page.wait_for(
        """const {Link} = await import('/view/link.js');
        const link = new Link();
        const found = {};
        const comes = (number, bytes, delay, at, more) =>
          link.picture({pts: number / 10, gap: false, late: true, ...more}, bytes, delay, at, false);
        const rising = from => {
          const sure = [];
          for (let number = 0; number < 6; ++number)
            sure.push(comes(from * 10 + number, 100, 0.6 + from / 2 + number / 20, from + number / 10));
          return sure.includes(true);
        };
        link.begin(1000);
        found.rising = [rising(0), rising(0.6)];
        link.begin(null);
        found.again = rising(1.2);
        found.rate = link.rate;
        for (const number of [0, 1, 2]) comes(number, 900, 0.1, 9, {key: true});
        found.short = link.rate; // groups of 0.1 s
        link.begin(1000);
        comes(50, 500, 0.1, 9, {key: true});
        found.another = link.rate;
        found.lags = [1, 2, 3].map(at => link.lag(at));
        link.failed();
        found.after = [4, 5].map(at => link.lag(at));
        return found;"""
    )
    assert found == {
        "rising": [False, True], "again": False, "rate": 1000, "short": 1000, "another": 1000,
        "lags": [False, False, True], "after": [False, False],
    }  # fmt: skip


def test_a_picture_that_took_long_stands_when_none_follows(page: Page, server: VideoServer) -> None:
    show(page, server)
    found = page.wait_for(
        """const {Link} = await import('/view/link.js');
        const link = new Link();
        const after = (late, delay) => {
          link.picture({pts: 0, key: true, gap: false, late}, 100, delay, 10, false);
          return [link.stands(1, 10.5), link.stands(1, 11.5)];
        };
        const found = {none: link.stands(1, 9), joining: after(true, 3)};
        found.caughtUp = after(false, 3);
        found.quick = after(true, 0.5);
        found.long = after(true, 3);
        link.begin(1000);
        found.another = link.stands(1, 11.5);
        after(false, 3);
        link.failed();
        found.failed = link.stands(1, 11.5);
        return found;"""
    )
    assert found == {
        "none": False, "joining": [False, False], "caughtUp": [False, True], "quick": [False, False],
        "long": [False, True], "another": False, "failed": False,
    }  # fmt: skip


def test_pictures_after_a_stall_show_no_slow_link(page: Page, server: VideoServer) -> None:
    show(page, server)
    # After each of two stalls of two seconds, the delayed images arrive all at the same time.
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
          link.picture({pts: number / 10, key, gap}, key ? 500 : 50, 0.1, number / 10, false);
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
        const found = {unknown: link.isTooSlow(1, 1)};
        link.begin(15000);
        found.none = link.isTooSlow(0, 1);
        link.jpeg(16500, 1, 2); // 1.1 of its rate
        found.barely = link.isTooSlow(0, 2);
        link.jpeg(19500, 1, 3); // 1.3
        found.enough = link.isTooSlow(0, 3);
        found.beside = link.isTooSlow(15000, 3);
        for (const at of [14, 15]) link.jpeg(5000, 0.5, at);
        found.lately = link.isTooSlow(0, 15);
        link.jpeg(5000, 0.2, 16);
        found.last = link.isTooSlow(0, 40);
        link.jpeg(5000, 0.5, 25.5);
        link.jpeg(5000, 0.5, 25.9);
        found.ago = link.isTooSlow(0, 25.9);
        link.jpeg(5000, 0.5, 26.1);
        found.later = link.isTooSlow(0, 26.1);
        link.failed();
        found.failed = link.isTooSlow(0, 40);
        link.jpeg(10, 0.02, 41);
        found.slow = link.isTooSlow(0, 41);
        link.jpeg(10, 0.004, 41);
        found.small = link.isTooSlow(1e9, 41);
        return found;"""
    )
    assert found == {
        "unknown": False, "none": True, "barely": True, "enough": False, "beside": True, "lately": True,
        "last": False, "ago": False, "later": True, "failed": True, "slow": True, "small": False,
    }  # fmt: skip


# The page's clock for a server that is 100 s ahead. Each answer consists of four times in seconds: since it
# arrived, of the request on its way, of the answer on its way, and how much further ahead the server was.
CLOCK = """const {Clock, now} = await import('/view/clock.js');
const clock = new Clock();
const known = [clock.age(now()), clock.delay(now())];
clock.begin(now() + 100, now());
known.push(clock.delay(now()));
const at = now();
for (const [ago, there, back, more] of arguments[0]) {
  clock.add(at - ago - back - there, at - ago - back + 100 + more, at - ago);
}
const shown = [clock.age(now() + 99), clock.delay(now() + 99)];
clock.begin(now() + 100, now());
return {shown, known, again: [clock.age(now() + 99), clock.delay(now())]};"""


@pytest.mark.parametrize(
    ("answers", "age"),
    [
        ([(9, 0.02, 0.02, 0), *[(8 - at, 0.02, 2, 0) for at in range(5)]], 1),
        ([(9, 0.02, 0.02, 0), (8, 2, 0.02, 0)], 1),
        ([(50, 0.02, 0.02, -1), (8, 0.02, 2, 0)], 1),
        ([(9, 0.02, 0.02, 0), (8, 0.02, 0.02, 10)], 11),
        ([(9, 0.02, 0.02, 0), (8, 0.02, 0.02, -0.5)], 0.5),
    ],
    ids=["answers wait", "a question waits", "an old answer", "set forward", "set back"],
)
def test_the_clock_of_the_server_is_known_by_its_answers(
    page: Page, server: VideoServer, answers: list[tuple[float, ...]], age: float
) -> None:
    show(page, server)
    found = page.wait_for(CLOCK, answers)
    assert found["known"] == [None, None, None]
    assert found["shown"] == [pytest.approx(age, abs=0.02), pytest.approx(age - 0.02, abs=0.02)]
    assert found["again"] == [pytest.approx(1, abs=0.02), None], "another connection begins anew"


def test_a_view_that_is_back_gets_jpegs_first_over_a_link_that_was_too_slow(
    page: Page, server: VideoServer
) -> None:
    server.patch(AGAIN, "const AGAIN = [2, 2];")
    server.patch("const PUT_OFF = 600;", "const PUT_OFF = 0.1;")  # it was hidden for longer
    server.change(kilobits=2000)
    show(page, server)
    live(page, "webcodecs")
    server.scene.rate = half_of_the_rate(server)
    live(page, "jpeg")
    page.run("view.style.display = 'none'")
    until(lambda: modes(server) == [], lambda: f"the page still asks for {modes(server)}")
    time.sleep(3)  # the next attempt is due
    page.run("view.style.display = ''")
    assert until(lambda: modes(server), lambda: "the page asks for nothing") == ["jpeg"]
    live(page, "jpeg")


def test_a_link_that_carries_the_video_of_one_view_gives_two_none_and_one_its_own(
    page: Page, server: VideoServer
) -> None:
    server.patch(AGAIN, "const AGAIN = [1, 1];")
    server.change(kilobits=2000)
    show(page, server, more="></freshframe-view>" + VIEW.format(src=server.url, more="id=other"))
    until(lambda: modes(server) == ["auto", "auto"], lambda: f"the page asks for {modes(server)}")
    live(page, "webcodecs")
    server.scene.rate = half_of_the_rate(server)
    until(lambda: modes(server) == ["jpeg", "jpeg"], lambda: f"the page asks for {modes(server)}")
    server.scene.rate *= 3.2  # one video has 1.6
    for _ in range(40):  # attempts are due every second
        time.sleep(0.2)
        assert modes(server) == ["jpeg", "jpeg"]
    page.run("document.querySelector('#other').remove()")
    live(page, "webcodecs")


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
