"""RTSP against a server that logs when it sent each image: every image arrives, and ages are true.

No duration is limited: times are compared with the frame interval, which is long.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import statistics
import time

import pytest
from rigs.live.truth.log import Sent
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import Seen, Watch, matched
from rigs.live.truth.rtsp.guard import Guard, Scheme
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import until

import freshframe as ff

# A busy machine skips images that arrive too late.
pytestmark = pytest.mark.repeats

SHAPES = {
    "h264": Shape("h264"),
    "h264-slices": Shape("h264", slices=4),
    "h264-b": Shape("h264", b_frames=2),
    "h265": Shape("h265"),
    "h265-slices": Shape("h265", slices=4),
    "h265-b": Shape("h265", b_frames=2),
}
QUICK, SLOW = 40.0, 5.0  # frames per second
HONEST = 0.25  # fraction of the frame interval


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264-b", "h265-b"])
def test_pictures_whose_times_are_in_the_order_of_decoding_are_all_there_and_none_is_counted_as_lost(
    name: str,
) -> None:
    shown = film(SHAPES[name])
    with TruthServer(shown, fps=QUICK, lies=Lies(sent_stamps=True)) as server, Watch(server.url) as camera:
        seen = camera.read(90)
        assert camera.drops == {}
    found = numbers(seen)
    assert found == [(found[0] + place) % len(shown.pictures) for place in range(90)]  # type: ignore[operator]
    assert [one.seq for one in seen] == list(range(90))


def numbers(seen: list[Seen]) -> list[int | None]:
    return [one.number for one in seen]


def check_whole(camera: Watch, count: int) -> None:
    """Checks that every image arrives undamaged and in order.

    A machine that is busy for a second may skip to a newer keyframe, which is counted.
    """
    found = [number for number in numbers(camera.read(count)) if number is not None]
    assert len(found) == count, "a picture is torn"
    stats = camera.stats
    assert not stats.reconnects, f"the camera was opened again, and its film begins at 0: {stats}, {found}"
    assert found == sorted(set(found)), f"pictures repeat or go back: {stats}, {found}"
    skipped = found[-1] + 1 - count
    lost = camera.pipeline.stats().nodes["camera"].drops
    assert skipped <= sum(lost.values()), f"{skipped} pictures are missing, {lost} are counted"


def check_honesty(pairs: list[tuple[Seen, Sent]], fps: float) -> None:
    """Checks that `captured` is between the true capture time and the sending of the first packet, up to a
    fraction of the interval. Three quarters of the images are enough, because a busy machine may delay
    some.
    """
    hidden = statistics.quantiles([(seen.captured - sent.first) * fps for seen, sent in pairs], n=4)[2]
    added = statistics.quantiles([(sent.due - seen.captured) * fps for seen, sent in pairs], n=4)[2]
    assert hidden <= HONEST, f"the age hides {hidden:.2f} frame intervals"
    assert added <= HONEST, f"the age is {added:.2f} frame intervals too high"


@pytest.mark.slow
@pytest.mark.table
def test_every_picture_comes_once_whole_and_in_order(shape: Shape, transport: dict[str, str]) -> None:
    with TruthServer(film(shape), fps=QUICK) as server, Watch(server.url, options=transport) as camera:
        seen = camera.read(30)
        stats = camera.stats
    assert numbers(seen) == list(range(30))
    assert (stats.outages, stats.size_changes, stats.last_error) == (0, 0, None)


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.repeats
def test_the_age_is_true(shape: Shape, transport: dict[str, str]) -> None:
    with TruthServer(film(shape), fps=SLOW) as server:
        with Watch(server.url, options=transport) as camera:
            seen = camera.read(9)
        check_honesty(matched(seen, server.log), SLOW)


@pytest.mark.slow
@pytest.mark.repeats
def test_a_picture_is_there_before_the_next_one_is_sent(transport: dict[str, str]) -> None:
    with TruthServer(film(SHAPES["h264-slices"]), fps=SLOW) as server:
        with Watch(server.url, options=transport) as camera:
            seen = camera.read(12)
        pairs = matched(seen, server.log)
    late = statistics.median((seen.now - sent.last) * SLOW for seen, sent in pairs)
    assert late <= HONEST


@pytest.mark.slow
@pytest.mark.repeats
def test_the_time_that_a_picture_takes_on_a_narrow_line_belongs_to_its_age(transport: dict[str, str]) -> None:
    with TruthServer(film(SHAPES["h264"]), fps=SLOW, network=Network(spread=0.6)) as server:
        with Watch(server.url, options=transport) as camera:
            seen = camera.read(9)
        pairs = matched(seen, server.log)
    check_honesty(pairs, SLOW)
    age = statistics.median((seen.now - seen.captured) * SLOW for seen, _ in pairs)
    assert age >= 0.6 - HONEST


@pytest.mark.slow
@pytest.mark.repeats
def test_the_age_tells_of_a_network_that_stood_still() -> None:
    fps = 10.0
    with TruthServer(film(SHAPES["h264"]), fps=fps) as server, Watch(server.url) as camera:
        camera.read(8)
        server.pause()
        time.sleep(1.0)  # ten images become due
        server.resume()
        seen = camera.read(10)
    pairs = matched(seen, server.log)
    stood = [(one, sent) for one, sent in pairs if (sent.first - sent.due) * fps >= 2]
    assert stood
    hidden = statistics.median((one.captured - sent.due) * fps for one, sent in stood)
    assert hidden <= HONEST, f"the age hides {hidden:.2f} frame intervals"


MARKER_LIES = {
    "a_marker_on_every_unit": Lies(markers="every_unit"),
    "no_marker": Lies(markers="none"),
    "markers_on_parameter_sets": Lies(markers="parameter_sets"),
    "parameter_sets_with_the_time_before": Lies(old_stamps=True),
}


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("lies", MARKER_LIES.values(), ids=MARKER_LIES)
@pytest.mark.parametrize("name", ["h264", "h264-slices", "h265-slices"])
def test_pictures_are_whole_whatever_the_markers_say(
    name: str, lies: Lies, transport: dict[str, str]
) -> None:
    with (
        TruthServer(film(SHAPES[name]), fps=QUICK, lies=lies) as server,
        Watch(server.url, options=transport) as camera,
    ):
        check_whole(camera, 30)


@pytest.mark.slow
@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    "lies",
    [
        pytest.param(Lies(channels=(4, 5)), id="other_channels"),
        pytest.param(Lies(names_channels=False), id="unnamed_channels"),
        pytest.param(Lies(empty_line_each=50), id="empty_lines"),
        pytest.param(Lies(garbage_each=40), id="garbage"),
        pytest.param(Lies(early=5), id="media_before_the_answer"),
    ],
)
def test_a_connection_with_oddities_is_read_all_the_same(lies: Lies) -> None:
    with (
        TruthServer(film(SHAPES["h264-slices"]), fps=QUICK, lies=lies) as server,
        Watch(server.url) as camera,
    ):
        check_whole(camera, 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264-slices", "h265-slices"])
def test_parameter_sets_between_the_slices_of_a_picture_do_not_end_it(name: str) -> None:
    shown = film(SHAPES[name]).with_sets_between_slices()
    with TruthServer(shown, fps=QUICK) as server, Watch(server.url) as camera:
        check_whole(camera, 30)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("in_stream", [True, False], ids=["in_the_stream", "described"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_parameter_sets_come_in_one_place_only(codec: str, in_stream: bool) -> None:
    shown = film(SHAPES[codec]) if in_stream else film(SHAPES[codec]).without_sets()
    manners = Manners(describes_sets=not in_stream)
    with TruthServer(shown, fps=QUICK, manners=manners) as server, Watch(server.url) as camera:
        check_whole(camera, 15)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_wrong_parameter_sets_in_the_description_do_no_harm(codec: str) -> None:
    manners = Manners(wrong_sets=True)
    with (
        TruthServer(film(SHAPES[codec]), fps=QUICK, manners=manners) as server,
        Watch(server.url, options={"rtsp": "own"}) as camera,
    ):
        check_whole(camera, 15)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_stream_that_is_joined_midway_begins_at_its_next_key_picture(codec: str) -> None:
    shape = SHAPES[codec]
    with TruthServer(film(shape), fps=QUICK, skip=5) as server, Watch(server.url) as camera:
        seen = camera.read(10)
    assert numbers(seen) == [shape.key_interval + place for place in range(10)]


PASSWORD, ESCAPED = "s3cret:/@", "s3cret%3A%2F%40"


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(Guard("viewer", PASSWORD), id="Basic"),
        pytest.param(Guard("viewer", PASSWORD, ("MD5",)), id="MD5"),
        pytest.param(Guard("viewer", PASSWORD, ("MD5",), qop=False), id="MD5-without-qop"),
        pytest.param(Guard("viewer", PASSWORD, ("MD5",), stale_after=2), id="MD5-stale"),
        pytest.param(Guard("viewer", PASSWORD, ("MD5", "Basic")), id="MD5-Basic"),
        pytest.param(Guard("viewer", PASSWORD, ("SHA-256", "MD5")), id="SHA-256-MD5"),
        pytest.param(Guard("viewer", PASSWORD, ("SHA-256",)), id="SHA-256"),
        pytest.param(Guard("viewer", PASSWORD, ("SHA-256",), stale_after=2), id="SHA-256-stale"),
    ],
)
def test_credentials_open_what_asks_for_them(guard: Guard) -> None:
    with TruthServer(film(SHAPES["h264"]), fps=QUICK, manners=Manners(guard=guard)) as server:
        with Watch(server.url_of("live", user=f"viewer:{ESCAPED}"), reconnect=False) as camera:
            assert numbers(camera.read(3)) == [0, 1, 2]
        assert server.refused == 0


@pytest.mark.parametrize("schemes", [("Basic",), ("MD5",)], ids="+".join)
def test_wrong_credentials_are_tried_at_most_twice(schemes: tuple[Scheme, ...]) -> None:
    guard = Guard("viewer", PASSWORD, schemes)
    with TruthServer(film(SHAPES["h264"]), manners=Manners(guard=guard)) as server:
        camera = Watch(server.url_of("live", user="viewer:wrong"), reconnect=False)
        with pytest.raises(ff.SourceError, match="401"):
            camera.pipeline.start()
    assert 1 <= server.refused <= 2


@pytest.mark.parametrize(
    ("manners", "wanted"), [(Manners(tcp=False), {}), (Manners(udp=False), {"rtsp_transport": "tcp"})]
)
def test_the_transport_that_is_left_is_taken(manners: Manners, wanted: dict[str, str]) -> None:
    with (
        TruthServer(film(SHAPES["h264"]), fps=QUICK, manners=manners) as server,
        Watch(server.url, options=wanted) as camera,
    ):
        assert numbers(camera.read(5)) == list(range(5))


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("verb", ["GET_PARAMETER", "OPTIONS"])
def test_a_session_with_a_short_time_limit_is_kept_alive(verb: str, transport: dict[str, str]) -> None:
    methods = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN")
    manners = Manners(timeout=2, methods=tuple(dict.fromkeys((*methods, verb))))
    with (
        TruthServer(film(SHAPES["h264"]), fps=SLOW, manners=manners) as server,
        Watch(server.url, options=transport) as camera,
    ):
        seen = camera.read(25)  # five seconds
        stats = camera.stats
        asked = list(server.asked)
    assert numbers(seen) == list(range(25))
    assert stats.outages == 0
    assert verb in asked[asked.index("PLAY") :]


def test_a_redirection_is_followed() -> None:
    with TruthServer(film(SHAPES["h264"]), fps=QUICK) as other:
        away = Manners(location=other.url)
        with TruthServer(film(SHAPES["h264"]), manners=away) as server, Watch(server.url) as camera:
            assert numbers(camera.read(5)) == list(range(5))
        assert "PLAY" not in server.asked
        assert "PLAY" in other.asked


@pytest.mark.slow
def test_after_an_end_of_the_connection_the_pictures_begin_anew(transport: dict[str, str]) -> None:
    with (
        TruthServer(film(SHAPES["h264"]), fps=QUICK, network=Network(close_after=10)) as server,
        Watch(server.url, options=transport) as camera,
    ):
        seen = camera.read(10)
        until(lambda: camera.stats.outages == 1, "the outage")
        server.network = Network()
        seen += camera.read(10)
        stats = camera.stats
    assert numbers(seen) == [*range(10), *range(10)]
    assert (stats.outages, stats.reconnects) == (1, 1)


@pytest.mark.slow
def test_packets_that_change_places_are_put_in_order() -> None:
    with (
        TruthServer(film(SHAPES["h264"]), fps=QUICK, network=Network(swap_each=3)) as server,
        Watch(server.url, options={"rtsp_transport": "udp"}) as camera,
    ):
        seen = camera.read(30)
    assert numbers(seen) == list(range(30))
