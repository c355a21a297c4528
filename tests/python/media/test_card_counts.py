"""With each fault of a GPU, each image is a frame or a drop, and nothing is left on the GPU."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from rigs.card import Card
from rigs.card.clips import H264, PICTURES, clip
from rigs.live.camera import Camera
from rigs.live.faulty_server import Faults
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import TcpServer
from support import check_books

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]
LEFT = ("decoders", "mapped", "buffers", "bytes", "contexts", "streams")
REFUSE = ("none", "old", "no_h264", "sessions:0", "memory:1", "width:64")  # the stream
FAIL = (
    *("refuse:1", "refuse:2", "refuse:7", "copy:1"),
    *("lost:0", "lost:1", "lost:2", "lost:9", "lost:19", "slow:2,lost:9"),
)
LOSE = ("", "lazy", "status:3", "skip:3", "copy:3", "copy:20")  # lose single images


def fault(card: Card, words: str) -> None:
    """Sets the faults. The number of `lost` is relative to the images decoded so far."""
    begin, lost, number = words.partition("lost:")
    card.fault(f"{begin}{lost}{card.count('pictures') + int(number)}" if lost else words)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [clip(folder / f"{number}.mp4", options) for number, options in enumerate(H264.values())]


def count(film: Path, decoder: str, *, on_device: bool) -> int:
    """Returns the number of frames plus drops, or 0 if the source cannot start."""
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open(film, decoder=decoder, on_device=on_device), name="film")
    reader = pipeline.reader(port, queue=ff.LOSSLESS)
    frames = 0
    with contextlib.suppress(ff.SourceError), pipeline:
        for _ in reader:
            frames += 1
    check_books(pipeline)
    return frames + sum(pipeline.stats().nodes["film"].drops.values())


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("word", [*REFUSE, *FAIL, *LOSE])
def test_each_picture_of_a_file_is_a_frame_or_a_drop(
    word: str, on_device: bool, films: list[Path], card: Card
) -> None:
    for film in films:
        fault(card, word)
        assert count(film, "auto", on_device=on_device) == PICTURES
        fault(card, word)
        counted = count(film, "cuda", on_device=on_device)
        if word in REFUSE:
            assert counted <= 1  # the first image may be needed to notice the fault
        elif word in LOSE:
            assert counted == PICTURES
        else:
            assert counted <= PICTURES  # the file ends where decoding is abandoned
    card.fault()


@pytest.mark.table(cases=1)
@pytest.mark.parametrize(
    "word", ["lost:12", "slow:5,lost:12", "refuse:1", "refuse:5", "skip:4", "copy:1", "copy:3", "copy:20"]
)
def test_each_picture_of_a_stream_is_a_frame_or_a_drop(word: str, card: Card) -> None:
    pictures = 30
    fault(card, word)
    with (
        RtspServer(encode("h264", pictures), Faults(close_after=pictures)) as server,
        Camera(server.url, decoder="auto", reconnect=False, queue=ff.Queue(pictures)) as camera,
    ):
        delivered = 0
        with contextlib.suppress(ff.EndOfStreamError, ff.SourceError):
            while camera.read(1):
                delivered += 1
        drops = sum(camera.pipeline.stats().nodes["camera"].drops.values())
    card.fault()
    assert delivered + drops == pictures


@pytest.mark.slow
def test_two_hundred_starts_leave_nothing(films: list[Path], card: Card) -> None:
    for number in range(200):
        pipeline = ff.Pipeline()
        port = pipeline.add(ff.open(films[0], decoder="cuda", on_device=number % 2 == 0, loop=True))
        reader = pipeline.reader(port)
        with pipeline:
            reader.get()
        del pipeline, port, reader
        assert {name: card.count(name) for name in LEFT} == dict.fromkeys(LEFT, 0), number


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("word", ["none", "old"])
def test_without_a_card_the_wish_for_one_takes_nothing_there(
    word: str, films: list[Path], card: Card
) -> None:
    names = (*LEFT, "pictures", "made decoders", "most bytes", "calls without context")
    before = {name: card.count(name) for name in names}
    card.fault(word)
    assert count(films[0], "auto", on_device=True) == PICTURES
    card.fault()
    assert {name: card.count(name) for name in names} == before


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("options", [{}, {"tune": "film", "bf": "2"}])
def test_a_decoder_on_a_card_holds_as_many_pictures_as_on_the_cpu(
    options: dict[str, str], card: Card
) -> None:
    sent = encode("mpegts", 60, options=options)
    held = []
    for decoder in ("cpu", "cuda"):
        with TcpServer(sent) as served, Camera(served.url, decoder=decoder) as camera:
            camera.read(15)
            held.append(camera.stats.decoder_frames)
    assert held[0] == held[1]
