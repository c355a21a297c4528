"""Images on the GPU are copied to the host only if somebody reads them there, and only once."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.card import Card
from rigs.card.clips import H264, PICTURES, clip
from rigs.card.films import (
    CARD_BYTES,
    HEIGHT,
    HOST_BYTES,
    WIDTH,
    downloads,
    frames_of,
    lazy_frames_of,
    pictures_of,
    same,
    sum_of,
)
from rigs.live.camera import Camera
from rigs.live.camera import clip as live_clip
from rigs.live.media import encode, picture
from rigs.live.servers import TcpServer
from rigs.turned_film import turn
from rigs.watchdog import LONG_WATCHDOG
from support import check_books, until

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["b-frames"])


# ---- one copy for all readers


@pytest.mark.slow
def test_nothing_comes_to_the_host_before_somebody_reads_it(film: Path, card: Card) -> None:
    before = card.count("bytes to host")
    frames, pipeline = frames_of(film)
    assert len(frames) == PICTURES
    assert {(frame.device, frame.format, frame.width, frame.height) for frame in frames} == {
        ("cuda:0", "nv12", WIDTH, HEIGHT)
    }
    assert card.count("bytes to host") == before
    assert downloads(pipeline) == 0
    stats = pipeline.stats()
    assert stats.device_bytes == PICTURES * CARD_BYTES
    assert stats.held_bytes == 0


@pytest.mark.slow
def test_all_readers_share_one_copy(film: Path, card: Card) -> None:
    wanted = pictures_of(film)
    frames, pipeline = frames_of(film)
    before = card.count("bytes to host")
    ways: list[Callable[[ff.Frame], Any]] = [
        lambda frame: frame.rgb,
        lambda frame: frame.bgr,
        lambda frame: frame.luma,
        lambda frame: frame.array,
        lambda frame: frame.planes,
        lambda frame: np.asarray(frame.to("gray")),
        lambda frame: frame.jpeg(),
        lambda frame: frame.copy("bgr"),
    ]
    threads = [threading.Thread(target=lambda way=way: [way(frame) for frame in frames]) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert card.count("bytes to host") - before == PICTURES * HOST_BYTES
    assert downloads(pipeline) == PICTURES
    assert same(frames, wanted)


@pytest.mark.slow
def test_without_the_wish_each_picture_comes_to_the_host_at_once(film: Path, card: Card) -> None:
    before = card.count("bytes to host")
    frames, pipeline = frames_of(film, on_device=False)
    assert card.count("bytes to host") - before == PICTURES * HOST_BYTES
    assert downloads(pipeline) == PICTURES
    assert {(frame.device, frame.on_device) for frame in frames} == {("cpu", None)}
    assert pipeline.stats().device_bytes == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*H264, "odd size", "crop", "turned"])
def test_the_pictures_are_those_of_the_processor(kind: str, tmp_path: Path, card: Card) -> None:
    options = H264.get(kind, H264["b-frames"])
    if kind == "crop":
        options = (*options, "-bsf:v", "h264_metadata=crop_left=64:crop_top=4:crop_right=2:crop_bottom=2")
    path = clip(tmp_path / "film.mp4", options, size="322x242" if kind == "odd size" else "320x240")
    if kind == "turned":
        turn(path, 240)
    wanted = pictures_of(path)
    frames, _ = frames_of(path)
    assert same(frames, wanted)
    assert {frame.device for frame in frames} == ({"cpu"} if kind == "turned" else {"cuda:0"})


def test_a_picture_is_read_once_its_copies_have_ended(film: Path, card: Card) -> None:
    wanted = pictures_of(film)
    with lazy_frames_of(film, card) as frames:
        assert same(frames, wanted[: len(frames)])


def test_a_reader_asks_for_no_format_of_a_reader_that_has_gone(film: Path, card: Card) -> None:
    for used in range(24):  # the next reader may get the address of one that was freed
        pipelines = [ff.Pipeline() for _ in range(24)]
        readers = [
            pipeline.reader(pipeline.add(ff.open(film, decoder="cpu"), name="film")) for pipeline in pipelines
        ]
        with pipelines[used]:
            frame = readers[used].get(timeout=LONG_WATCHDOG).frame
        assert frame.rgb.any()
        for reader in readers:
            reader.close()
        while readers:
            del readers[-1], pipelines[-1]
        assert downloads(frames_of(film)[1]) == 0


@pytest.mark.slow
def test_a_form_of_another_format_is_in_the_host(film: Path, card: Card) -> None:
    frames, _ = frames_of(film)
    other = frames[0].to("bgr")
    assert (other.device, other.on_device) == ("cpu", None)
    assert frames[0].device == "cuda:0"
    assert hash(frames[0]) == hash(frames[0].to("nv12"))


@pytest.mark.slow
def test_a_worker_process_gets_the_pixels(film: Path, card: Card) -> None:
    wanted = [int(picture.astype(np.int64).sum()) for picture in pictures_of(film)]
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film")
    sums = pipeline.reader(pipeline.add(sum_of, camera, process=ff.Process()))
    with pipeline:
        got = [sample.value for sample in sums]
    assert got == wanted
    assert downloads(pipeline) == PICTURES


@pytest.mark.slow
def test_nodes_that_read_no_pixels_cost_no_copy(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film")
    boxes = pipeline.add(lambda frame: ff.Detections(np.array([[1, 2, 3, 4]]), [1.0], [0]), camera)
    tracked = pipeline.reader(pipeline.add(ff.BoxTracker(), boxes))
    with pipeline:
        assert len([sample.value for sample in tracked]) == PICTURES
    assert downloads(pipeline) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, r'pass decoder="auto" or "cuda"'),
        ({"decoder": "cuda", "size": (64, 64)}, "cannot be combined with size="),
    ],
)
def test_a_wish_that_cannot_be_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ff.OptionError, match=reason):
        ff.open("film.mp4", on_device=True, **options)


@pytest.mark.slow
def test_where_the_processor_decodes_frames_are_in_the_host(film: Path, card: Card) -> None:
    card.fault("no_h264")
    frames, pipeline = frames_of(film, decoder="auto")
    card.fault()
    assert {(frame.device, frame.on_device) for frame in frames} == {("cpu", None)}
    assert downloads(pipeline) == 0


# ---- detection of frozen images


@pytest.mark.slow
def test_the_watch_over_a_camera_copies_nothing_to_the_host(card: Card) -> None:
    before = card.count("bytes to host")
    with (
        TcpServer(live_clip("mpegts")) as server,
        Camera(server.url, decoder="cuda", on_device=True, queue=ff.Queue(30)) as camera,
    ):
        samples = camera.read(45)  # one and a half seconds, with three keyframes per second
        assert {sample.frame.device for sample in samples} == {"cuda:0"}
        assert camera.stats.downloads == 0
    assert card.count("bytes to host") == before


@pytest.mark.slow
def test_a_frozen_camera_is_known_by_its_packets(card: Card) -> None:
    before = card.count("bytes to host")
    hung = encode("mpegts", 300, draw=lambda _, width, height: picture(0, width, height))
    with (
        TcpServer(hung) as server,
        Camera(server.url, decoder="cuda", on_device=True, frozen_after=2) as camera,
    ):
        camera.wait(lambda stats: stats.frozen, "a frozen picture")
        assert camera.stats.downloads == 0
    assert card.count("bytes to host") == before


# ---- lifetimes


@pytest.mark.slow
def test_a_kept_picture_outlives_its_source_and_its_pipeline(film: Path, card: Card) -> None:
    wanted = pictures_of(film)
    frames, pipeline = frames_of(film)
    del pipeline
    gc.collect()
    assert card.count("decoders") == 0
    assert card.count("contexts") == 1
    assert same(frames, wanted)


@pytest.mark.slow
def test_decoding_goes_on_beside_many_kept_pictures(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(
        pipeline.add(ff.open(film, decoder="cuda", on_device=True, loop=True), name="film")
    )
    with pipeline:
        held = [reader.get(timeout=LONG_WATCHDOG).frame for _ in range(200)]
        assert pipeline.stats().device_bytes >= len(held) * CARD_BYTES
    assert card.count("maps without surface") == 0
    planes = [frame.on_device for frame in held]
    assert all(planes)


@pytest.mark.slow
def test_without_memory_on_the_card_pictures_come_to_the_host(film: Path, card: Card) -> None:
    wanted = pictures_of(film)
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"))
    frames = []
    with pipeline:
        for sample in reader:
            card.fault("memory:1")
            frames.append(sample.frame)
    card.fault()
    assert same(frames, wanted)
    assert {frame.device for frame in frames} == {"cpu", "cuda:0"}
    assert downloads(pipeline) == PICTURES


# ---- the budget


@pytest.mark.slow
def test_a_file_waits_for_room_on_the_card(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=4 * CARD_BYTES)
    reader = pipeline.reader(
        pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"), queue=ff.Queue(30)
    )
    beside = pipeline.reader(pipeline.add(ff.open(film), name="beside"), queue=ff.Queue(PICTURES))
    with pipeline:
        until(lambda: pipeline.stats().device_bytes == 4 * CARD_BYTES, "the card to be full")
        assert sum(1 for _ in beside) == PICTURES  # host memory has room for all
        seen = 0
        for _ in reader:
            seen += 1
            assert pipeline.stats().device_bytes <= 5 * CARD_BYTES
    assert seen == PICTURES
    check_books(pipeline)


@pytest.mark.slow
def test_who_holds_half_of_the_room_is_named(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=8 * CARD_BYTES)
    reader = pipeline.reader(
        pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"), name="hoarder"
    )
    held: list[ff.Frame] = []
    with pipeline:
        with pytest.raises(ff.FramesHeldError, match=r"'hoarder'.*on a GPU.*max_device_bytes"):
            held.extend(sample.frame for sample in reader)
        assert len(held) >= 5
        held.clear()
        gc.collect()
        held.extend(itertools.islice((sample.frame for sample in reader), 3))
    assert len(held) == 3


@pytest.mark.slow
def test_who_holds_nothing_on_the_card_is_neither_named_nor_refused(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=8 * CARD_BYTES)
    on_card = pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film")
    hoarder = pipeline.reader(on_card, name="hoarder")
    many = pipeline.reader(pipeline.add(ff.open(film), name="beside"), name="many")
    held: list[ff.Frame] = []
    with pipeline:
        in_host = [sample.frame for sample in itertools.islice(many, PICTURES - 5)]
        with pytest.raises(
            ff.FramesHeldError, match=r"^reader 'hoarder' .*; most are held by reader 'hoarder'"
        ):
            held.extend(sample.frame for sample in hoarder)
        in_host.extend(sample.frame for sample in many)
        held.clear()
    assert len(in_host) == PICTURES


@pytest.mark.slow
def test_a_camera_drops_what_finds_no_room_on_the_card(card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=4 * 256 * 120 * 3 // 2)  # four pictures of 160x120
    with TcpServer(live_clip("mpegts")) as server:
        camera = pipeline.add(ff.open(server.url, decoder="cuda", on_device=True), name="camera")
        reader = pipeline.reader(camera, queue=ff.Queue(30))
        with pipeline:
            until(lambda: pipeline.stats().nodes["camera"].drops.get("pool", 0) > 3, "drops")
            for _ in range(3):
                reader.get(timeout=LONG_WATCHDOG)


@pytest.mark.slow
def test_the_limit_is_a_size(card: Card) -> None:
    with pytest.raises(ff.OptionError, match="max_device_bytes must be at least 1, got 0"):
        ff.Pipeline(max_device_bytes=0)


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


_BEGIN = """
import os, signal, sys
import freshframe as ff

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
pipeline = ff.Pipeline()
source = ff.open(sys.argv[1], decoder="cuda", on_device=True, loop=True)
reader = pipeline.reader(pipeline.add(source, name="film"))
pipeline.start()
held = [reader.get(timeout=60).frame for _ in range(30)]
"""


def test_a_forked_child_keeps_what_was_read_before_and_gets_a_reason_for_the_rest(
    film: Path, card_folder: Path
) -> None:
    code = f"""{_BEGIN}
pipeline.stop()
before = int(held[0].luma.sum())
child = os.fork()
if child == 0:
    assert int(held[0].luma.sum()) == before
    for read in (lambda: held[1].rgb, lambda: held[1].on_device[0].__dlpack__(max_version=(1, 0))):
        try:
            read()
        except ff.StateError as error:
            print(str(error)[:30], flush=True)
    del held[:]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(held[1].rgb.shape)
"""
    ended = program(code, card_folder, str(film))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["this frame is on a GPU that the parent"[:30]] * 2 + [
        "(240, 320, 3)"
    ]


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("way", ["sys.exit()", "pipeline.stop()", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_program_that_ends_with_pictures_leaves_nothing_on_the_card(
    way: str, film: Path, card_folder: Path
) -> None:
    ended = program(f"{_BEGIN}{way}\n", card_folder, str(film))
    assert ended.returncode == 0, ended.stderr
    report = ended.stderr.partition("fake card:")[2]
    assert "pictures" in report
    assert not re.search(r"(^|;) (decoders|mapped|buffers|contexts|streams) ", report), report
