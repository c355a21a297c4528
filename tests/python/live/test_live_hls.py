"""HLS: the newest segment, the age of its frames, and a playlist whose encoder dies and returns."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from rigs.live.camera import PATIENT, Camera, clip
from rigs.live.packager import PER_SEGMENT, Packager, numbered, read_number
from rigs.live.servers import HttpServer
from support import WATCHDOG, until

import freshframe as ff


class Encoder(HttpServer):
    """Makes a segment when the test asks for one."""

    newest = 3

    def __init__(self, *arguments: Any) -> None:
        self.asked: list[str] = []
        super().__init__(*arguments)

    def _newest(self, seconds: float) -> int:
        return self.newest

    def _hls(self, connection: socket.socket, name: str) -> None:
        self.asked.append(name)
        super()._hls(connection, name)


def test_a_playlist_is_read_from_its_newest_segment_on() -> None:
    with Encoder(clip("mpegts")) as server, Camera(server.playlist) as camera:
        camera.read()
        segments = [name for name in server.asked if name.endswith(".ts")]
    assert segments[0] == f"{server.newest}.ts"


@pytest.mark.repeats
def test_the_frames_of_a_segment_are_as_old_as_its_arrival() -> None:
    with Encoder(clip("mpegts")) as server, Camera(server.playlist) as camera:
        samples = camera.read(server.SEGMENT // 2)
    took = samples[-1].pts - samples[0].pts
    assert took > 0.3
    # They arrived at the same time, but are delivered at their own frame rate.
    assert samples[-1].captured - samples[0].captured < 0.5 * took


@pytest.mark.slow
def test_the_last_segments_of_a_dead_encoder_are_not_new_and_end_no_outage() -> None:
    with Encoder(clip("mpegts")) as server, Camera(server.playlist, read_timeout=0.5) as camera:
        camera.read(10)
        until(lambda: camera.drops("repeated") >= 10, "the segment that is sent again")
        until(lambda: server.connections >= 12, "further attempts")
        stats = camera.stats
        assert (stats.outages, stats.reconnects) == (1, 0)
        assert stats.state != "reading"
        delivered = camera.pipeline.stats().nodes["camera"].processed
        assert delivered <= 4 * server.SEGMENT  # each frame once
        server.newest = 5
        camera.wait(lambda stats: stats.reconnects == 1, "the new segments")
        until(
            lambda: camera.pipeline.stats().nodes["camera"].processed > delivered + server.SEGMENT // 2,
            "the frames of the newest segment",
        )


class LongSegments(Encoder):
    """Two segments of five seconds, the second of which is listed when the test asks for it."""

    SEGMENT = 150
    newest = 0


def frames_of(
    server: HttpServer, count: int, **options: Any
) -> tuple[list[float], float, ff.stats.SourceStats]:
    """Returns the timestamps of the first frames of a playlist, how long they took, and the statistics."""
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open(server.playlist, **(PATIENT | options)), name="camera")
    reader = pipeline.reader(source, queue=ff.Queue(512))
    with pipeline:
        samples = [(reader.get(timeout=WATCHDOG), time.monotonic()) for _ in range(count)]
        stats = pipeline.stats().nodes["camera"].source
    assert stats is not None
    return [sample.pts for sample, _ in samples], samples[-1][1] - samples[0][1], stats


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("sound", ["", "aac"])
@pytest.mark.parametrize("pace", ["burst", "even"])
def test_the_last_frame_of_a_segment_does_not_wait_for_the_next_one(
    pace: Literal["burst", "even"], sound: str, codec: str
) -> None:
    film = numbered("mpegts", codec=codec, sound=sound)
    with Packager() as server:
        server.begin(film)
        server.add(film, 0, 1)
        pipeline = ff.Pipeline()
        source = pipeline.add(ff.open(server.url, pace=pace, **PATIENT), name="camera")
        reader = pipeline.reader(source, queue=ff.Queue(512))
        with pipeline:
            for segment in (1, 2, 3):  # each one is listed when the previous one has been read to its end
                seen = [read_number(reader.get(timeout=WATCHDOG).frame) for _ in range(PER_SEGMENT)]
                assert seen == [*range(segment * PER_SEGMENT, (segment + 1) * PER_SEGMENT)]
                server.add(film, segment + 1)


def test_packets_with_several_pictures_are_split() -> None:
    film = numbered("mpegts")
    with Packager() as server:
        server.begin(film)
        server.add(film, 0, 1, 2, 3)
        for name in list(server.files):
            server.files[name] = without_starts(server.files[name])
        server.is_over = True
        pipeline = ff.Pipeline()
        source = pipeline.add(ff.open(server.url, pace="burst", **PATIENT), name="camera")
        reader = pipeline.reader(source, queue=ff.Queue(512))
        with pipeline:
            seen = [read_number(sample.frame) for sample in reader]
    assert seen == [*range(4 * PER_SEGMENT)]


def without_starts(segment: bytes) -> bytes:
    """Returns the segment with two images in each PES packet."""
    pes_header, out, pictures = 9, bytearray(), 0
    for at in range(0, len(segment), 188):
        packet = bytearray(segment[at : at + 188])
        begin = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
        if packet[1] & 0x40 and packet[begin : begin + 4] == b"\0\0\1\xe0":
            pictures += 1
            if pictures % 2 == 0:
                header = pes_header + packet[begin + 8]
                # Stuffing in the adaptation field replaces the header.
                packet[1] &= ~0x40 & 0xFF
                length = packet[4] if packet[3] & 0x20 else -1
                stuffing = b"\xff" * header if length > 0 else b"\0" + b"\xff" * (header - 2)
                field = bytes([length + header]) + bytes(packet[5 : 5 + max(length, 0)]) + stuffing
                packet[4 : begin + header] = field
                packet[3] |= 0x20
                assert len(packet) == 188
        out += packet
    return bytes(out)


def test_a_burst_is_not_spread_out() -> None:
    for _ in range(5):  # the machine may be busy
        with LongSegments(clip("mpegts")) as server:
            pts, took, _ = frames_of(server, 140, pace="burst")
        assert pts == sorted(pts)
        if took < 0.5 * (pts[-1] - pts[0]):
            return
    raise AssertionError(f"{pts[-1] - pts[0]} s of video took {took} s")


@pytest.mark.slow
@pytest.mark.repeats
def test_the_silence_behind_a_burst_is_no_outage_while_its_segment_lasts() -> None:
    with LongSegments(clip("mpegts")) as server:
        pipeline = ff.Pipeline()
        options = PATIENT | {"read_timeout": 1.0}
        source = pipeline.add(ff.open(server.playlist, pace="burst", **options), name="camera")
        reader = pipeline.reader(source, queue=ff.Queue(512))
        with pipeline:
            for _ in range(140):
                reader.get(timeout=WATCHDOG)
            time.sleep(2)  # twice the limit, less than the segment
            server.newest = 1
            for _ in range(140):
                reader.get(timeout=WATCHDOG)
            stats = pipeline.stats().nodes["camera"].source
    assert stats is not None
    assert (stats.outages, stats.stalls, stats.state) == (0, 0, "reading")


def test_a_burst_of_what_is_no_playlist_is_refused(tmp_path: Path) -> None:
    for url in ("rtsp://127.0.0.1:9/a", "udp://127.0.0.1:9", "demo:circles", 0, tmp_path / "a.m3u8"):
        with pytest.raises(
            ff.OptionError, match=r'pace="burst" is for HLS, an http:// or https:// URL of a live playlist'
        ):
            ff.open(url, pace="burst")
    with pytest.raises(ff.OptionError, match=r"is read like a file with live=False"):
        ff.open("http://127.0.0.1:9/a.m3u8", pace="burst", live=False)
    with pytest.raises(ff.OptionError, match=r'pace must be "even" or "burst", got "fast"'):
        ff.open("http://127.0.0.1:9/a.m3u8", pace="fast")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="pace"):
        ff.open("http://127.0.0.1:9/a.m3u8", pace=1)  # type: ignore[arg-type]


def test_a_burst_of_a_stream_over_http_is_an_error_at_the_start() -> None:
    with HttpServer(clip("mpegts")) as server:
        pipeline = ff.Pipeline()
        pipeline.reader(pipeline.add(ff.open(server.url, pace="burst", **PATIENT)))
        with pytest.raises(ff.SourceError, match=r'it is mpegts, not HLS: pace="burst" is for playlists'):
            pipeline.start()
