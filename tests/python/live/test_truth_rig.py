"""The truth server itself, without freshframe.

The log lists the packets that it sends, and its false metadata is what the test asked for.
"""

# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import io
import itertools
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pace import Due
from rigs.live.truth.pictures.encode import Shape, av, film, luma
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.pictures.units import FU, FU_A, Codec, Piece, is_slice, kind, pieces
from rigs.live.truth.process import TruthProcess, saved
from rigs.live.truth.reading.watch import find_number
from rigs.live.truth.rtsp.guard import Guard, digest
from rigs.live.truth.rtsp.lies import Lies, Markers
from rigs.live.truth.rtsp.rtp import MARKER, PAYLOAD_TYPE
from rigs.live.truth.rtsp.server import TruthServer
from rigs.live.truth.streams.ts import TsStream, crc
from support import WATCHDOG, until

SHAPES: dict[Codec, Shape] = {"h264": Shape("h264"), "h265": Shape("h265", slices=4)}
QUICK = 50.0  # pictures per second


@dataclass(frozen=True)
class Packet:
    """An RTP packet as it arrived."""

    channel: int
    marker: bool
    sequence: int
    stamp: int
    payload: bytes
    answered: bool  # whether the response to PLAY arrived before it


def ask(connection: socket.socket, verb: str, url: str, lines: str = "") -> None:
    connection.sendall(f"{verb} {url} RTSP/1.0\r\nCSeq: 1\r\n{lines}\r\n".encode())


def answer(connection: socket.socket) -> str:
    """Reads the header and the body of a response that is not followed by other data."""
    text = ""
    while "\r\n\r\n" not in text or len(text.partition("\r\n\r\n")[2]) < length_of(text):
        text += connection.recv(1 << 16).decode()
    return text


def length_of(text: str) -> int:
    found = re.search(r"Content-Length: (\d+)", text)
    return int(found[1]) if found else 0


def played(url: str) -> bytes:
    """Returns everything that arrives from PLAY to the end of the connection."""
    place = re.match(r"rtsp://([\d.]+):(\d+)/", url)
    assert place
    with socket.create_connection((place[1], int(place[2])), timeout=WATCHDOG) as connection:
        ask(connection, "DESCRIBE", url)
        assert "m=video" in answer(connection)
        ask(connection, "SETUP", f"{url}/video", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
        session = re.search(r"Session: (\w+)", answer(connection))
        assert session
        ask(connection, "PLAY", url, f"Session: {session[1]}\r\n")
        data = b""
        while more := connection.recv(1 << 16):
            data += more
    return data


def taken_apart(data: bytes) -> tuple[list[Packet], bytes]:
    """Splits data into RTP packets, and bytes that are neither packets nor responses."""
    packets, other, at, answered = [], b"", 0, False
    while at < len(data):
        if data.startswith(b"RTSP/1.0", at):
            at, answered = data.index(b"\r\n\r\n", at) + 4, True
        elif data[at : at + 1] == b"$":
            end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
            first, second, sequence, stamp = struct.unpack_from(">BBHI", data, at + 4)
            if second & 0x7F == PAYLOAD_TYPE:
                assert first == 0x80
                marker = bool(second & MARKER)
                packets.append(Packet(data[at + 1], marker, sequence, stamp, data[at + 16 : end], answered))
            at = end
        else:
            other += data[at : at + 1]
            at += 1
    return packets, other


def sent_by(
    codec: Codec = "h264", *, lies: Lies | None = None, lose: float = 0.0, count: int = 30
) -> tuple[Film, list[Packet], bytes, list[Sent]]:
    """Returns the film, the packets of a number of images, and the server's log."""
    shown = film(SHAPES[codec])
    network = Network(close_after=count, lose=lose)
    with TruthServer(shown, fps=QUICK, lies=lies, network=network) as server:
        packets, other = taken_apart(played(server.url))
        return shown, packets, other, server.log.all()


def joined(packets: list[Packet], codec: Codec) -> list[bytes]:
    """Reassembles the units from the packets, as in RFC 6184 and RFC 7798."""
    units: list[bytes] = []
    whole = True
    header = 2 if codec == "h265" else 1
    for packet in packets:
        data = packet.payload
        if kind(data, codec) != (FU if codec == "h265" else FU_A):
            units.append(data)
            continue
        flags = data[header]
        assert bool(flags & 0x80) is whole
        if whole:
            if codec == "h265":
                units.append(bytes((data[0] & 0x81 | (flags & 0x3F) << 1, data[1])))
            else:
                units.append(bytes((data[0] & 0xE0 | flags & 0x1F,)))
        units[-1] += data[header + 1 :]
        whole = bool(flags & 0x40)
    assert whole
    return units


@pytest.mark.parametrize("size", [(320, 180), (322, 242), (1280, 720)])
def test_a_number_is_read_from_the_pixels(size: tuple[int, int]) -> None:
    for number in (0, 1, 255, 65_535, 1_048_575):
        assert find_number(luma(number, size)) == number


def test_a_torn_picture_has_no_number() -> None:
    size = (320, 180)
    whole, other = luma(7, size), luma(8, size)
    for row in range(12, 170, 12):
        assert find_number(np.vstack((whole[:row], other[row:]))) is None
    for level in (0, 128, 255):
        assert find_number(np.full((180, 320), level, np.uint8)) is None


@pytest.mark.slow
@pytest.mark.parametrize("codec", SHAPES)
def test_packets_put_together_are_the_film(codec: Codec) -> None:
    shown, packets, other, sent = sent_by(codec)
    assert other == b""
    assert joined(packets, codec) == [unit for one in shown.pictures[:30] for unit in one.units]
    assert [one.number for one in sent] == list(range(30))
    assert sum(one.packets for one in sent) == len(packets)
    assert (
        max(len(packet.payload) for packet in packets) <= 1400 < max(len(u) for u in shown.pictures[0].units)
    )
    steps = {(b.sequence - a.sequence) % (1 << 16) for a, b in itertools.pairwise(packets)}
    assert steps == {1}
    assert packets[-1].sequence < packets[0].sequence  # they wrapped


@pytest.mark.parametrize("codec", SHAPES)
def test_the_marker_is_on_the_last_packet_of_each_picture(codec: Codec) -> None:
    _, packets, _, sent = sent_by(codec)
    ends = [a.stamp != b.stamp for a, b in itertools.pairwise(packets)] + [True]
    assert [packet.marker for packet in packets] == ends
    assert sum(ends) == len(sent)


def test_b_frames_are_sent_in_decoding_order_with_their_own_times() -> None:
    shown = film(Shape("h264", b_frames=2))
    with TruthServer(shown, fps=QUICK, network=Network(close_after=12)) as server:
        packets, _ = taken_apart(played(server.url))
        sent = server.log.all()
    stamps = [stamp for stamp, _ in itertools.groupby(packet.stamp for packet in packets)]
    places = [round((stamp - stamps[0]) % (1 << 32) * QUICK / 90000) for stamp in stamps]
    assert places == [one.number for one in sent] == [picture.number for picture in shown.pictures[:12]]
    assert places != sorted(places)
    assert all(one.due <= one.first for one in sent)  # the camera captured it before it was sent


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("markers", "is_marked"),
    [
        ("every_unit", lambda piece, _last: piece.ends_unit),
        ("none", lambda _piece, _last: False),
        ("parameter_sets", lambda piece, last: last or not piece.of_slice),
    ],
)
def test_markers_lie_in_the_way_of_the_test(
    markers: Markers, is_marked: Callable[[Piece, bool], bool]
) -> None:
    shown, packets, _, _ = sent_by(lies=Lies(markers=markers))
    wanted = []
    for picture in shown.pictures[:30]:
        made = [piece for unit in picture.units for piece in pieces(unit, "h264")]
        wanted += [is_marked(piece, piece is made[-1]) for piece in made]
    assert [packet.marker for packet in packets] == wanted


def test_parameter_sets_carry_the_time_of_the_picture_before() -> None:
    _, packets, _, sent = sent_by(lies=Lies(old_stamps=True))
    slices = [p.stamp for p in packets if kind(p.payload, "h264") == FU_A or is_slice(p.payload, "h264")]
    times = list(dict.fromkeys(slices))
    assert len(times) == len(sent)
    second = next(p for p in packets[5:] if kind(p.payload, "h264") == 7)  # before keyframe 12
    assert second.stamp == times[11]


def test_a_connection_has_the_oddities_of_the_test() -> None:
    _, packets, other, _ = sent_by(lies=Lies(channels=(4, 5), empty_line_each=10, garbage_each=20))
    assert {packet.channel for packet in packets} == {4}
    assert other.count(b"\r\n") == len(other.split(b"\r\n")) - 1 > 10
    assert len(other) > 5 * 30


@pytest.mark.parametrize("early", [0, 3])
def test_media_come_before_the_answer_where_the_test_wants_it(early: int) -> None:
    _, packets, _, _ = sent_by(lies=Lies(early=early))
    before = {packet.stamp for packet in packets if not packet.answered}
    assert len(before) >= early if early else not before


@pytest.mark.slow
def test_lost_packets_are_noted_and_leave_their_gap() -> None:
    _, packets, _, sent = sent_by(lose=0.05, count=60)
    gaps = [(b.sequence - a.sequence) % (1 << 16) - 1 for a, b in itertools.pairwise(packets)]
    lost = sum(one.lost for one in sent)
    assert lost > 0
    edges = sum(one.packets for one in sent) - lost - len(packets)
    assert edges == 0
    assert 0 <= lost - sum(gaps) <= 5  # losses at either end do not leave a gap


def test_swapped_packets_only_change_places() -> None:
    packets = [bytes([number]) for number in range(20)]
    arriving = Network(swap_each=4).arriving(packets, 0, 0)
    assert arriving != packets
    assert sorted(arriving) == packets
    assert all(abs(place - packet[0]) <= 1 for place, packet in enumerate(arriving))


def test_times_are_noted_around_the_packets() -> None:
    network = Network(close_after=6, spread=0.5)
    with TruthServer(film(SHAPES["h264"]), fps=10, network=network) as server:
        before = time.monotonic()
        played(server.url)
        after = time.monotonic()
        sent = server.log.all()
    assert all(before <= one.due <= one.first <= one.last <= after for one in sent)
    assert all(one.last - one.first >= 0.04 for one in sent)
    steps = [b.due - a.due for a, b in itertools.pairwise(sent)]
    assert steps == pytest.approx([0.1] * 5)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "left_out"])
def test_what_comes_due_in_a_pause_is_sent_afterwards_or_never(keep: bool) -> None:
    with TruthServer(film(SHAPES["h264"]), fps=QUICK, network=Network(close_after=40)) as server:
        reader = threading.Thread(target=played, args=(server.url,))
        reader.start()
        until(lambda: len(server.log.all()) >= 5, "five pictures")
        server.pause(keep=keep)
        time.sleep(0.5)  # 25 pictures come due
        server.resume()
        reader.join()
        sent = server.log.all()
    places = [one.place for one in sent]
    assert len(places) == 40
    assert (places == list(range(40))) is keep
    if keep:
        assert max(one.first - one.due for one in sent) * QUICK >= 20


def test_a_log_finds_the_newest_picture_that_was_sent_before() -> None:
    log = SentLog([Sent(0, 3, 3, 1.0, 1.0, 1.1, 1, 0), Sent(0, 3, 63, 9.0, 9.0, 9.1, 1, 0)])
    for before, place in ((1.05, 3), (8.0, 3), (9.0, 63)):
        found = log.find(3, before)
        assert found
        assert found.place == place
    assert log.find(3, 0.5) is None
    assert log.find(4, 10.0) is None


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digests_are_those_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1."""
    given = {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    assert digest("GET", "Circle of Life", algorithm, given) == response
    guard = Guard("Mufasa", "Circle of Life", ("MD5", "SHA-256"), realm=given["realm"])
    fields = ", ".join(f'{key}="{text}"' for key, text in (given | {"response": response}).items())
    line = f"Digest {fields}, algorithm={algorithm}"
    assert guard.judge("GET", line, given["nonce"]) == "right"
    assert guard.judge("GET", line, "another") == "stale"
    assert guard.judge("PUT", line, given["nonce"]) == "wrong"
    assert guard.judge("GET", line.replace("Mufasa", "Scar"), given["nonce"]) == "wrong"


@pytest.mark.parametrize("lengths", [False, True], ids=["", "lengths"])
@pytest.mark.parametrize("shape", [Shape("h264", b_frames=2), SHAPES["h265"]], ids=["h264-b", "h265"])
def test_another_library_reads_every_picture_of_a_transport_stream(shape: Shape, lengths: bool) -> None:
    shown = film(shape)
    stream = TsStream(shown, 25, lengths=lengths)
    dues = (Due(picture, slot, picture.number, 0.0) for slot, picture in enumerate(shown.pictures))
    data = b"".join(map(stream.packets, dues))
    with av.open(io.BytesIO(data), format="mpegts") as container:
        frames = list(container.decode(video=0))
    numbers = [find_number(frame.to_ndarray()[: frame.height, : frame.width]) for frame in frames]
    assert numbers == list(range(shape.count))
    assert {round(b.time - a.time, 3) for a, b in itertools.pairwise(frames)} == {0.04}
    assert [data[begin] for begin in range(0, len(data), 188)] == [0x47] * (len(data) // 188)


def test_tables_have_the_checksum_of_mpeg() -> None:
    assert crc(b"123456789") == 0x0376E6E7


def test_a_server_in_a_process_of_its_own_writes_the_same_log(tmp_path: Path) -> None:
    films = saved({"one": film(SHAPES["h264"])}, tmp_path)
    with TruthProcess(films, tmp_path / "log") as server:
        place = server.url_of("one", QUICK)
        port = place.split("/")[2].split(":")[1]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=WATCHDOG) as connection:
            ask(connection, "SETUP", place, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
            session = re.search(r"Session: (\w+)", answer(connection))
            assert session
            ask(connection, "PLAY", place, f"Session: {session[1]}\r\n")
            until(lambda: len(server.sent().all()) >= 10, "ten pictures")
        sent = server.sent().all()
    assert [one.number for one in sent[:10]] == list(range(10))
    assert all(one.due <= one.first <= one.last for one in sent)
