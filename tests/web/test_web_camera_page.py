"""<freshframe-camera> with a fake server: its messages, the frames that it skips, and the text shown."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import axe
import pytest
from browser import FOREIGN
from camera_page import DESK, FACE, FRAMES, PAINTED, press, show, until_words, words

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

SILENT_H264 = """
const configure = VideoEncoder.prototype.configure, encode = VideoEncoder.prototype.encode;
VideoEncoder.isConfigSupported = async ({codec}) => ({supported: /^(avc1|vp8)/.test(codec)});
VideoEncoder.prototype.configure = function (config) {
  this.silent = config.codec.startsWith('avc1');
  configure.call(this, this.silent ? {...config, codec: 'vp8', avc: undefined} : config);
};
VideoEncoder.prototype.encode = function (...frame) { if (!this.silent) encode.apply(this, frame); };
"""


def heard(page: Page, name: str) -> list[Any]:
    """Returns the messages that have this field."""
    found: list[Any] = page.run("return desk.heard.filter((one) => one[arguments[0]] !== undefined)", name)
    return found


def frames(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.run(f"return {FRAMES}")
    return found


def until_frames(page: Page, count: int) -> None:
    page.until(f"return {FRAMES}.length >= arguments[0]", count)


def test_messages_are_those_of_the_protocol(page: Page, server: VideoServer) -> None:
    show(page, server)
    assert words(page) == "The camera is off."
    assert page.run("return desk.sockets.length") == 0, "the camera waits for the button"
    press(page, "Use my camera")
    until_frames(page, 40)
    messages = page.run("return desk.heard")
    assert messages[0] == {"token": "secret"}
    client = messages[1]["send"]["client"]
    assert messages[1] == {"send": {"camera": "front", "client": client, "take": False}}
    assert client == page.run("return sessionStorage.getItem('freshframe-camera')")
    assert list(messages[2]) == ["time"]
    states = [one for one in messages if "state" in one]
    told = "the browser asks its user for permission to use the camera"
    assert states[:2] == [{"state": "asking", "message": told}, {"state": "live"}]
    first = next(at for at, one in enumerate(messages) if "frame" in one)
    declared = [one["camera"] for one in messages[:first] if "camera" in one][-1]
    assert declared.keys() <= {"codec", "width", "height", "fps", "turn", "label", "stamped"}
    assert (declared["width"], declared["height"], declared["fps"], declared["turn"]) == (640, 360, 30, 0)
    assert declared["codec"].startswith("avc1.42E0")
    assert page.run("return camera.asked.width.ideal") == 640


def test_frames_have_a_number_their_times_and_the_skipped_ones(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 60)
    sent = frames(page)
    assert [one["number"] for one in sent] == list(range(len(sent)))
    assert {(one["kind"], one["camera"]) for one in sent} == {(16, 0)}
    assert sent[0]["key"] == 1
    assert sent[0]["start"][:4] == [0, 0, 0, 1], "Annex B"
    for before, after in pairwise(sent):
        assert after["pts"] > before["pts"]
        assert after["captured"] > before["captured"]
        assert after["skipped"] >= before["skipped"]
    # The server's clock is 1000 s ahead. A frame is captured before it is sent, up to the clock's error.
    assert all(one["captured"] <= one["at"] + one["error"] / 1e6 + 0.002 for one in sent)
    assert all(one["captured"] > one["at"] - 10 for one in sent)
    page.until("return states.at(-1).report.sent > 60")
    report = page.run("return states.at(-1).report")
    inside = report["camera"] - report["sent"] - report["skipped_link"] - report["skipped_encoder"]
    assert 0 <= inside <= 2, "each frame was sent, was skipped, or is in the encoder"


def test_without_acknowledgements_frames_are_skipped_before_the_encoder(
    page: Page, server: VideoServer
) -> None:
    show(page, server, more="start")
    until_frames(page, 30)
    page.run("desk.acks = false")
    page.until("return states.at(-1).report.skipped_link > 20")
    held = len(frames(page))
    page.until("return states.at(-1).report.skipped_link > 40")
    sent = frames(page)
    assert len(sent) <= held + 2, "what is not acknowledged closes the way"
    page.run(
        "desk.acks = true; desk.sockets[0].tell({type: 'ack', n: arguments[0], key: true, waited: 0})",
        sent[-1]["number"],
    )
    until_frames(page, len(sent) + 10)
    after = frames(page)
    assert [one["number"] for one in after] == list(range(len(after)))
    assert after[-1]["skipped"] - sent[0]["skipped"] >= 40
    assert any(one["key"] for one in after[len(sent) : len(sent) + 4]), "the source has asked for a keyframe"


def test_a_turned_camera_declares_its_size_before_its_next_frame(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 10)
    page.run("Object.assign(camera, {width: 360, height: 640})")
    page.until("return desk.heard.findLast((one) => one.camera)?.camera.height === 640")
    page.until("return desk.heard.at(-1).frame !== undefined")
    messages = page.run("return desk.heard")
    at = max(at for at, one in enumerate(messages) if "camera" in one)
    after = next(one["frame"] for one in messages[at:] if "frame" in one)
    assert after["key"] == 1
    assert messages[at]["camera"]["width"] == 360


def test_a_large_image_is_scaled_to_what_the_source_asks_for(page: Page, server: VideoServer) -> None:
    show(page, server)
    page.run("Object.assign(camera, {width: 1280, height: 720})")
    press(page, "Use my camera")
    until_frames(page, 3)
    declared = heard(page, "camera")[-1]["camera"]
    assert (declared["width"], declared["height"]) == (640, 360)


def test_a_codec_that_returns_nothing_is_replaced_by_the_next(page: Page, server: VideoServer) -> None:
    show(page, server, script=PAINTED + DESK + SILENT_H264, more="start")
    until_frames(page, 5)
    assert heard(page, "camera")[-1]["camera"]["codec"] == "vp8"
    assert frames(page)[0]["key"] == 1
    page.until("return states.at(-1).report.failures.length === 1")
    assert page.run("return states.at(-1).report.failures") == ["avc1: it returned nothing for 2 s"]


def test_a_frame_that_an_encoder_refuses_is_skipped_once(page: Page, server: VideoServer) -> None:
    refusing = "VideoEncoder.prototype.encode = () => { throw new TypeError('not this one'); };"
    show(page, server, script=PAINTED + DESK + refusing, more="start")
    page.until("return states.at(-1)?.report.sent > 5")
    report = page.run("return states.at(-1).report")
    assert report["failures"] == [f"{family}: not this one" for family in ("avc1", "vp8", "vp09")]
    inside = report["camera"] - report["sent"] - report["skipped_link"] - report["skipped_encoder"]
    assert 0 <= inside <= 1, "each frame was sent, was skipped, or is in the encoder"


def test_a_browser_without_webcodecs_sends_jpeg(page: Page, server: VideoServer) -> None:
    show(page, server, script=PAINTED + DESK + "delete window.VideoEncoder;", more="start")
    until_frames(page, 20)
    assert heard(page, "camera")[-1]["camera"]["codec"] == "jpeg"
    sent = frames(page)
    assert [one["number"] for one in sent] == list(range(len(sent)))
    assert all(one["start"][:2] == [0xFF, 0xD8] and one["key"] == 1 for one in sent)


@pytest.mark.parametrize(
    ("exception", "sentence", "state", "told"),
    [
        (
            "NotAllowedError",
            "not allowed to use the camera",
            "denied",
            "does not allow the use of the camera",
        ),
        ("NotFoundError", "has no camera", "no_camera", "has no camera"),
        ("NotReadableError", "Close other programs", "camera_busy", "another program uses"),
        ("TypeError", "cannot be opened", "failed", "cannot open its camera"),
    ],
)
def test_a_camera_that_does_not_open_is_explained_to_both_ends(
    page: Page, server: VideoServer, exception: str, sentence: str, state: str, told: str
) -> None:
    show(page, server)
    page.run("camera.refusal = arguments[0]", exception)
    press(page, "Use my camera")
    until_words(page, sentence)
    last = heard(page, "state")[-1]
    assert last["state"] == state
    assert told in last["message"]
    page.run("desk.sockets.at(-1).drop(1006)")
    page.until("return desk.heard.filter((one) => one.send).length === 2")
    until_words(page, sentence)
    assert page.run("return camera.opened") == 0, "only the user asks again"
    page.run("camera.refusal = null")
    press(page, "Try again")
    until_frames(page, 3)
    assert heard(page, "state")[-1] == {"state": "live"}


def test_a_camera_that_is_unplugged_is_explained_to_both_ends(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 5)
    page.run("camera.track.stop(); camera.track.dispatchEvent(new Event('ended'))")
    until_words(page, "unplugged")
    assert heard(page, "state")[-1]["state"] == "unplugged"
    press(page, "Try again")
    until_words(page, "live")


def test_a_second_page_waits_takes_over_and_is_replaced(page: Page, server: VideoServer) -> None:
    show(page, server)
    page.run("desk.answer = 'busy'")
    press(page, "Use my camera")
    until_words(page, "Another browser is already sending this camera.")
    assert page.run("return camera.opened") == 0
    page.run("desk.answer = 'yours'; desk.sockets[0].tell({type: 'free'})")
    until_frames(page, 3)
    assert [one["send"]["take"] for one in heard(page, "send")] == [False, False]
    page.run("desk.sockets[0].tell({type: 'taken'})")
    until_words(page, "Another browser has taken over.")
    assert page.run("return camera.track.readyState") == "ended", "the camera is off"
    assert page.run("return desk.sockets.map((one) => one.closed)") == [1000], (
        "and the page does not return by itself"
    )
    press(page, "Send from here again")
    until_words(page, "live")
    assert heard(page, "send")[-1]["send"]["take"] is True
    press(page, "Stop")
    until_words(page, "The camera is off.")
    assert heard(page, "state")[-1] == {
        "state": "stopped",
        "message": "the browser's user has stopped the camera",
    }


def test_a_lost_connection_returns_with_a_keyframe_and_new_numbers(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 20)
    before = len(frames(page))
    page.run("desk.sockets[0].drop(1006)")
    until_words(page, "No connection to the program. Does it still run?")
    until_frames(page, before + 10)
    assert page.run("return desk.sockets.length") == 2
    after = frames(page)[before:]
    after = after[next(at for at, one in enumerate(after) if one["number"] == 0) :]
    assert after[0]["key"] == 1
    messages = page.run("return desk.heard")
    again = max(at for at, one in enumerate(messages) if "send" in one)
    first = next(at for at, one in enumerate(messages) if at > again and "frame" in one)
    assert "camera" in messages[first - 1], "a declaration belongs to its connection"
    assert page.run("return camera.opened") == 1, "the camera stays open"
    reported = page.until(
        "return desk.heard.slice(desk.heard.findLastIndex((one) => one.send))"
        ".findLast((one) => one.report?.sent)?.report.sent"
    )
    assert reported <= len(frames(page)) - before, "the server adds the counts of earlier connections"
    page.run("desk.sockets[1].drop(1008, 'too many messages')")
    until_words(page, "No connection to the program. too many messages")


def test_start_after_a_lost_connection_reconnects_once(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 5)
    page.run("desk.sockets[0].drop(1006); document.querySelector('freshframe-camera').start()")
    until_frames(page, len(frames(page)) + 30)  # more than the time until a reconnection
    assert page.run("return desk.sockets.length") == 2


def test_a_camera_without_frames_is_explained_until_it_has_some(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 5)
    page.run("camera.fps = 0.1")
    until_words(page, "The camera is not delivering frames.")
    last = heard(page, "state")[-1]
    assert last == {"state": "silent", "message": "the browser's camera delivers no frames"}
    page.until("return camera.painted > 0 && states.at(-1).state === 'live'")
    assert heard(page, "state")[-1] == {"state": "live"}


def test_a_hidden_tab_continues_and_says_so(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 5)
    tab = page.driver.execute_cdp_cmd("Target.createTarget", {"url": "about:blank"})["targetId"]
    try:
        page.until("return document.hidden")
        page.until("return desk.heard.findLast((one) => one.hidden !== undefined)?.hidden === true")
        until_frames(page, len(frames(page)) + 3)
    finally:
        page.driver.execute_cdp_cmd("Target.closeTarget", {"targetId": tab})
    page.until("return desk.heard.findLast((one) => one.hidden !== undefined)?.hidden === false")


def test_a_hidden_tab_whose_timers_are_throttled_keeps_its_frames(page: Page, server: VideoServer) -> None:
    show(page, server, script=PAINTED + DESK + "window.setInterval = () => 0;", more="start")
    until_frames(page, 5)
    tab = page.driver.execute_cdp_cmd("Target.createTarget", {"url": "about:blank"})["targetId"]
    try:
        page.until("return document.hidden")
        page.run("camera.fps = 0.4")
        painted = page.run("window.sentBefore = desk.heard.length; return camera.painted")
        page.until("return camera.painted >= arguments[0]", painted + 4)
        sent = page.run("return desk.heard.slice(sentBefore).filter((one) => one.frame).length")
    finally:
        page.driver.execute_cdp_cmd("Target.closeTarget", {"targetId": tab})
    assert sent >= 2  # the first one after the change looks like the end of a suspension


def test_a_wrong_token_and_the_end_are_explained(page: Page, server: VideoServer) -> None:
    show(page, server, more="start")
    until_frames(page, 3)
    page.run("desk.sockets[0].tell({type: 'ended', why: 'the source was removed'})")
    until_words(page, "The pipeline has ended. the source was removed")
    assert page.run("return camera.track.readyState") == "ended"
    page.run("desk.sockets[0].drop(4401, 'the token is invalid')")
    until_words(page, "This link is no longer valid.")


def test_a_page_that_is_not_secure_shows_the_ways_at_once(page: Page, server: VideoServer) -> None:
    show(page, server, host=server.url.replace("127.0.0.1", FOREIGN))
    until_words(page, "Browsers allow cameras only on https pages and on this machine (localhost).")
    ways = str(page.run(f"return {FACE}.querySelector('.ways').innerText"))
    for way in ("ssh -L", "adb reverse", "tailscale serve", "cloudflared tunnel"):
        assert way in ways
    page.until("return desk.sockets[0]?.closed === 1000")
    last = heard(page, "state")[-1]
    assert last["state"] == "insecure"
    assert "http" in last["message"]
    link = page.run(f"return {FACE}.querySelector('.ways a').href")
    assert link == server.url.replace("127.0.0.1", "localhost") + "sends"


def test_a_view_shows_the_result_instead_of_the_camera(page: Page, server: VideoServer) -> None:
    show(page, server, script=PAINTED, more='view="people"')
    page.until(f"return {FACE}.querySelector('freshframe-view')?.getAttribute('port') === 'people'")
    assert page.run(f"return {FACE}.querySelector('video')") is None


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("state", ["off", "live", "denied", "insecure"])
def test_axe_has_no_remark(page: Page, server: VideoServer, state: str, dark: bool) -> None:
    axe.need()
    host = server.url.replace("127.0.0.1", FOREIGN) if state == "insecure" else ""
    show(page, server, host=host)
    page.run("camera.refusal = arguments[0] === 'denied' ? 'NotAllowedError' : null", state)
    if state in {"live", "denied"}:
        press(page, "Use my camera")
    until_words(page, {"off": "off", "live": "live", "denied": "not allowed", "insecure": "localhost"}[state])
    page.size(390, 900, dark=dark, phone=True)
    assert axe.remarks(page, "freshframe-camera") == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "it fits a phone"
