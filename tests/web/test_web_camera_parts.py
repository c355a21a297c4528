"""The logic of <freshframe-camera>: the server's clock, the frames in flight, and the bitrate."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

# Replaces the clock by `at`, in ms.
TIME = "window.at = 10000.5; performance.now = () => at;"


def compute(page: Page, server: VideoServer, module: str, script: str) -> Any:
    """Runs a script in which `part` is a module of web/camera."""
    page.load(server.page(f"<script>{TIME}</script>", name="parts"))
    result = page.wait_for(f"const part = await import('/camera/{module}.js'); {script}")
    assert not str(result).startswith("failed"), result
    return result


def test_a_fast_question_and_a_fast_answer_bound_the_clock_together(page: Page, server: VideoServer) -> None:
    # The server is 5000 ms ahead. The first request took 2 ms and its response 300 ms, the second the
    # reverse, and the third took 200 and 100 ms.
    script = """
    const clock = new part.ServerClock();
    const known = clock.known;
    clock.add(100.5, 5102.5, 402.5);
    const first = clock.error;
    clock.add(1100.5, 6400.5, 1402.5);
    clock.add(1500.5, 6700.5, 1800.5);
    return [known, first, clock.error, clock.unixTime(2000) * 1000];
    """
    known, first, both, time = compute(page, server, "server_clock", script)
    assert known is False
    assert first == pytest.approx(151.1)
    assert both == pytest.approx(2.1)
    assert abs(time - 7000) <= both


def test_a_clock_that_was_set_starts_anew_and_old_answers_expire(page: Page, server: VideoServer) -> None:
    script = """
    const clock = new part.ServerClock();
    clock.add(100.5, 5101.5, 102.5);
    clock.add(3100.5, 98101.5, 3102.5);
    const set = clock.unixTime(0) * 1000;
    clock.add(20000.5, 115101.5, 20402.5);
    const kept = clock.error;
    clock.add(40000.5, 135101.5, 40402.5);
    return [set, kept, clock.error];
    """
    set_to, kept, expired = compute(page, server, "server_clock", script)
    assert set_to == pytest.approx(95000)
    assert kept == pytest.approx(1.1)
    assert expired > 100, "the answer of more than 30 s ago counts no more"


def test_the_way_is_open_for_the_round_trip_and_a_tenth_of_a_second(page: Page, server: VideoServer) -> None:
    script = """
    const way = new part.Way();
    way.note(40);
    way.start(0, 5000);
    at += 139; const open = way.isOpen;
    at += 2; const shut = way.isOpen;
    const trip = way.acknowledge(0, 91);
    const again = way.isOpen;
    for (let number = 1; number < 16; ++number) way.start(number, 5000);
    const fifteen = way.isOpen;
    way.start(16, 5000);
    const sixteen = way.isOpen;
    way.acknowledge(16, 0);
    return [open, shut, trip, again, fifteen, sixteen, way.acknowledge(3, 0)];
    """
    found = compute(page, server, "way", script)
    assert found == [True, False, 50, True, True, False, None]


# Checks the bitrate after five frames that took `delay` ms longer than the shortest round trip, and `held`
# skipped frames.
LOOKS = """
const {Way} = await import('/camera/way.js');
const way = new Way(), rate = new part.Bitrate(1280, 720, 30, null);
let number = 0;
const look = (delay, held) => {
  way.note(20);
  for (let frame = 0; frame < 5; ++frame) {
    way.start(number, 10000);
    at += 20 + delay;
    rate.trip(way.acknowledge(number++, 0));
  }
  for (let frame = 0; frame < held; ++frame) rate.hold();
  at += Math.max(0, 500 - 5 * (20 + delay));
  return rate.look(way);
};
const first = rate.value;
"""


def test_the_bitrate_rises_to_what_the_link_shows_and_has_a_limit(page: Page, server: VideoServer) -> None:
    script = LOOKS + "for (let count = 0; count < 30; ++count) look(4, 0); return [first, rate.value]"
    first, last = compute(page, server, "bitrate", script)
    assert first == 800_000
    assert last == pytest.approx(1280 * 720 * 30 * 0.09)


def test_the_bitrate_falls_if_no_frame_goes_fast_and_not_otherwise(page: Page, server: VideoServer) -> None:
    slow = LOOKS + "for (let count = 0; count < 30; ++count) look(150, 5); return [first, rate.value]"
    first, last = compute(page, server, "bitrate", slow)
    assert 150_000 <= last < first
    busy = (
        LOOKS
        + "for (let count = 0; count < 30; ++count) look(count % 2 ? 150 : 0, 5); return [first, rate.value]"
    )
    first, last = compute(page, server, "bitrate", busy)
    assert last >= first, "the machine is busy, not the link"


@pytest.mark.parametrize(
    ("frame", "wanted", "size"),
    [
        ((1280, 720), (1280, 720), (1280, 720)),
        ((720, 1280), (1280, 720), (720, 1280)),
        ((1920, 1080), (1280, 720), (1280, 720)),
        ((640, 480), (1280, 720), (640, 480)),
        ((1600, 1200), (1280, 720), (960, 720)),
        ((641, 481), (None, None), (640, 480)),
        ((3840, 2160), (None, None), (1920, 1080)),
        ((2160, 3840), (None, None), (1080, 1920)),
    ],
)
def test_images_fit_what_the_source_asks_for(
    page: Page, server: VideoServer, frame: tuple[int, int], wanted: tuple[int, int], size: tuple[int, int]
) -> None:
    page.load(server.page("", name="sizes"))
    found = page.wait_for(
        "const {sizeOf} = await import('/camera/encoders.js');"
        "const [frame, wanted] = arguments;"
        "const {width, height} = sizeOf({displayWidth: frame[0], displayHeight: frame[1]},"
        " {width: wanted[0], height: wanted[1]});"
        "return [width, height]",
        frame,
        wanted,
    )
    assert tuple(found) == size
