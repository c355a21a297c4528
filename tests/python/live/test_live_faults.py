"""Faulty servers: nothing hangs, each fault is reported and counted, and frames arrive again afterwards."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import signal
import threading
import time
from pathlib import Path

import pytest
from rigs.live.camera import Camera, ServerProcess, clip
from rigs.live.faulty_server import Clip, Faults, Server
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer
from rigs.ports import free_port
from support import WATCHDOG, until

import freshframe as ff

QUICK = {"open_timeout": 1.0, "read_timeout": 1.0}


def server_of(kind: str, faults: Faults | None = None, port: int = 0, media: Clip | None = None) -> Server:
    if kind == "rtsp":
        return RtspServer(media or clip("h264"), faults, port)
    if kind == "mjpeg":
        return HttpServer(media or clip("mjpeg"), faults, port)
    return TcpServer(media or clip("mpegts"), faults, port)


def url_of(kind: str, port: int) -> str:
    return {"rtsp": "rtsp://{}/live", "mjpeg": "http://{}/live", "tcp": "tcp://{}"}[kind].format(
        f"127.0.0.1:{port}"
    )


def check_order(samples: list[ff.Sample[ff.Frame]]) -> None:
    assert all(a.seq < b.seq for a, b in itertools.pairwise(samples))
    assert all(a.pts <= b.pts for a, b in itertools.pairwise(samples))
    assert all(a.captured <= b.captured for a, b in itertools.pairwise(samples))


def size_of(sample: ff.Sample[ff.Frame]) -> tuple[int, int]:
    return sample.value.width, sample.value.height


KINDS = ["rtsp", "mjpeg", "tcp"]


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_never_answers_is_a_timeout(kind: str) -> None:
    with server_of(kind, Faults(silent=True)) as server:
        url = url_of(kind, server.port)
        began = time.monotonic()
        with pytest.raises(ff.SourceTimeoutError, match=r"could not be opened within 0\.5 s"):
            Camera(url, open_timeout=0.5, reconnect=False).pipeline.start()
        assert time.monotonic() - began >= 0.5


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("kind", KINDS)
def test_a_first_open_that_fails_is_tried_again_while_the_pipeline_runs(kind: str) -> None:
    port = free_port()
    with Camera(url_of(kind, port)) as camera:
        camera.wait(lambda stats: stats.state == "backing_off", "the back-off")
        assert camera.stats.outages == 1
        assert "refused" in str(camera.stats.last_error)
        with pytest.raises(ff.StateError, match="not known yet"):
            _ = camera.source.info
        with server_of(kind, port=port):
            camera.read(3)
            camera.wait(lambda stats: stats.state == "reading", "frames")
            stats = camera.stats
            assert (stats.outages, stats.reconnects) == (1, 1)
            assert stats.away_total > 0
            assert camera.source.info.width == 160


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stall_is_an_outage_after_the_limit_and_frames_come_back(kind: str) -> None:
    with (
        server_of(kind, Faults(stall_after=20)) as server,
        Camera(url_of(kind, server.port), read_timeout=1.0) as camera,
    ):
        samples = camera.read(5)
        camera.wait(lambda stats: stats.stalls >= 1, "the stall")
        camera.wait(lambda stats: stats.outages >= 1, "the outage")
        server.faults = Faults()
        camera.wait(lambda stats: stats.reconnects >= 1 and stats.state == "reading", "the reconnection")
        samples += camera.read(5)
        stats = camera.stats
    check_order(samples)
    assert "sent no video for 1 s" in str(stats.last_error)
    assert stats.away_total >= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_stall_without_reconnect_is_a_timeout(kind: str) -> None:
    with server_of(kind, Faults(stall_after=10)) as server:
        camera = Camera(url_of(kind, server.port), read_timeout=0.5, reconnect=False)
        with pytest.raises(ff.SourceTimeoutError, match=r"sent no video for 0\.5 s"), camera.pipeline:
            camera.pipeline.wait(WATCHDOG)


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_a_live_stream_is_a_lost_connection(kind: str) -> None:
    with server_of(kind, Faults(close_after=15)) as server:
        with Camera(url_of(kind, server.port)) as camera:
            camera.wait(lambda stats: stats.reconnects >= 1, "two connections")
        camera = Camera(url_of(kind, server.port), reconnect=False)
        with pytest.raises(ff.SourceError, match="lost") as caught, camera.pipeline:
            camera.pipeline.wait(WATCHDOG)
        assert not isinstance(caught.value, ff.SourceTimeoutError)


@pytest.mark.slow
def test_frames_that_the_decoder_holds_back_when_the_connection_ends_are_delivered() -> None:
    reordered = encode("mpegts", 60, options={"x264-params": "bframes=2:b-adapt=0"})
    with TcpServer(reordered, Faults(close_after=45)) as server:
        camera = Camera(server.url, reconnect=False)
        with pytest.raises(ff.SourceError, match="ended the stream"), camera.pipeline:
            camera.pipeline.wait(WATCHDOG)
        node = camera.pipeline.stats().nodes["camera"]
    assert (node.processed, node.drops) == (45, {})
    assert camera.stats.decoder_frames == 0  # at the last one


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_server_is_found_again_and_the_books_go_on(kind: str, tmp_path: Path) -> None:
    names = {"rtsp": ("rtsp", "h264"), "mjpeg": ("http", "mjpeg"), "tcp": ("tcp", "mpegts")}
    program, media = names[kind]
    path = clip(media).save(tmp_path / "clip")
    with ServerProcess(program, path) as server:
        port = server.port
        camera = Camera(url_of(kind, port))
        camera.pipeline.start()
        samples = camera.read(5)
    camera.wait(lambda stats: stats.outages == 1, "the loss")
    with ServerProcess(program, path, port):
        camera.wait(lambda stats: stats.reconnects == 1, "the reconnection")
        samples += camera.read(5)
        stats = camera.stats
        camera.pipeline.stop()
    check_order(samples)
    assert stats.outages == 1
    # pts has the same gap as real time.
    gap = max(b.pts - a.pts for a, b in itertools.pairwise(samples))
    assert gap >= 0.8 * stats.away_total


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_stopped_for_a_while_stalls_and_goes_on(kind: str, tmp_path: Path) -> None:
    names = {"rtsp": ("rtsp", "h264"), "mjpeg": ("http", "mjpeg"), "tcp": ("tcp", "mpegts")}
    program, media = names[kind]
    path = clip(media).save(tmp_path / "clip")
    with (
        ServerProcess(program, path) as server,
        Camera(url_of(kind, server.port)) as camera,
    ):
        camera.read(5)
        server.process.send_signal(signal.SIGSTOP)
        camera.wait(lambda stats: stats.state == "stalled", "the stall")
        server.process.send_signal(signal.SIGCONT)
        camera.wait(lambda stats: stats.state == "reading", "the end of the stall")
        camera.read(5)
        assert camera.stats.stalls >= 1
        assert camera.stats.outages == 0


@pytest.mark.slow
@pytest.mark.table(cases=2)
@pytest.mark.parametrize("kind", KINDS)
def test_garbage_is_no_frame_and_no_crash(kind: str) -> None:
    with (
        server_of(kind, Faults(garbage=True)) as server,
        Camera(url_of(kind, server.port), **QUICK) as camera,
    ):
        camera.wait(lambda stats: stats.outages >= 1 or camera.drops("decode") > 0, "the garbage")
        server.faults = Faults()
        server.hang_up()
        camera.read(3)
        camera.wait(lambda stats: stats.state == "reading", "frames again")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_half_a_frame_at_the_end_of_a_connection_is_survived(kind: str) -> None:
    with server_of(kind, Faults(half_after=12)) as server, Camera(url_of(kind, server.port)) as camera:
        samples = camera.read(5)
        camera.wait(lambda stats: stats.reconnects >= 1, "the reconnection")
        samples += camera.read(3)
    check_order(samples)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_another_size_after_a_reconnect_is_delivered_and_counted(kind: str) -> None:
    media = {"rtsp": "h264", "mjpeg": "mjpeg", "tcp": "mpegts"}[kind]
    with server_of(kind) as server, Camera(url_of(kind, server.port)) as camera:
        (first,) = camera.read()
        server.clip = clip(media, 96, 64)
        server.hang_up()
        until(lambda: size_of(camera.read()[0]) != (160, 120), "the other size")
        (last,) = camera.read()
        assert camera.stats.size_changes == 1
    assert (size_of(first), size_of(last)) == ((160, 120), (96, 64))


@pytest.mark.slow
def test_another_size_within_a_stream_is_delivered_and_counted() -> None:
    big, small = clip("mjpeg"), clip("mjpeg", 96, 64)
    mixed = dataclasses.replace(big, frames=big.frames[:10] + small.frames[:10])
    with HttpServer(mixed) as server, Camera(server.url) as camera:
        camera.wait(lambda stats: stats.size_changes >= 3, "three changes")
        sizes = {(s.value.width, s.value.height) for s in camera.read(25)}
        assert sizes == {(160, 120), (96, 64)}
        assert camera.stats.outages == 0


@pytest.mark.slow
def test_frames_that_cannot_be_made_are_counted_and_the_source_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with TcpServer(encode("nut", 60)) as server:
        with Camera(server.url) as camera:
            until(lambda: camera.drops("decode") >= 10, "frames of a format without a conversion")
            assert camera.stats.outages == 0
            server.clip = clip("mpegts")
            server.hang_up()
            camera.read(3)
            assert camera.stats.outages == 1
        logged = [
            record
            for record in caplog.records
            if "rgb4" in record.getMessage() and record.levelno > logging.DEBUG
        ]
        assert len(logged) == 1  # not for each of them
        server.clip = encode("nut", 60)
        with (
            pytest.raises(ff.FreshframeError, match="rgb4"),
            Camera(server.url, reconnect=False) as camera,
        ):
            camera.pipeline.wait(WATCHDOG)


def test_packets_without_data_are_lost_frames_and_no_delay_of_the_decoder() -> None:
    whole = clip("mjpeg")
    holed = dataclasses.replace(whole, frames=[*whole.frames[:4], b""], keys=whole.keys[:5])
    with HttpServer(holed) as server, Camera(server.url) as camera:
        until(lambda: camera.drops("decode") >= 3, "packets without data")
        camera.read(3)
        assert (camera.stats.decoder_frames, camera.stats.outages) == (0, 0)


@pytest.mark.slow
def test_a_stream_without_key_pictures_begins_in_the_end_and_is_no_outage_until_then() -> None:
    server = RtspServer(clip("h264"), Faults(no_keys=True))
    with server, Camera(server.url, read_timeout=2.0) as camera:
        # Beyond the limit, and beyond the time after which all packets are decoded.
        until(lambda: server.frames_sent >= 6 * clip("h264").fps, "packets")
        assert (camera.stats.state, camera.stats.outages) == ("waiting_keyframe", 0)
        assert camera.drops("decode") == 0
        camera.read(3)
        assert camera.stats.outages == 0


def huge_jpeg() -> bytes:
    """Returns a JPEG that claims to be 65500 x 65500."""
    jpeg = bytearray(clip("mjpeg").frames[0])
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    return bytes(jpeg)


def peak_kilobytes() -> int:
    """Returns the peak memory of this process since forget_peak()."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def forget_peak() -> None:
    """Resets the peak memory of this process, if the kernel supports it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.slow
def test_absurd_sizes_in_headers_are_refused_without_the_memory() -> None:
    forget_peak()
    before_all = peak_kilobytes()
    answers = {
        "picture": b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + huge_jpeg() + b"\r\n--b\r\n",
        "part": b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n\xff\xd8",
        "body": b"HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
    }
    with HttpServer(clip("mjpeg")) as server, Camera(server.url, **QUICK) as camera:
        camera.read()
        for name, answer in answers.items():
            before = camera.stats.outages
            server.faults = Faults(answer=answer)
            server.hang_up()
            camera.wait(lambda stats, n=before: stats.outages > n, f"the outage of {name}")  # type: ignore[misc]
            connections = server.connections
            camera.wait(lambda stats, n=connections: server.connections > n, f"{name} tried")  # type: ignore[misc]
            server.faults = Faults()
            camera.wait(lambda stats: stats.state == "reading", f"frames after {name}")
    assert peak_kilobytes() - before_all < 1_000_000


@pytest.mark.slow
def test_the_limit_of_the_size_can_be_chosen() -> None:
    with HttpServer(clip("mjpeg")) as server:
        with Camera(server.url, options={"max_pixels": str(200 * 200)}) as camera:
            camera.read()
        refused = Camera(server.url, options={"max_pixels": "1000"}, reconnect=False)
        with pytest.raises(ff.SourceError, match="no frame of its video"):
            refused.pipeline.start()


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("kind", "faults", "message"),
    [
        ("mjpeg", Faults(status="404 Not Found"), "404"),
        ("rtsp", Faults(status="404 Not Found"), "404"),
        ("mjpeg", Faults(status="503 Busy"), "5"),
        (
            "mjpeg",
            Faults(answer=b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>no</html>"),
            "cannot open",
        ),
        ("mjpeg", Faults(answer=b""), "cannot open"),
    ],
)
def test_what_a_server_refuses_is_an_error_with_its_reason(kind: str, faults: Faults, message: str) -> None:
    with server_of(kind, faults) as server:
        url = url_of(kind, server.port)
        with pytest.raises(ff.SourceError, match=message) as caught:
            Camera(url, open_timeout=5.0, reconnect=False).pipeline.start()
    assert caught.value.url == url
    assert caught.value.source == "camera"


def test_a_connection_that_is_never_accepted_is_refused_with_an_errno() -> None:
    with pytest.raises(ff.SourceError, match="refused") as caught:
        Camera(f"tcp://127.0.0.1:{free_port()}", reconnect=False).pipeline.start()
    assert isinstance(caught.value, ConnectionRefusedError) or caught.value.errno == 111


def test_an_outage_ends_with_the_source() -> None:
    with Camera(f"tcp://127.0.0.1:{free_port()}") as camera:
        camera.wait(lambda stats: stats.outages == 1, "the loss")
    ended = camera.stats
    assert ended.away_total > 0
    assert camera.stats == ended


STATES = ["connecting", "reading", "stalled", "backing_off"]


@pytest.mark.table
@pytest.mark.parametrize(
    ("kind", "state"),
    # Every JPEG is a keyframe, and TS has its parameter sets only in keyframes.
    [(kind, state) for kind in KINDS for state in STATES] + [("rtsp", "waiting_keyframe")],
)
def test_a_stop_ends_every_state(kind: str, state: str) -> None:
    faults = {
        "connecting": Faults(silent=True),
        "waiting_keyframe": Faults(),
        "stalled": Faults(stall_after=15),
        "backing_off": Faults(close_after=0),
    }.get(state, Faults())
    media = None
    if state == "waiting_keyframe":
        whole = clip("h264")
        # The response to DESCRIBE has the parameter sets of the first frame; no keyframe is ever sent.
        later = [frame for frame, key in zip(whole.frames, whole.keys, strict=True) if not key]
        media = dataclasses.replace(whole, frames=[whole.frames[0], *later])
    with server_of(kind, faults, media=media) as server:
        if state == "waiting_keyframe":
            server.skip = 1
        camera = Camera(url_of(kind, server.port), read_timeout=40.0, open_timeout=40.0)
        starter = threading.Thread(target=start_quietly, args=(camera,))
        starter.start()
        until(lambda: server.connections, "a connection")
        camera.wait(lambda stats: stats.state == state, f"the state {state}")
        camera.pipeline.stop(timeout=WATCHDOG)
        starter.join()
        assert camera.stats.state == "closed"


def start_quietly(camera: Camera) -> None:
    """Starts the pipeline, and ignores the error of a start() that stop() interrupts."""
    with contextlib.suppress(ff.FreshframeError):
        camera.pipeline.start()
