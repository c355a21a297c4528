"""Images that a GPU loses or corrupts: an error for their reader, and drops of the node that reads them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.card import Card
from rigs.card.clips import H264, clip
from rigs.card.films import HEIGHT, WIDTH, downloads, frames_of, lose_pictures, planes_of, sum_of
from rigs.live.camera import Camera
from rigs.live.camera import clip as live_clip
from rigs.live.servers import TcpServer
from support import check_books

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["b-frames"])


@pytest.mark.slow
def test_a_picture_whose_card_is_lost_raises_at_its_reader(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    read_before = frames[0].rgb.copy()
    card.fault("lost:0")
    with pytest.raises(ff.DeviceError, match=r"cuda:0: a frame cannot be copied to host memory: CUDA_"):
        frames[1].rgb  # noqa: B018
    with pytest.raises(ff.DeviceError, match=r"cuda:0: a frame cannot be"):
        planes_of(frames[1])[0].__dlpack__(max_version=(1, 0))
    with pytest.raises(ff.DeviceError, match=r"cuda:0: a frame cannot be"):
        planes_of(frames[1])[0].__cuda_array_interface__  # noqa: B018
    assert np.array_equal(frames[0].rgb, read_before)
    card.fault()
    assert frames[1].rgb.shape == (HEIGHT, WIDTH, 3)  # a later request may succeed
    assert downloads(pipeline) == 2


class Sums(ff.Node[ff.Frame, int]):
    def process(self, sample: ff.Sample[ff.Frame], /) -> int:
        return sum_of(sample.value)


def all_sums(frames: list[ff.Frame]) -> list[int]:
    return [sum_of(frame) for frame in frames]


def each_sum(frames: list[ff.Frame]) -> list[int | Exception]:
    return [sum_or_error(frame) for frame in frames]


def sum_or_error(frame: ff.Frame) -> int | Exception:
    try:
        return sum_of(frame)
    except ff.DeviceError as error:
        return error


def yielded(frame: ff.Frame) -> Iterator[int]:
    yield sum_of(frame)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "options"),
    [
        pytest.param(ff.CircleTracker, {}, id="native"),
        pytest.param(lambda: sum_of, {}, id="function"),
        pytest.param(lambda: sum_of, {"on_error": "skip"}, id="skips"),
        pytest.param(lambda: yielded, {}, id="generator"),
        pytest.param(Sums, {}, id="class"),
        pytest.param(lambda: all_sums, {"batch": ff.Batch(2)}, id="batch"),
        pytest.param(lambda: each_sum, {"batch": ff.Batch(2)}, id="batch of results and errors"),
        pytest.param(lambda: sum_of, {"process": ff.Process()}, id="worker"),
    ],
)
def test_pictures_that_are_lost_with_the_card_are_drops_of_the_node_that_reads_them(
    step: Callable[[], Any], options: dict[str, Any], film: Path, card: Card
) -> None:
    node = lose_pictures(film, card, step(), **options)
    assert "CUDA_" in (node.last_error or "")


class UnsendableError(ff.DeviceError):
    def __reduce__(self) -> str:
        raise TypeError("it stays where it is")


def lose(frame: ff.Frame) -> int:
    raise ff.DeviceError("cuda:0: CUDA_ERROR_UNKNOWN")


def lose_unsendably(frame: ff.Frame) -> int:
    raise UnsendableError("cuda:0: CUDA_ERROR_UNKNOWN")


def lose_all(frames: list[ff.Frame]) -> list[int]:
    return [lose(frame) for frame in frames]


def lose_each(frames: list[ff.Frame]) -> list[int | Exception]:
    return [ff.DeviceError("cuda:0: CUDA_ERROR_UNKNOWN") for _ in frames]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "options"),
    [
        pytest.param(lose, {}, id="function"),
        pytest.param(lose, {"on_error": "skip"}, id="skips"),
        pytest.param(lose_unsendably, {}, id="cannot be sent"),
        pytest.param(lose_all, {"batch": ff.Batch(2)}, id="batch"),
        pytest.param(lose_each, {"batch": ff.Batch(2)}, id="batch of errors"),
    ],
)
def test_pictures_that_a_step_in_a_worker_process_cannot_read_are_drops(
    step: Callable[[Any], Any], options: dict[str, Any]
) -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?pace=0&frames=4&size=64x48"), name="scene")
    pipeline.add(step, scene, name="reads", process=ff.Process(), queue=ff.LOSSLESS, **options)
    node = pipeline.run().nodes["reads"]
    assert dict(node.drops) == {"device": 4}
    assert "CUDA_" in (node.last_error or "")
    check_books(pipeline)


@pytest.mark.parametrize("on_device", [False, True])
def test_pictures_whose_damage_the_card_has_hidden_are_damaged(on_device: bool, card: Card) -> None:
    asked = card.count("status asked")
    card.fault("status:4")
    with (
        TcpServer(live_clip("mpegts")) as server,
        Camera(server.url, decoder="cuda", on_device=on_device, queue=ff.Queue(30)) as camera,
    ):
        marks = [sample.frame.damaged for sample in camera.read(20)]
        count = camera.stats.damaged
    card.fault()
    if card.count("status asked") == asked:
        pytest.skip("this FFmpeg does not ask the card for the status of a picture")
    assert marks.count(True) in (4, 5, 6)
    assert count >= marks.count(True)
