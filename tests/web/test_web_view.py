"""The element <freshframe-view> in a real browser: its modes, its boxes, faults, requests."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe
import numpy as np
import pytest
from browser import FOREIGN, until
from video_server import COUNT, FIRST, FPS, VideoServer, video_server
from view_page import (
    EXACT,
    LISTEN,
    VIEW,
    live,
    numbers,
    on_its_picture,
    picture,
    pictures_with_boxes,
    show,
    watched,
)

import freshframe as ff

if TYPE_CHECKING:
    from browser import Page

PICTURES = Path(__file__).parents[2] / "build" / "web"


@pytest.mark.parametrize("mode", ["webcodecs", "mse", "jpeg"])
def test_each_mode_shows_pictures_that_follow_each_other(page: Page, server: VideoServer, mode: str) -> None:
    show(page, server, f'mode="{mode}"')
    live(page, mode)
    first = numbers(picture(page))[0]
    until(lambda: numbers(picture(page))[0] != first, lambda: f"the picture stays number {first}")
    shown = page.run("return results.map(one => one.pts)")
    assert shown == sorted(set(shown)), "a picture came twice or went back"
    assert page.run("return states.at(-1).age") > 0
    assert page.complaints() == []


@pytest.mark.parametrize("mode", ["webcodecs", "mse", "jpeg"])
def test_boxes_stand_on_their_own_picture(page: Page, server: VideoServer, mode: str) -> None:
    show(page, server, f'mode="{mode}" wait="0.3"')
    live(page, mode)
    _, others = pictures_with_boxes(page, mode, lambda shown, _: page.run(EXACT, shown))
    assert not any(exact for _, exact in others), others


@pytest.mark.parametrize("mode", ["webcodecs", "mse"])
def test_a_picture_waits_for_a_result_that_is_later_than_nearly_all(
    page: Page, server: VideoServer, mode: str
) -> None:
    server.change(halts=(24, 0.2))
    show(page, server, f'mode="{mode}" wait="2"')
    live(page, mode)
    late = f"""return results.filter(({{pts}}) => Math.round((pts - {FIRST}) * {FPS}) % 24 === 0)
      .slice(1).map(one => one.exact)"""
    until(lambda: len(page.run(late)) >= 4, lambda: f"{page.run(late)} of 4 pictures with a late result")
    assert sum(page.run(late)) >= 3, page.run(late)


def test_boxes_of_pictures_that_the_source_has_scaled_stand_at_their_place(
    page: Page, server: VideoServer
) -> None:
    server.change(found_in=(320, 288))  # its pixels are not square, either
    show(page, server, 'wait="0.3"')
    live(page, "webcodecs")
    until(lambda: len(set(numbers(picture(page)))) == 1, lambda: "no box on its picture")
    box = page.run("return view.shadowRoot.querySelector('canvas').getBoundingClientRect().toJSON()")
    page.click(box["x"] + 240, box["y"] + 270)
    assert page.until("return picks[0]")["box"] == [80, 144, 160, 268]


@pytest.mark.parametrize("mode", ["webcodecs", "mse"])
@pytest.mark.parametrize(
    "turn", [(False, 1), (False, 2), (False, 3), (True, 0), (True, 1), (True, 2), (True, 3)]
)
def test_pictures_that_are_stored_turned_are_shown_upright_with_their_boxes(
    page: Page, server: VideoServer, turn: tuple[bool, int], mode: str
) -> None:
    server.change(turn=turn)
    show(page, server, f'mode="{mode}" wait="0.3"')
    live(page, mode)
    assert page.run(
        "const {width, height} = view.shadowRoot.querySelector('canvas'); return [width, height]"
    ) == [
        640,
        360,
    ]
    first = until(lambda: on_its_picture(page), lambda: "no box on its picture")
    until(lambda: on_its_picture(page) not in {None, first}, lambda: f"the picture stays number {first}")


def test_without_the_size_of_their_picture_boxes_are_not_exact(page: Page, server: VideoServer) -> None:
    server.change(says_size=False)
    show(page, server)
    live(page, "webcodecs")
    page.until("return results.some(one => one.objects.length > 0)")
    assert not page.run("return results.some(one => one.exact)")


def test_boxes_between_results_are_those_of_an_earlier_picture_and_say_so(
    page: Page, server: VideoServer
) -> None:
    server.change(every=3, delay=0.12)
    show(page, server)
    live(page, "webcodecs")
    page.until(
        "return results.filter(one => one.exact).length > 5 && results.filter(one => !one.exact).length > 5"
    )
    for shown, exact, ids in page.run(
        "return results.slice(10)"
        ".map(one => [one.pts, one.exact, one.objects.map(object => object.tracker_id)])"
    ):
        number = round((shown - FIRST) * FPS) % COUNT
        assert exact == (number % 3 == 0)
        assert not ids or ids[0] == number - number % 3


@pytest.mark.parametrize("mode", ["webcodecs", "mse"])
def test_pictures_without_results_are_shown_before_the_next_result_comes(
    page: Page, server: VideoServer, mode: str
) -> None:
    server.change(every=3, delay=0.12)
    show(page, server, f'mode="{mode}"')
    live(page, mode)
    page.until("return results.length > 80")
    shown = page.run("return results.slice(20).map(one => one.pts)")
    assert np.median(np.diff(shown)) < 1.5 / FPS


def test_pictures_with_reordering_come_in_their_order(page: Page, server: VideoServer) -> None:
    server.change(bframes=2)
    show(page, server)
    live(page, "webcodecs")
    page.until("return results.length > 30")
    shown = page.run("return results.map(one => one.pts)")
    assert shown == sorted(set(shown))
    assert page.run("const {came, shown} = states.at(-1); return shown > 10 && shown <= came")
    assert np.median(np.diff(shown[8:])) < 1.5 / FPS, "a picture that the codec reorders was not drawn"
    acknowledged = [pts for one in server.scene.heard for pts in one.get("ack", {}).values()]
    assert len(acknowledged) > 30
    assert acknowledged == sorted(acknowledged), "the server waits for the newest one"


def test_a_video_that_names_times_between_pictures_and_each_twice_shows_each_picture_once(
    page: Page, server: VideoServer
) -> None:
    page.load(server.page("<p>nothing yet"))
    page.run(
        """const own = HTMLVideoElement.prototype.requestVideoFrameCallback;
        let again = false; // the callback asks for the next one each time
        HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
          return again ? 0 : own.call(this, (at, about) => {
            const named = {...about, mediaTime: about.mediaTime + 0.02};
            callback(at, named);
            again = true;
            callback(at, named);
            again = false;
          });
        };
        document.body.innerHTML = arguments[0];""",
        VIEW.format(src=server.url, more='mode="mse"'),
    )
    page.run(LISTEN)
    live(page, "mse")
    page.until("return results.length > 20")
    shown = np.array(page.run("return results.map(one => one.pts)"))
    assert list(shown) == sorted(set(shown))
    assert not page.run("return results.some(one => one.exact)"), "which picture it is, is a guess"
    assert shown * FPS == pytest.approx(np.round(shown * FPS), abs=0.01), "no picture has these times"


@pytest.mark.parametrize("mode", ["webcodecs", "mse", "jpeg"])
def test_another_size_goes_on_in_its_shape(page: Page, server: VideoServer, mode: str) -> None:
    show(page, server, f'mode="{mode}" wait="0.3"')
    live(page, mode)
    wide = picture(page).shape
    server.change(size=(480, 360))
    page.until(
        "const c = view.shadowRoot.querySelector('canvas'); return Math.abs(c.width / c.height - 4 / 3) < .01"
    )
    high = picture(page).shape
    assert (wide[:2], high[:2]) == ((360, 640), (480, 640))
    until(lambda: len(set(numbers(picture(page)))) == 1, lambda: "no box on its picture")


def test_an_outage_pales_the_picture_says_since_when_and_ends(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    server.scene.away = True
    page.until("return states.at(-1).state === 'away'")
    assert page.run("return view.shadowRoot.querySelector('.stage').hasAttribute('data-old')")
    assert "No image since" in page.run("return view.shadowRoot.querySelector('.notice').textContent")
    assert "the camera does not answer" in page.run("return states.at(-1).message")
    page.until("return states.at(-1).age > 1")
    server.scene.away = False
    page.run("results.length = 0")
    live(page, "webcodecs")
    assert not page.run("return view.shadowRoot.querySelector('.stage').hasAttribute('data-old')")


def test_old_pictures_are_pale_and_say_their_age(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    server.scene.late = 1.5
    page.until("return states.at(-1).state === 'old' && states.at(-1).age > 1")
    assert page.run("return view.shadowRoot.querySelector('.stage').hasAttribute('data-old')")
    server.scene.late = 0
    page.until("return states.at(-1).state === 'live'")


def test_a_wrong_token_is_told_and_not_tried_again(page: Page, server: VideoServer) -> None:
    server.scene.token = "the-right-token"
    show(page, server, 'token="another"')
    page.until("return states.at(-1).state === 'refused'")
    assert page.text("freshframe-view") == ""
    assert "rejected the token" in page.run("return view.shadowRoot.querySelector('.notice').innerText")
    page.run("view.setAttribute('token', 'the-right-token')")
    live(page, "webcodecs")
    assert [one["token"] for one in server.scene.heard if "token" in one] == ["another", "the-right-token"]


def test_a_server_that_is_away_is_told_and_comes_back(page: Page) -> None:
    with video_server() as other:
        show(page, other)
        live(page, "webcodecs")
        port = other.server_port
    page.until("return states.at(-1).state === 'lost'")
    assert f"127.0.0.1:{port}" in page.run("return states.at(-1).message")
    with video_server(port):
        page.run("results.length = 0")
        live(page, "webcodecs")


def test_without_https_it_is_mse_and_says_why(page: Page, server: VideoServer) -> None:
    show(page, server, host=f"http://{FOREIGN}:{server.server_port}/")
    live(page, "mse")
    assert page.run("return [isSecureContext, states.at(-1).why]") == [False, "this page is not https"]
    shown = page.run(
        "const {innerText, title} = view.shadowRoot.querySelector('.mode'); return [innerText, title]"
    )
    assert shown == ["sent as video", "this page is not https"]


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        ({"codec": "hvc1.1.6.L93.B0"}, "this browser has no H.265"),
        ({"packets": False}, "the source has no packets"),
    ],
)
def test_jpeg_says_why(page: Page, server: VideoServer, scene: dict[str, Any], why: str) -> None:
    server.change(**scene)
    show(page, server)
    live(page, "jpeg")
    assert page.run("return states.at(-1).why") == why
    assert page.run("return view.shadowRoot.querySelector('.mode').innerText") == "sent as JPEG images"


def test_a_mode_that_was_asked_for_is_not_replaced(page: Page, server: VideoServer) -> None:
    show(page, server, 'mode="webcodecs"', host=f"http://{FOREIGN}:{server.server_port}/")
    page.until("return states.at(-1).state === 'unplayable'")
    assert "this page is not https" in page.run("return states.at(-1).message")
    assert page.run("return results") == []


def test_a_view_that_joins_says_so_and_draws_few_of_the_pictures_that_it_works_off(
    page: Page, server: VideoServer
) -> None:
    server.change(gop=COUNT)
    server.scene.video()
    page.size(800, 700)
    page.load(server.page("<p>nothing yet"))
    server.began = time.time() - 4  # halfway to the next keyframe
    page.run(
        """window.states = []; window.results = []; window.drawn = [];
        const decode = VideoDecoder.prototype.decode; // a browser that decodes 50 pictures in a second
        let turn = Promise.resolve();
        VideoDecoder.prototype.decode = function (chunk) {
          const wait = () => new Promise(done => setTimeout(done, 20));
          turn = turn.then(wait).then(() => decode.call(this, chunk));
        };
        const view = document.createElement('freshframe-view');
        for (const [name, value] of Object.entries(arguments[0])) view.setAttribute(name, value);
        view.addEventListener('state', event => states.push(event.detail));
        view.addEventListener('results', event => {
          results.push(event.detail);
          drawn.push([states.at(-1)?.state, performance.now()]);
        });
        document.body.append(view);""",
        {"src": server.url, "port": "people", "mode": "webcodecs"},
    )
    live(page, "webcodecs")
    assert "joining" in page.run("return states.map(one => one.state)")
    at = [at for state, at in page.run("return drawn") if state == "joining"]
    assert len(at) <= (at[-1] - at[0]) / 200 + 4, "pictures that were late were drawn one after the other"
    page.until("return results.at(-1).pts - results[0].pts > 3")


def test_a_decoder_that_fails_is_tried_again(page: Page, server: VideoServer) -> None:
    server.scene.broken = True
    show(page, server)
    live(page, "jpeg")
    assert "the decoder failed" in page.run("return states.at(-1).why")
    server.scene.broken = False
    live(page, "webcodecs")


@pytest.mark.parametrize(
    ("hide", "show_again"),
    [
        ("scrollTo(0, 3000)", "scrollTo(0, 0)"),
        ("view.style.display = 'none'", "view.style.display = ''"),
        (
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))",
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))",
        ),
        ("button(0).click()", "button(0).click()"),
    ],
    ids=["scrolled off", "not displayed", "another tab", "paused"],
)
def test_a_view_that_is_not_seen_asks_for_nothing(
    page: Page, server: VideoServer, hide: str, show_again: str
) -> None:
    show(page, server)
    page.run(
        "document.body.style.height = '5000px';"
        "window.button = at => view.shadowRoot.querySelectorAll('.bar button')[at]"
    )
    live(page, "webcodecs")
    assert [one["port"] for one in watched(server)] == ["people"]
    page.run(hide)
    until(lambda: watched(server) == [], lambda: f"the page still asks for {watched(server)}")
    sent = server.scene.sent
    time.sleep(0.5)
    assert server.scene.sent <= sent + 1
    page.run(show_again)
    page.run("results.length = 0")
    live(page, "webcodecs")


def test_a_page_that_was_left_holds_no_connection_and_goes_on_when_it_is_back(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    live(page, "webcodecs")
    page.go(server.page("<p>another page", name="other"))
    until(lambda: server.links[0].over, lambda: "the page that was left is connected")
    page.back()
    page.until("return document.querySelector('freshframe-view') !== null")
    page.run(LISTEN)
    live(page, "webcodecs")


def test_views_of_a_page_share_one_connection(page: Page, server: VideoServer) -> None:
    show(page, server)
    page.run("const two = view.cloneNode(); two.setAttribute('port', 'door'); view.after(two)")
    live(page, "webcodecs")
    until(lambda: len(watched(server)) == 2, lambda: f"the page asks for {watched(server)}")
    assert {one["port"] for one in watched(server)} == {"people", "door"}


def test_a_click_picks_the_smallest_object_below_it(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    box = page.run("return view.shadowRoot.querySelector('canvas').getBoundingClientRect().toJSON()")
    x, y = box["x"] + 240, box["y"] + 270  # within the person's box
    page.click(x, y)
    picked = page.until("return picks[0]")
    assert (picked["class_name"], picked["box"]) == ("person", [160, 180, 320, 340])
    assert 0 <= picked["tracker_id"] < COUNT


def test_objects_and_buttons_are_reached_by_key(page: Page, server: VideoServer) -> None:
    server.change(every=COUNT)  # so that the objects do not change for a while
    show(page, server)
    page.until("return view.shadowRoot.querySelector('li button') !== null")
    keys = [page.run("return view.shadowRoot.activeElement?.textContent")]
    for _ in range(5):
        page.press("Tab")
        keys.append(page.run("return view.shadowRoot.activeElement?.textContent"))
    assert keys[:2] == [None, "person 0"]
    assert keys[-4:] == ["Pause", "Zoom in", "Full screen", "Snapshot"] or "Pause" in keys


def test_the_picture_has_a_label_of_its_objects_and_age(page: Page, server: VideoServer) -> None:
    show(page, server)
    live(page, "webcodecs")
    label = page.until(
        "const label = view.shadowRoot.querySelector('[role=img]').ariaLabel;"
        "return /person/.test(label) && label"
    )
    assert label.startswith("people, ")
    assert "1 person" in label
    assert label.endswith(" s old")


def test_reduced_motion_shows_a_picture_a_second(page: Page, server: VideoServer) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    page.load(server.page(VIEW.format(src=server.url, more="")))
    page.run(LISTEN)
    page.until("return results.length > 3")
    shown = page.run("return results.map(one => one.pts)")
    assert min(np.diff(shown)) > 0.7


def test_labels_have_the_fields_of_python(page: Page, server: VideoServer) -> None:
    show(page, server)
    labels = page.wait_for(
        """const {labelOf, objectsOf} = await import('/view/drawing.js');
        const [car, none] = objectsOf(
          {boxes: [0, 0, 80, 160, 8, 8, 16, 16], classes: [1, 7], scores: [874, 500], ids: [12, 13],
           columns: {speed: [4.26, null], plate: ['B AB 12', '']}}, ['person', 'car']);
        return ['{class_name} {tracker_id}', '{class_name} {speed:.1f} m/s', '{confidence:.0%}',
                '{tracker_id:04d} {plate}', '{plate}: {class_name}',
                '{{{class_name}}} {class_id} {tracker_id}', '{no-such} {class_name}']
          .map(pattern => [labelOf(car, pattern), labelOf(none, pattern)]);"""
    )
    assert labels == [
        ["car 12", "7 13"], ["car 4.3 m/s", "7"], ["87%", "50%"], ["0012 B AB 12", "0013"],
        ["B AB 12: car", "7"], ["{car} 1 12", "{7} 7 13"], ["car", "7"],
    ]  # fmt: skip


OVERLAY = """const {Drawing, objectsOf} = await import('/view/drawing.js');
const [result, size] = arguments;
const canvas = document.createElement('canvas');
const drawing = new Drawing(canvas);
drawing.begin({width: size[0], height: size[1]});
drawing.resize(size[0]);
const context = canvas.getContext('2d');
const texts = [];
context.fillText = (text, x, y) => texts.push([text, x, y]);
const {lines, zones} = result;
drawing.overlay({objects: objectsOf(result, ['person']), lines, zones, labels: '', dashed: false});
const {data} = context.getImageData(0, 0, ...size);
const drawn = Array.from({length: size[0] * size[1]}, (_, at) => data[4 * at] + data[4 * at + 1] > 0);
return {drawn, texts};"""


def overlay(
    page: Page, result: dict[str, Any], width: int, height: int
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], list[list[Any]]]:
    """Draws a result on a black image.

    Returns which pixels are drawn, and the labels with their positions.
    """
    found = page.wait_for(OVERLAY, result, [width, height])
    return np.array(found["drawn"]).reshape(height, width), found["texts"]


def test_a_mask_colours_its_pixels(page: Page, server: VideoServer) -> None:
    show(page, server)
    mask = np.zeros((1, 90, 160), np.bool_)
    mask[0, 20:80, 30:150] = np.random.default_rng(4).random((60, 120)) < 0.6
    (text,) = ff.masks.encode(mask)
    drawn, _ = overlay(page, {"boxes": [0, 0, 64, 64], "columns": {"mask": [str(text)]}}, 160, 90)
    assert (drawn[12:, 12:] == mask[0, 12:, 12:]).all()
    assert drawn[:9, :9].any(), "the box"


def test_key_points_of_a_person_are_joined_and_those_not_found_are_left_out(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    points: list[int | None] = [None] * 34
    points[10:14] = [8 * 40, 8 * 40, 8 * 120, 8 * 40]  # the shoulders
    result = {"boxes": [0, 0, 64, 64], "keypoints": {"count": 17, "xy": points}}
    drawn, _ = overlay(page, result, 160, 90)
    assert drawn[38:43, 38:43].all()
    assert drawn[40, 40:120].all()
    drawn[:9, :9] = drawn[36:45, 36:125] = False
    assert not drawn.any(), "what was not found is drawn"
    drawn, _ = overlay(page, result | {"keypoints": {"count": 2, "xy": points[10:14]}}, 160, 90)
    assert not drawn[40, 60:100].any(), "only a person's points are joined"


def test_a_turned_box_is_drawn_by_its_corners_and_one_without_them_upright(
    page: Page, server: VideoServer
) -> None:
    show(page, server)
    corners = [80, 10, 120, 40, 80, 70, 40, 40]
    upright = [8 * side for side in (40, 10, 120, 70)]
    result = {"boxes": upright, "corners": [8 * side for side in corners]}
    drawn, _ = overlay(page, result, 160, 90)
    assert drawn[11, 80]
    assert drawn[40, [41, 119]].all()
    assert drawn[25, [60, 100]].all(), "the middle of two sides"
    assert not drawn[10:14, 40:60].any(), "the upright box is drawn"
    drawn, _ = overlay(page, result | {"corners": [None] * 8}, 160, 90)
    assert drawn[10, 40:120].all()


def test_lines_and_zones_have_their_counts_on_their_sides(page: Page, server: VideoServer) -> None:
    show(page, server)
    result: dict[str, Any] = {
        "boxes": [],
        "lines": [{"name": "gate", "start": [160, 20], "end": [160, 160], "forward": 3, "backward": 1}],
        "zones": [
            {"name": "hall", "corners": [[200, 60], [300, 60], [300, 120], [200, 120]], "inside": [4, 9]}
        ],
    }
    drawn, texts = overlay(page, result, 320, 180)
    places = {text: (x, y) for text, x, y in texts}
    assert set(places) == {"gate", "3", "1", "hall 2"}
    assert places["3"][0] < 160 < places["1"][0], "forward is to the left of a line that goes down"
    assert places["3"][1] == places["1"][1] == 90
    assert 200 < places["hall 2"][0] < 250
    assert places["hall 2"][1] == 90
    assert drawn[30:80, 160].all()
    assert drawn[60, 200:300].all()
    known = {"boxes": [], "zones": [{"name": "hall", "corners": result["zones"][0]["corners"]}]}
    assert [text for text, _, _ in overlay(page, known, 320, 180)[1]] == ["hall"], "before its first result"


@pytest.mark.parametrize("state", ["live", "away", "refused"])
def test_axe_has_no_remark_about_a_view(page: Page, server: VideoServer, state: str) -> None:
    axe.need()
    server.scene.token = "a-token"
    show(page, server, f'token="{"wrong" if state == "refused" else "a-token"}"')
    page.run("view.style.width = ''")
    if state == "away":
        live(page, "webcodecs")
        server.scene.away = True
    page.until("return states.at(-1).state === arguments[0]", state)
    for width in (390, 768, 1440):
        for dark in (False, True):
            page.size(width, 900, dark=dark, phone=width < 500)
            page.wait_for("await new Promise(requestAnimationFrame)")
            assert page.run("return document.documentElement.scrollWidth") <= width
            remarks = axe.remarks(page)
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.picture(PICTURES / f"view-{state}-{width}-{'dark' if dark else 'light'}.png")
            assert remarks == []
