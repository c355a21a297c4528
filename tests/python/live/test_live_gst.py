"""Network sources against real servers, gst-rtsp-server and tcpserversink, that are stopped and killed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rigs.live.camera import Camera
from rigs.live.media import encode
from rigs.live.program import Program
from support import WATCHDOG, until

import freshframe as ff

PROGRAM = "rigs.live.gst_server"
DEBIANS_PYTHON = "/usr/bin/python3"  # the interpreter that has GStreamer's bindings
USER, PASSWORD = "viewer", "s3cret"
BIG, SMALL = (160, 120), (96, 64)
MISSING = 77  # exit status of the program: something is not installed
KEYS = 50  # frames from one keyframe to the next: a new client waits for one


class GstServer(Program):
    """Runs gst_server.py with a clip of this size; killed at the end of the `with` block."""

    def __init__(
        self,
        media: Path,
        size: tuple[int, int] = BIG,
        port: int = 0,
        *,
        guarded: bool = False,
        tcp: str = "",
    ) -> None:
        name = f"{size[0]}x{size[1]}"
        command = [
            DEBIANS_PYTHON,
            "-m",
            PROGRAM,
            "--clip",
            str(media / f"{name}{'.tcp' if tcp else ''}.clip"),
        ]
        command += ["--file", str(media / f"{name}.mp4"), "--port", str(port)]
        command += ["--tcp", tcp] if tcp else []
        command += ["--user", f"{USER}:{PASSWORD}"] if guarded else []
        super().__init__(command)
        if not self.said:
            if self.process.returncode == MISSING:
                pytest.skip("needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi")
            raise AssertionError(f"the server ended with status {self.process.returncode}")
        self.port = int(self.said)

    def url(self, path: str = "camera", user: str = "") -> str:
        """Returns the URL of one of its streams."""
        return f"rtsp://{user}127.0.0.1:{self.port}/{path}"

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the server."""
        self.process.send_signal(number)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a clip for the camera and a short MP4 of each size."""
    if shutil.which(DEBIANS_PYTHON) is None:
        pytest.skip(f"needs {DEBIANS_PYTHON} with Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi")
    folder = tmp_path_factory.mktemp("gst")
    for size in (BIG, SMALL):
        name = f"{size[0]}x{size[1]}"
        encode("h264", 2 * KEYS, size=size, options={"g": str(KEYS)}).save(folder / f"{name}.clip")
        encode("h264", 2 * KEYS, size=size).save(folder / f"{name}.tcp.clip")  # joined without much waiting
        film = encode("mp4", 12, size=size)
        (folder / f"{name}.mp4").write_bytes(film.header + b"".join(film.frames))
    return folder


@pytest.fixture(scope="module")
def healthy(media: Path) -> Iterator[GstServer]:
    """A server that is never stopped."""
    with GstServer(media) as server:
        yield server


def check_order(samples: list[ff.Sample[ff.Frame]]) -> None:
    assert all(a.seq < b.seq for a, b in itertools.pairwise(samples))
    assert all(a.pts <= b.pts for a, b in itertools.pairwise(samples))
    assert all(a.captured <= b.captured for a, b in itertools.pairwise(samples))


def brightness(frame: ff.Frame) -> int:
    """Returns the brightness of the image, which must be uniform."""
    bands = [int(np.median(band)) for band in np.array_split(frame.rgb, 8)]
    assert max(bands) - min(bands) <= 1
    return bands[0]


def size_of(sample: ff.Sample[ff.Frame]) -> tuple[int, int]:
    return sample.value.width, sample.value.height


@pytest.mark.slow
def test_frames_come_whole_and_in_order_with_the_servers_wall_clock(
    healthy: GstServer, transport: dict[str, str]
) -> None:
    with Camera(healthy.url(), options=transport) as camera:
        samples = camera.read(20)
        camera.wait(lambda stats: stats.clock is not None, "a sender report")
        camera.wait(lambda stats: stats.state == "reading", "frames")
        stats = camera.stats
        samples += camera.read(2)
        (last,) = camera.read()
        now = time.time()
    check_order(samples)
    for sample in samples:
        brightness(sample.value)
    # From one frame to the next, the server's images become brighter by 2, and pts increases by 1/30 s on
    # average. A busy machine produces fewer.
    steps = [(b.pts - a.pts) / (b.seq - a.seq) for a, b in itertools.pairwise(samples[1:])]
    assert 1 / 30 - 0.01 < np.median(steps) < 1
    assert (stats.outages, stats.size_changes, stats.last_error) == (0, 0, None)
    assert (stats.decoder_frames, camera.drops("decode")) == (0, 0)
    assert stats.clock is not None
    assert stats.clock.reports >= 1
    assert last.utc_from == "camera"
    assert last.utc is not None
    assert now - WATCHDOG < last.utc < now + 1
    assert camera.stats.state == "closed"


@pytest.mark.slow
def test_a_camera_that_others_watch_is_joined_at_its_next_key_frame(
    healthy: GstServer, transport: dict[str, str]
) -> None:
    with Camera(healthy.url(), options=transport) as other:
        other.read(5)
        camera = Camera(healthy.url(), options=transport)
        states = [camera.stats.state]
        starter = threading.Thread(target=camera.pipeline.start)
        starter.start()

        def reads() -> bool:
            state = camera.stats.state
            if state not in (states[-1], "stalled"):  # a busy machine may be late
                states.append(state)
            return state == "reading"

        until(reads, lambda: f"frames; the states were {states}")
        starter.join()
        (sample,) = camera.read()
        dropped = camera.drops("decode")
        camera.pipeline.stop()
    order = ["closed", "connecting", "waiting_keyframe", "reading"]
    assert states == [state for state in order if state in states]
    # Each frame is brighter by 2 than the previous one, which shows the number of the first one seen.
    first = (brightness(sample.value) - 20 - 2 * sample.seq) % (4 * KEYS)
    assert min(first % (2 * KEYS), -first % (2 * KEYS)) <= 3
    assert dropped == 0


def test_jpeg_pictures_over_rtsp_come_in_order(healthy: GstServer, transport: dict[str, str]) -> None:
    with Camera(healthy.url("pictures"), options=transport) as camera:
        samples = camera.read(10)
        assert camera.source.info.codec == "mjpeg"
        assert camera.drops("decode") == 0
    check_order(samples)
    assert {size_of(sample) for sample in samples} == {BIG}


@pytest.mark.slow
def test_the_end_of_a_served_file_is_a_lost_connection(healthy: GstServer, transport: dict[str, str]) -> None:
    with Camera(healthy.url("file"), options=transport) as camera:
        samples = camera.read(5)
        camera.wait(lambda stats: stats.reconnects >= 1, "the second showing")
        samples += camera.read(5)
        stats = camera.stats
    check_order(samples)
    assert "ended the stream" in str(stats.last_error)


@pytest.mark.slow
@pytest.mark.table(cases=1)
def test_a_server_that_is_stopped_for_a_while_stalls_and_goes_on(
    media: Path, transport: dict[str, str]
) -> None:
    with GstServer(media) as server, Camera(server.url(), options=transport) as camera:
        samples = camera.read(5)
        server.send(signal.SIGSTOP)
        camera.wait(lambda stats: stats.state == "stalled", "the stall")
        server.send(signal.SIGCONT)
        camera.wait(lambda stats: stats.state == "reading", "the end of the stall")
        samples += camera.read(5)
        stats = camera.stats
        assert stats.stalls >= 1
        assert (stats.outages, stats.reconnects) == (0, 0)
        server.send(signal.SIGSTOP)
        camera.pipeline.stop(timeout=WATCHDOG)  # although the server does not respond to TEARDOWN
        assert camera.stats.state == "closed"
    check_order(samples)


@pytest.mark.slow
def test_a_server_that_is_stopped_for_longer_than_the_limit_is_an_outage(
    media: Path, transport: dict[str, str]
) -> None:
    with (
        GstServer(media) as server,
        Camera(server.url(), options=transport, read_timeout=1.0) as camera,
    ):
        samples = camera.read(5)
        server.send(signal.SIGSTOP)
        camera.wait(lambda stats: stats.outages >= 1, "the outage")
        assert "sent no video for 1 s" in str(camera.stats.last_error)
        server.send(signal.SIGCONT)
        camera.wait(lambda stats: stats.reconnects >= 1 and stats.state == "reading", "the reconnection")
        samples += camera.read(5)
        stats = camera.stats
    check_order(samples)
    assert stats.away_total >= 1.0


@pytest.mark.slow
def test_a_killed_server_is_found_again_with_another_size(media: Path, transport: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        with GstServer(media) as server:
            camera = stack.enter_context(Camera(server.url(), options=transport))
            samples = camera.read(5)
        camera.wait(lambda stats: stats.outages == 1 and stats.state == "backing_off", "the loss")
        stack.enter_context(GstServer(media, SMALL, server.port))
        camera.wait(lambda stats: stats.reconnects == 1, "the reconnection")
        until(lambda: size_of(camera.read()[0]) == SMALL, "the other size")
        samples += camera.read(5)
        stats = camera.stats
    check_order(samples)
    assert [size_of(sample) for sample in samples] == [BIG] * 5 + [SMALL] * 5
    assert (stats.outages, stats.reconnects, stats.size_changes) == (1, 1, 1)
    # The outage is as long in pts as it was in real time.
    gap = max(b.pts - a.pts for a, b in itertools.pairwise(samples))
    assert gap >= 0.8 * stats.away_total > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["matroska", "mpegts"])
def test_a_live_container_over_tcp_survives_a_stop_and_a_kill_of_its_server(media: Path, kind: str) -> None:
    with contextlib.ExitStack() as stack:
        with GstServer(media, tcp=kind) as server:
            camera = stack.enter_context(Camera(f"tcp://127.0.0.1:{server.port}"))
            samples = camera.read(10)
            server.send(signal.SIGSTOP)
            camera.wait(lambda stats: stats.state == "stalled", "the stall")
            server.send(signal.SIGCONT)
            camera.wait(lambda stats: stats.state == "reading", "the end of the stall")
            samples += camera.read(5)
            assert camera.stats.outages == 0
            for sample in samples:
                brightness(sample.value)
        camera.wait(lambda stats: stats.outages == 1 and stats.state == "backing_off", "the loss")
        stack.enter_context(GstServer(media, SMALL, server.port, tcp=kind))
        until(lambda: size_of(camera.read()[0]) == SMALL, "the other size")
        samples += camera.read(5)
        stats = camera.stats
    check_order(samples)
    assert (stats.outages, stats.reconnects, stats.size_changes) == (1, 1, 1)


def test_what_a_server_refuses_is_an_error_with_its_reason_and_without_the_password(
    media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, right = f"{USER}:wr0ng@", f"{USER}:{PASSWORD}@"
    with caplog.at_level(logging.DEBUG, logger="freshframe"), GstServer(media, guarded=True) as server:
        for path, user, message in (
            ("camera", "", "401 Unauthorized"),
            ("camera", wrong, "401 Unauthorized"),
            ("nowhere", right, "404 Not Found"),
        ):
            camera = Camera(server.url(path, user), reconnect=False)
            with pytest.raises(ff.SourceError, match=message) as caught:
                camera.pipeline.start()
            assert server.url(path, f"{USER}:***@" if user else "") in str(caught.value)
        with Camera(server.url(user=wrong)) as camera:
            camera.wait(lambda stats: stats.outages == 1 and stats.last_error, "the refusal")
            assert "401" in str(camera.stats.last_error)
            assert "wr0ng" not in str(camera.stats.last_error)
        with Camera(server.url(user=right)) as camera:
            check_order(camera.read(3))
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert "401" in logged
    assert "wr0ng" not in logged
    assert PASSWORD not in logged
