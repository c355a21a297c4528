"""Loss over RTSP: every damaged image is marked, and every lost one is counted and leaves its number free.

The truth server omits packets; the numbers in the pixels show which images are damaged.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.judge import judged, lost_between
from rigs.live.truth.reading.watch import Watch
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import until

import freshframe as ff

FPS = 60.0
WIDE = ff.Queue(256, "drop_oldest")
SHAPES = {
    "h264": Shape("h264"),
    "h264-slices": Shape("h264", slices=4),
    "h264-b": Shape("h264", b_frames=2),
    "h264-small": Shape("h264", bit_rate=300_000),  # many images of a single packet
    "h265": Shape("h265"),
}
LOSSY = Network(lose=0.03, lose_after=8)
BAD = Network(lose=0.03, lose_after=8, swap_each=3)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


def network_for(transport: dict[str, str]) -> Network:
    """Returns the network: packets are reordered over UDP only."""
    return BAD if transport["rtsp_transport"] == "udp" else LOSSY


@pytest.mark.slow
@pytest.mark.table
def test_no_torn_picture_is_without_its_mark(shape: Shape, transport: dict[str, str]) -> None:
    shown = film(shape)
    with (
        TruthServer(shown, fps=FPS, network=network_for(transport)) as server,
        Watch(server.url, queue=WIDE, options=transport) as camera,
    ):
        seen = camera.read(200)
        stats = camera.stats
        sent = server.log.all()
        found = judged(seen, sent, shown, FPS)
    # A busy machine loses datagrams itself, and sends reordered ones farther apart than the client waits.
    more_lost = stats.packets_late > 0 or stats.packets_lost > lost_between(sent, 0, sent[-1].place)
    assert found.torn > 0
    assert found.unmarked == 0
    assert found.far_marks == 0 or more_lost
    assert stats.damaged >= sum(one.damaged for one in seen) > 0
    assert stats.state == "reading"


@pytest.mark.slow
@pytest.mark.table
def test_hold_shows_no_torn_picture(shape: Shape, transport: dict[str, str]) -> None:
    shown = film(shape)
    with (
        TruthServer(shown, fps=FPS, network=network_for(transport)) as server,
        Watch(server.url, queue=WIDE, options=transport, damaged="hold") as camera,
    ):
        seen = camera.read(60)
        stats, drops = camera.stats, camera.drops
        found = judged(seen, server.log.all(), shown, FPS)
    assert found.torn == 0
    assert not any(one.damaged for one in seen)
    assert stats.damaged == 0
    assert drops["lost"] > 0


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("damaged", ["mark", "hold"])
@pytest.mark.parametrize("name", ["h264", "h264-small", "h265"])
def test_every_picture_that_never_came_has_its_number_and_is_counted(
    name: str, damaged: Any, transport: dict[str, str]
) -> None:
    shown = film(SHAPES[name])
    with (
        TruthServer(shown, fps=FPS, network=network_for(transport)) as server,
        Watch(server.url, queue=WIDE, options=transport, damaged=damaged) as camera,
    ):
        seen = camera.read(120)
        server.network = Network()
        lossy = server.log.all()[-1].place + 1  # the reader may be behind
        while seen[-1].seq <= lossy + SHAPES[name].key_interval:
            seen += camera.read(1)
        sent = server.log.all()
        stats, drops = camera.stats, camera.drops
        found = judged(seen, sent, shown, FPS)
    assert found.misnumbered == 0
    assert sum(drops.values()) == found.sent - found.shown
    assert drops.get("lost", 0) >= found.vanished
    assert stats.packets_lost == lost_between(sent, 0, sent[-1].place)
    if name == "h264-small":
        assert found.vanished > 0


@pytest.mark.slow
def test_hold_waits_visibly_for_a_picture_that_can_be_decoded_whole() -> None:
    shown = film(Shape("h264", key_interval=120))
    with (
        TruthServer(shown, fps=FPS) as server,
        Watch(server.url, queue=WIDE, damaged="hold") as camera,
    ):
        camera.read(10)
        assert camera.stats.state == "reading"
        server.network = Network(lose=0.2)
        until(lambda: camera.stats.state == "waiting_keyframe", "the state that waits")
        server.network = Network()
        seen = camera.read(130)
        assert camera.stats.state == "reading"
        assert camera.stats.outages == 0
    assert any(one.number == 0 for one in seen[1:])
    assert not any(one.damaged for one in seen)


@pytest.mark.slow
def test_a_cut_picture_to_which_no_other_refers_is_left_out_and_damages_no_other() -> None:
    shown = film(Shape("h264", b_frames=2, key_interval=120))
    disposable = {
        one.number
        for one in shown.pictures
        if not any(unit[0] & 0x60 for unit in one.units if unit[0] & 31 == 1)
    } - {0}
    assert len(disposable) > 20

    class OneEach(Network):
        """Sometimes loses the last packet of an image that is not a reference."""

        def arriving(self, packets: list[bytes], picture: int, count: int) -> list[bytes]:
            torn = picture > 10 and picture % 7 == 0 and len(packets) > 1
            if torn and packets[0][12] & 0x60 == 0:
                return packets[:-1]
            return packets

    with (
        TruthServer(shown, fps=FPS, network=OneEach()) as server,
        Watch(server.url, queue=WIDE) as camera,
    ):
        seen = camera.read(110)
        lost = camera.drops
    assert not any(one.damaged for one in seen)
    assert all(one.number is not None for one in seen)
    assert lost["decode"] >= seen[-1].seq - seen[0].seq + 1 - len(seen) > 0


@pytest.mark.table
def test_without_loss_nothing_is_marked(shape: Shape, transport: dict[str, str]) -> None:
    with TruthServer(film(shape), fps=FPS) as server, Watch(server.url, options=transport) as camera:
        seen = camera.read(40)
        assert camera.drops == {}
    assert not any(one.damaged for one in seen)
    assert [one.seq for one in seen] == list(range(40))


@pytest.mark.slow
def test_a_server_that_takes_it_is_told_once_a_second_that_pictures_are_lost(
    transport: dict[str, str],
) -> None:
    manners = Manners(takes_pli=True)
    shown = film(Shape("h264", key_interval=120))
    with (
        TruthServer(shown, fps=FPS, manners=manners) as server,
        Watch(server.url, queue=WIDE, options=transport) as camera,
    ):
        camera.read(10)
        before = server.picture_losses
        server.network = Network(lose=0.2)
        seen = camera.read(20)
        server.network = Network()
        seen += camera.read(60)
        until(lambda: server.picture_losses > before, "the report")
        assert server.picture_losses - before <= 1 + (seen[-1].now - seen[0].now)


@pytest.mark.slow
def test_a_server_that_does_not_ask_for_it_is_told_nothing() -> None:
    with (
        TruthServer(film(SHAPES["h264"]), fps=FPS, network=LOSSY) as server,
        Watch(server.url, queue=WIDE, options={"rtsp_transport": "udp"}) as camera,
    ):
        camera.read(60)
        assert camera.stats.damaged > 0
    assert server.picture_losses == 0


class Torn(Network):
    """Ends in the middle of the last image."""

    def arriving(self, packets: list[bytes], picture: int, count: int) -> list[bytes]:
        """Returns the packets that arrive: of the last image, all except the last."""
        return packets[:-1] if picture + 1 == self.close_after else packets


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "decode", "counted"),
    [
        # The images after the keyframes 0, 12 and 24 are not decoded.
        (Network(close_after=29), "keyframes", {"not_decoded": 26}),
        (Torn(close_after=29), "keyframes", {"not_decoded": 25, "lost": 1}),
        (Torn(close_after=29), "all", {"lost": 1}),
    ],
    ids=["asleep", "asleep-torn", "torn"],
)
def test_each_picture_of_a_connection_that_is_lost_is_counted(
    network: Network, decode: Literal["all", "keyframes"], counted: dict[str, int]
) -> None:
    with (
        TruthServer(film(SHAPES["h264"]), fps=FPS, network=network) as server,
        Watch(server.url, queue=WIDE, decode=decode) as camera,
    ):
        read = network.close_after - sum(counted.values()) if network.close_after else 0
        camera.read(read)
        until(lambda: camera.stats.outages == 1, "the outage")
        found = {cause: count for cause, count in camera.drops.items() if count}
        server.network = Network()
        again = camera.read(1)
    assert found == counted
    assert again[0].seq == network.close_after


def ends(camera: Watch, count: int) -> Iterator[str]:
    for _ in range(count):
        camera.read(1)
        yield str(camera.source.info.ends_by)


@pytest.mark.slow
def test_the_markers_are_believed_after_three_pictures_and_after_a_reconnect() -> None:
    with (
        TruthServer(film(SHAPES["h264"]), fps=20.0, network=Network(close_after=12)) as server,
        Watch(server.url) as camera,
    ):
        first = list(ends(camera, 12))
        until(lambda: camera.stats.outages == 1, "the outage")
        server.network = Network()
        again = list(ends(camera, 5))
        assert camera.stats.marker_faults == 0
    assert first[0] == "timestamp"
    assert first[-1] == "marker"
    assert set(again) == {"marker"}


@pytest.mark.slow
def test_markers_that_turn_out_to_be_false_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "freshframe")
    with (
        TruthServer(film(SHAPES["h264-slices"]), fps=FPS) as server,
        Watch(server.url, queue=WIDE) as camera,
    ):
        camera.read(10)
        assert list(ends(camera, 1)) == ["marker"]
        server.lies = Lies(markers="every_unit")
        seen = camera.read(60)
        stats = camera.stats
        assert camera.source.info.ends_by == "timestamp"
    assert stats.marker_faults == 1
    assert "do not end a frame" in caplog.text
    assert all(one.number is not None for one in seen[30:])


def test_damaged_takes_two_words() -> None:
    with pytest.raises(ff.OptionError, match='damaged must be "mark" or "hold", got "show"'):
        ff.open("rtsp://host/a", damaged="show")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="damaged"):
        ff.open("rtsp://host/a", damaged=True)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_mark_is_seen_by_nodes_and_in_worker_processes() -> None:
    with TruthServer(film(SHAPES["h264"]), fps=FPS, network=LOSSY) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url), name="camera")
        marks = pipeline.add(mark_of, camera, queue=WIDE)
        apart = pipeline.add(mark_of, camera, queue=WIDE, process=True)
        drawn = pipeline.add(inverted, camera, queue=WIDE)
        readers = [pipeline.reader(port, queue=WIDE) for port in (camera, marks, apart)]
        pictures = pipeline.reader(drawn, queue=WIDE)
        with pipeline:
            found: list[dict[int, bool]] = []
            for reader in readers:
                samples = [reader.get(timeout=100) for _ in range(80)]
                found.append({one.seq: bool(mark_in(one)) for one in samples})
                assert all(one.damaged == mark_in(one) for one in samples)
            inverse = [pictures.get(timeout=100) for _ in range(80)]
            assert all(one.value.damaged == one.damaged for one in inverse)
            found.append({one.seq: one.damaged for one in inverse})
    for others in found[1:]:
        common = found[0].keys() & others.keys()
        assert len(common) > 20
        assert all(found[0][seq] == others[seq] for seq in common)
    assert any(found[0].values())
    assert not all(found[0].values())


def mark_of(frame: ff.Frame) -> bool:
    return frame.damaged


def inverted(frame: ff.Frame) -> ff.Frame:
    return ff.Frame.from_array(255 - frame.luma, "gray")


def mark_in(sample: ff.Sample[Any]) -> bool:
    value = sample.value
    return value.damaged if isinstance(value, ff.Frame) else bool(value)
