"""Decoding on a GPU: the same images as on the CPU, or an error with the reason."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rigs.card import Card
from rigs.card.clips import H264, KEY_INTERVAL, OTHERS, PICTURES, clip, fields
from rigs.live.camera import Camera
from rigs.live.camera import clip as live_clip
from rigs.live.faulty_server import Faults
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import TcpServer
from rigs.watchdog import LONG_WATCHDOG
from support import check_books, until

import freshframe as ff

pytestmark = [
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
]


@dataclass
class Run:
    source: ff.stats.SourceStats
    pictures: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    pts: list[float] = field(default_factory=list)
    captured: list[float] = field(default_factory=list)
    decode: int = 0  # drops


def run(path: Path, decoder: str, **options: Any) -> Run:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(path, decoder=decoder, **options), name="film"))
    pictures, pts, captured = [], [], []
    with pipeline:
        for sample in reader:
            pictures.append(sample.frame.rgb.copy())
            pts.append(sample.pts)
            captured.append(sample.captured)
    check_books(pipeline)
    node = pipeline.stats().nodes["film"]
    assert node.source is not None
    drops: dict[Any, int] = dict(node.drops)
    return Run(node.source, pictures, pts, captured, drops.get("decode", 0))


def fails(path: Path, decoder: str) -> tuple[str, int, int]:
    """Runs a source that fails. Returns the error, and the numbers of delivered and dropped images."""
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(path, decoder=decoder), name="film"), queue=ff.LOSSLESS)
    delivered = 0
    with pytest.raises(ff.SourceError) as raised, pipeline:  # noqa: PT012  (it counts)
        for _ in reader:
            delivered += 1
    drops: dict[Any, int] = dict(pipeline.stats().nodes["film"].drops)
    return str(raised.value), delivered, drops.get("decode", 0)


def place(run: Run) -> tuple[str | None, int]:
    return run.source.decoder, run.source.decoder_changes


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["no b-frames"])


def joined(folder: Path, *, size: str = "640x480", pixels: str = "yuv420p") -> Path:
    """Returns an 8-bit clip of 320x240 whose second half has another size or pixel format."""
    parts = [
        clip(folder / "first.ts", H264["no b-frames"]),
        clip(folder / "second.ts", H264["no b-frames"], size=size, pixels=pixels),
    ]
    path = folder / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*H264, "odd size", "change of size"])
@pytest.mark.parametrize("decoder", ["auto", "cuda", "cuda:0"])
def test_a_card_gives_the_pictures_of_the_cpu(kind: str, decoder: str, tmp_path: Path, card: Card) -> None:
    if kind == "change of size":
        path = joined(tmp_path)
    else:
        size = "322x242" if kind == "odd size" else "320x240"
        path = clip(tmp_path / "film.mp4", H264.get(kind, H264["b-frames"]), size=size)
    wanted, got = run(path, "cpu"), run(path, decoder)
    assert (place(wanted), wanted.source.decoder_reason) == (("cpu", 0), None)
    assert (place(got), got.source.decoder_reason) == (("cuda:0", 0), None)
    assert got.pts == wanted.pts
    assert all(np.array_equal(a, b) for a, b in zip(got.pictures, wanted.pictures, strict=True))
    assert got.decode == wanted.decode == 0
    assert card.count("pictures") >= len(got.pictures)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
def test_other_codecs_keep_their_order_and_their_times(kind: str, tmp_path: Path, card: Card) -> None:
    path = clip(tmp_path / ("film.ts" if kind == "mpeg2" else "film.mkv"), OTHERS[kind])
    wanted, got = run(path, "cpu"), run(path, "cuda")
    assert place(got) == ("cuda:0", 0)
    assert got.pts == pytest.approx(wanted.pts)
    assert (len(got.pts), got.decode) == (PICTURES, 0)
    if kind == "av1":  # its packets are in display order
        assert all(a <= b for a, b in itertools.pairwise(got.captured)), "a picture has another's time"


# Fault -> the reported reason.
REFUSALS = {
    "none": r"the NVIDIA driver finds no GPU",
    "old": r"the NVIDIA driver is too old",
    "no_h264": r"cuda:0: it does not decode h264",
    "width:64": r"cuda:0: h264 of 320x240 is too large for it: its limit is 64x64",
    "blocks:299": r"cuda:0: h264 of 320x240 is too large for it: its limit is 299 blocks of 16x16 pixels",
    "sessions:0": r"cuda:0: it has no decoder or no memory free for 320x240",
    "memory:1": r"cuda:0: it has no decoder or no memory free for 320x240",
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refused_stream_is_decoded_by_the_cpu_with_the_reason(
    fault: str, film: Path, card: Card, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = run(film, "cpu")
    card.fault(fault)
    got = run(film, "auto")
    card.fault()
    assert place(got) == ("cpu", 0)
    assert re.search(REFUSALS[fault], got.source.decoder_reason or ""), got.source.decoder_reason
    assert all(np.array_equal(a, b) for a, b in zip(got.pictures, wanted.pictures, strict=True))
    assert got.decode == 0
    # A line that resembles one of the previous test may be logged up to ten seconds later.
    until(lambda: "decoded by the CPU" in caplog.text, "the warning")
    assert caplog.text.count("decoded by the CPU") == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_demanded_card_that_refuses_is_an_error(fault: str, film: Path, card: Card) -> None:
    card.fault(fault)
    with pytest.raises(ff.SourceError, match=REFUSALS[fault]):
        run(film, "cuda")
    card.fault()


@pytest.mark.slow
def test_a_card_that_does_not_exist_is_an_error(film: Path, card: Card) -> None:
    with pytest.raises(ff.SourceError, match=r"cuda:1 does not exist: this machine has 1 GPU; pass decoder="):
        run(film, "cuda:1")


@pytest.mark.slow
@pytest.mark.parametrize(("pixels", "reason"), [("yuv444p", "not 4:2:0"), ("yuv420p10le", "10 bits")])
def test_pictures_that_no_card_takes_are_named(pixels: str, reason: str, tmp_path: Path, card: Card) -> None:
    path = clip(tmp_path / "film.mkv", OTHERS["hevc"], pixels=pixels)
    got = run(path, "auto")
    assert place(got) == ("cpu", 0)
    assert reason in (got.source.decoder_reason or "")
    assert card.count("decoders") == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["b-frames", "no b-frames"])
@pytest.mark.parametrize("after", [0, 1, 7, 19])
def test_a_card_that_is_lost_is_left_at_the_next_keyframe(
    after: int, kind: str, tmp_path: Path, card: Card
) -> None:
    path = clip(tmp_path / "film.mp4", H264[kind])
    card.fault(f"lost:{card.count('pictures') + after}")
    got = run(path, "auto")
    card.fault()
    assert len(got.pictures) + got.decode == PICTURES
    assert got.decode <= 2 * KEY_INTERVAL
    if after == 7:
        assert place(got) == ("cpu", 1)
        assert re.search(r"cuda:0: it has failed.*CUDA_ERROR_UNKNOWN", got.source.decoder_reason or "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*OTHERS, "h264"])
@pytest.mark.parametrize("after", [0, 1, 7, 19])
def test_each_picture_of_a_lost_card_is_counted(after: int, kind: str, tmp_path: Path, card: Card) -> None:
    path = clip(
        tmp_path / ("film.ts" if kind in ("mpeg2", "h264") else "film.mkv"),
        OTHERS.get(kind, H264["b-frames"]),
    )
    card.fault(f"lost:{card.count('pictures') + after}")
    if after == 1 and kind in ("hevc", "vp9", "av1"):  # no later keyframe
        error, delivered, decode = fails(path, "auto")
        assert "by the GPU: cuda:0: it has failed" in error
        assert (delivered, decode) == (0, PICTURES)
    else:
        got = run(path, "auto")
        assert len(got.pictures) + got.decode == PICTURES
    card.fault()


@pytest.mark.slow
def test_a_lost_card_is_one_warning(film: Path, card: Card, caplog: pytest.LogCaptureFixture) -> None:
    card.fault(f"lost:{card.count('pictures') + 7}")
    run(film, "auto")
    card.fault()
    until(lambda: "decoded by the CPU" in caplog.text, "the warning")
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["b-frames", "no b-frames"])
@pytest.mark.parametrize("after", [1, 7, 18, 19])
def test_a_demanded_card_that_is_lost_ends_the_file(
    after: int, kind: str, tmp_path: Path, card: Card
) -> None:
    path = clip(tmp_path / "film.mp4", H264[kind])
    card.fault(f"lost:{card.count('pictures') + after}")
    error, delivered, decode = fails(path, "cuda")
    card.fault()
    assert re.search(r"'.*film.mp4': cuda:0: it has failed", error), error
    # The last images cannot be copied any more. After two failures in a row, decoding is abandoned.
    assert min(after + 1, PICTURES) <= delivered + decode <= min(after + 2, PICTURES)
    if kind == "no b-frames":
        assert (delivered, decode) == (after - 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("fault", "second", "reason"),
    [
        ("width:400", {}, "h264 of 640x480 is too large for it: its limit is 400x400"),
        ("blocks:300", {}, "h264 of 640x480 is too large for it: its limit is 300 blocks"),
        ("", {"pixels": "yuv420p10le"}, "its frames have 10 bits"),
        ("memory:8", {}, "no decoder or no memory free for 640x480"),
    ],
)
def test_a_stream_that_becomes_one_that_the_card_refuses(
    decoder: str, fault: str, second: dict[str, str], reason: str, tmp_path: Path, card: Card
) -> None:
    path = joined(tmp_path, **second)
    card.fault(fault)
    if decoder == "auto":
        got = run(path, "auto")
        assert (place(got), got.decode) == (("cpu", 1), 0)
        assert len(got.pictures) == 2 * PICTURES
        assert reason in (got.source.decoder_reason or "")
    else:
        error, delivered, decode = fails(path, "cuda")
        assert reason in error
        assert "lost '" in error
        assert (delivered, decode) == (PICTURES, 1)
    card.fault()


def test_a_copy_from_the_card_that_fails_is_no_picture(film: Path, card: Card) -> None:
    wanted = run(film, "cpu")
    card.fault("copy:10")  # an image takes two copies
    got = run(film, "cuda")
    card.fault()
    assert place(got) == ("cuda:0", 0)
    assert (got.decode, len(got.pictures)) == (PICTURES // 5, PICTURES - PICTURES // 5)
    by_pts = dict(zip(wanted.pts, wanted.pictures, strict=True))
    assert all(np.array_equal(by_pts[pts], got.pictures[i]) for i, pts in enumerate(got.pts))


@pytest.mark.parametrize("kind", ["vp9", "mpeg2"])
def test_the_last_row_and_column_have_their_colour(kind: str, tmp_path: Path, card: Card) -> None:
    path = tmp_path / ("film.ts" if kind == "mpeg2" else "film.mkv")
    got = run(clip(path, (*OTHERS[kind], "-vf", "scale=321:241")), "cuda")
    assert place(got) == ("cuda:0", 0)
    assert len(got.pictures) == PICTURES
    for picture in got.pictures:
        assert picture.shape == (241, 321, 3)
        painted = picture[40:]  # below the numbers
        assert (painted == painted[0, 0]).all()


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("fault", ["refuse:4", "refuse:10"])
@pytest.mark.parametrize("kind", ["b-frames", "no b-frames"])
def test_each_picture_that_the_card_refuses_is_counted(
    kind: str, fault: str, tmp_path: Path, card: Card
) -> None:
    path = clip(tmp_path / "film.mp4", H264[kind])
    card.fault(fault)
    got = run(path, "cuda")
    card.fault()
    assert place(got) == ("cuda:0", 0)
    assert got.decode == PICTURES // int(fault.partition(":")[2])
    assert len(got.pictures) + got.decode == PICTURES


@pytest.mark.parametrize("fault", ["", "refuse:10"])
def test_a_packet_of_one_field_is_half_a_picture(fault: str, tmp_path: Path, card: Card) -> None:
    path = fields(tmp_path / "film.mkv")
    card.fault(fault)
    got = run(path, "cuda")
    card.fault()
    assert place(got) == ("cuda:0", 0)
    assert len(got.pictures) + got.decode == PICTURES
    assert (got.decode > 0) == bool(fault)


def test_all_decoders_of_a_process_share_one_context(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline()
    readers = [
        pipeline.reader(pipeline.add(ff.open(film, decoder="cuda"), name=f"film{n}")) for n in range(3)
    ]
    with pipeline:
        for reader in readers:
            next(iter(reader))
        assert card.count("contexts") == 1


# ---- live


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(("server", "media"), [(TcpServer, "mpegts"), (RtspServer, "h264")])
@pytest.mark.parametrize("decoder", ["auto", "cuda"])
def test_a_stream_is_decoded_on_the_card(decoder: str, server: Any, media: str, card: Card) -> None:
    with server(live_clip(media)) as served, Camera(served.url, decoder=decoder) as camera:
        samples = camera.read(5)
        stats = camera.stats
    assert (stats.decoder, stats.decoder_reason, stats.decoder_changes) == ("cuda:0", None, 0)
    assert all(a.captured <= b.captured for a, b in itertools.pairwise(samples))
    assert not any(sample.frame.damaged for sample in samples)


@pytest.mark.slow
def test_a_stream_goes_on_without_the_card(card: Card) -> None:
    with TcpServer(live_clip("mpegts")) as server, Camera(server.url, decoder="auto") as camera:
        camera.read(5)
        card.fault("lost:0")
        camera.wait(lambda stats: stats.decoder == "cpu", "the CPU")
        camera.read(5)
        stats = camera.stats
        kinds = [finding.kind for finding in camera.pipeline.why().findings]
    card.fault()
    assert (stats.decoder_changes, stats.outages) == (1, 0)
    assert "cuda:0: it has failed" in (stats.decoder_reason or "")
    assert isinstance(kinds, list)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("media", "codec", "options"),
    [
        ("mpegts", "libx264", {"tune": "film", "bf": "2"}),
        ("mpegts", "libx264", {}),
        ("matroska", "libvpx-vp9", {}),
    ],
)
@pytest.mark.parametrize("after", [7, 25, 1000])
def test_each_picture_of_a_stream_is_delivered_or_counted(
    after: int, media: str, codec: str, options: dict[str, str], card: Card
) -> None:
    pictures = 40
    sent = encode(media, pictures, codec=codec, options=options)
    card.fault(f"lost:{card.count('pictures') + after}")
    with (
        TcpServer(sent, Faults(close_after=pictures)) as server,
        Camera(server.url, decoder="auto", reconnect=False, queue=ff.Queue(pictures)) as camera,
    ):
        delivered = 0
        with contextlib.suppress(ff.EndOfStreamError, ff.SourceError):
            while True:
                camera.read(1)
                delivered += 1
        decode = camera.drops("decode")
    card.fault()
    # FFmpeg's Matroska demuxer does not return the last packet of a stream that is cut off.
    assert delivered + decode == pictures - (media == "matroska")


@pytest.mark.slow
def test_a_demanded_card_that_is_lost_is_an_outage(card: Card) -> None:
    with TcpServer(live_clip("mpegts")) as server, Camera(server.url, decoder="cuda") as camera:
        camera.read(5)
        card.fault("lost:0")
        camera.wait(lambda stats: stats.outages == 1, "an outage")
        assert "cuda:0" in (camera.stats.last_error or "")
        card.fault()
        camera.wait(lambda stats: stats.reconnects == 1, "the end of the outage")
        assert camera.stats.decoder == "cuda:0"


@pytest.mark.parametrize("fault", ["none", "no_h264"])
def test_a_stream_whose_card_cannot_be_had_does_not_start(fault: str, card: Card) -> None:
    card.fault(fault)
    with TcpServer(live_clip("mpegts")) as server:
        camera = Camera(server.url, decoder="cuda")
        with pytest.raises(ff.SourceError, match=REFUSALS[fault]):
            camera.pipeline.start()
    card.fault()


@pytest.mark.slow
@pytest.mark.parametrize(("server", "media"), [(TcpServer, "mpegts"), (RtspServer, "h264")])
def test_the_context_is_made_while_the_connection_is_made(server: Any, media: str, card: Card) -> None:
    class Releasing(server):  # type: ignore[misc]
        """Releases the fault, so that a context can be created, when a client connects."""

        def talk(self, connection: socket.socket) -> None:
            card.fault()
            super().talk(connection)

    card.fault("hold")
    with Releasing(live_clip(media)) as served, Camera(served.url, decoder="auto") as camera:
        camera.read(2)
        assert (camera.stats.decoder, camera.stats.decoder_reason) == ("cuda:0", None)
    assert card.count("contexts held in vain") == 0


# Not for H.264: FFmpeg opens another decoder on the GPU after each end.
@pytest.mark.slow
@pytest.mark.parametrize(("media", "codec"), [("mpegts", "libx265"), ("matroska", "libvpx-vp9")])
def test_a_reconnect_keeps_the_decoder_of_the_same_stream(media: str, codec: str, card: Card) -> None:
    before = card.count("made decoders")
    clips = [encode(media, 30, codec=codec, size=size) for size in ((160, 120), (320, 240))]
    with TcpServer(clips[0]) as served, Camera(served.url, decoder="auto") as camera:
        camera.read(3)
        served.hang_up()
        camera.wait(lambda stats: stats.reconnects == 1, "the reconnection")
        camera.read(3)
        assert (camera.stats.decoder, camera.stats.decoder_changes) == ("cuda:0", 0)
        assert card.count("made decoders") == before + 1
        served.clip = clips[1]
        served.hang_up()
        camera.wait(lambda stats: stats.reconnects == 2 and stats.size_changes == 1, "the other stream")
        camera.read(3)
        assert card.count("made decoders") > before + 1


@pytest.mark.slow
def test_keyframes_alone_are_decoded_by_the_cpu(card: Card) -> None:
    before = card.count("made decoders")
    with (
        TcpServer(live_clip("mpegts")) as server,
        Camera(server.url, decoder="auto", decode="keyframes") as camera,
    ):
        camera.read(2)
        assert camera.stats.decoder == "cpu"
        assert "keyframe" in (camera.stats.decoder_reason or "")
    assert card.count("made decoders") == before


# ---- processes


def program(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder), "FAKE_CARD": "", "FAKE_CARD_REPORT": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        text=True,
        capture_output=True,
        timeout=LONG_WATCHDOG,
        check=False,
    )


def test_a_forked_child_gets_a_reason_and_the_parent_goes_on(film: Path, card_folder: Path) -> None:
    code = """
import os, sys
import freshframe as ff

def run():
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(sys.argv[1], decoder="auto"), name="film"))
    with pipeline:
        count = sum(1 for _ in reader)
    source = pipeline.stats().nodes["film"].source
    print(count, source.decoder, source.decoder_reason, flush=True)

run()
child = os.fork()
if child == 0:
    run()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
run()
"""
    ended = program(code, card_folder, str(film))
    assert ended.returncode == 0, ended.stderr
    reason = (
        """the parent process uses the GPU and forked this one: start it with multiprocessing's "spawn\""""
    )
    assert ended.stdout.splitlines() == [
        f"{PICTURES} cuda:0 None",
        f"{PICTURES} cpu {reason}",
        f"{PICTURES} cuda:0 None",
    ]


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("way", ["sys.exit()", "pipeline.stop()", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_program_that_ends_leaves_nothing_on_the_card(way: str, film: Path, card_folder: Path) -> None:
    code = f"""
import os, signal, sys
import freshframe as ff

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
pipeline = ff.Pipeline()
reader = pipeline.reader(pipeline.add(ff.open(sys.argv[1], decoder="cuda", loop=True), name="film"))
pipeline.start()
held = [reader.get(timeout=60) for _ in range(30)]
{way}
"""
    ended = program(code, card_folder, str(film))
    assert ended.returncode == 0, ended.stderr
    report = ended.stderr.partition("fake card:")[2]
    assert "pictures" in report
    assert not re.search(r"(^|;) (decoders|mapped|buffers|contexts|streams) ", report), report


# ---- reports


@pytest.mark.slow
def test_doctor_lists_the_card_or_the_reason(card_folder: Path) -> None:
    code = "import sys; from freshframe.__main__ import main; sys.exit(main(['doctor']))"
    for fault, wanted in {
        "": r"ok +decoding GPU +cuda:0 fake card, CUDA 12\.4, decodes h264, hevc, vp9, av1, mpeg2video\n",
        "none": r"ok +decoding GPU +none: the NVIDIA driver finds no GPU; the CPU decodes\n",
    }.items():
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"LD_LIBRARY_PATH": str(card_folder), "FAKE_CARD": fault},
            text=True,
            capture_output=True,
            timeout=LONG_WATCHDOG,
            check=False,
        )
        assert re.search(wanted, ended.stdout), ended.stdout


def test_wrong_words_are_refused() -> None:
    for word in ("gpu", "cuda:", "cuda:-1", "cuda:a", "cuda:1234"):
        with pytest.raises(ff.OptionError, match=r'decoder must be "cpu", "auto", "cuda"'):
            ff.open("film.mp4", decoder=word)
