"""Pictures that stay on the card come to the host only if somebody reads them there, and then once."""
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rigs.card import Card
from rigs.card.clips import H264, PICTURES, clip
from rigs.card.consumer import IS_COPIED, READ_ONLY, Shown, Stream, Tensor
from rigs.live.camera import Camera
from rigs.live.camera import clip as live_clip
from rigs.live.media import encode, picture
from rigs.live.servers import TcpServer
from rigs.turned_film import turn
from rigs.watchdog import LONG_WATCHDOG
from support import Gate, check_books, until

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]

WIDTH, HEIGHT = 320, 240
HOST_BYTES = WIDTH * HEIGHT * 3 // 2
CARD_BYTES = 512 * HEIGHT * 3 // 2  # rows of a multiple of 256 bytes


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["b-frames"])


def frames_of(
    path: Path, *, on_device: bool = True, decoder: str = "cuda", **options: Any
) -> tuple[list[ff.Frame], ff.Pipeline]:
    pipeline = ff.Pipeline()
    opened = ff.open(path, decoder=decoder, on_device=on_device, **options)
    reader = pipeline.reader(pipeline.add(opened, name="film"))
    with pipeline:
        frames = [sample.frame for sample in reader]
    check_books(pipeline)
    return frames, pipeline


def pictures_of(path: Path) -> list[npt.NDArray[np.uint8]]:
    frames, _ = frames_of(path, on_device=False, decoder="cpu")
    return [frame.rgb for frame in frames]


def downloads(pipeline: ff.Pipeline, name: str = "film") -> int:
    source = pipeline.stats().nodes[name].source
    assert source is not None
    return source.downloads


def same(frames: list[ff.Frame], wanted: list[npt.NDArray[np.uint8]]) -> bool:
    return all(np.array_equal(a.rgb, b) for a, b in zip(frames, wanted, strict=True))


# ---- one copy, for who reads


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


def test_without_the_wish_each_picture_comes_to_the_host_at_once(film: Path, card: Card) -> None:
    before = card.count("bytes to host")
    frames, pipeline = frames_of(film, on_device=False)
    assert card.count("bytes to host") - before == PICTURES * HOST_BYTES
    assert downloads(pipeline) == PICTURES
    assert {(frame.device, frame.on_device) for frame in frames} == {("cpu", None)}
    assert pipeline.stats().device_bytes == 0


@pytest.mark.parametrize("kind", [*H264, "odd size", "crop", "turned", "lazy"])
def test_the_pictures_are_those_of_the_processor(kind: str, tmp_path: Path, card: Card) -> None:
    options = H264.get(kind, H264["b-frames"])
    if kind == "crop":
        options = (*options, "-bsf:v", "h264_metadata=crop_left=64:crop_top=4:crop_right=2:crop_bottom=2")
    path = clip(tmp_path / "film.mp4", options, size="322x242" if kind == "odd size" else "320x240")
    if kind == "turned":
        turn(path, 240)
    wanted = pictures_of(path)
    if kind == "lazy":
        card.fault("lazy")
    frames, _ = frames_of(path)
    assert same(frames, wanted)
    assert {frame.device for frame in frames} == ({"cpu"} if kind == "turned" else {"cuda:0"})
    card.fault()


def test_a_form_of_another_format_is_in_the_host(film: Path, card: Card) -> None:
    frames, _ = frames_of(film)
    other = frames[0].to("bgr")
    assert (other.device, other.on_device) == ("cpu", None)
    assert frames[0].device == "cuda:0"
    assert hash(frames[0]) == hash(frames[0].to("nv12"))


def test_a_worker_process_gets_the_pixels(film: Path, card: Card) -> None:
    wanted = [int(picture.astype(np.int64).sum()) for picture in pictures_of(film)]
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film")
    sums = pipeline.reader(pipeline.add(sum_of, camera, process=ff.Process()))
    with pipeline:
        got = [sample.value for sample in sums]
    assert got == wanted
    assert downloads(pipeline) == PICTURES


def sum_of(frame: ff.Frame) -> int:
    return int(frame.rgb.astype(np.int64).sum())


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
        ({}, r'give decoder="auto" or "cuda"'),
        ({"decoder": "cuda", "size": (64, 64)}, "takes no size"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ff.OptionError, match=reason):
        ff.open("film.mp4", on_device=True, **options)


def test_where_the_processor_decodes_frames_are_in_the_host(film: Path, card: Card) -> None:
    card.fault("no_h264")
    frames, pipeline = frames_of(film, decoder="auto")
    card.fault()
    assert {(frame.device, frame.on_device) for frame in frames} == {("cpu", None)}
    assert downloads(pipeline) == 0


# ---- the watch over frozen pictures


def test_the_watch_over_a_camera_copies_nothing_to_the_host(card: Card) -> None:
    before = card.count("bytes to host")
    with (
        TcpServer(live_clip("mpegts")) as server,
        Camera(server.url, decoder="cuda", on_device=True, queue=ff.Queue(30)) as camera,
    ):
        samples = camera.read(45)  # one and a half seconds, with a keyframe three times a second
        assert {sample.frame.device for sample in samples} == {"cuda:0"}
        assert camera.stats.downloads == 0
    assert card.count("bytes to host") == before


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


def test_a_kept_picture_outlives_its_source_and_its_pipeline(film: Path, card: Card) -> None:
    wanted = pictures_of(film)
    frames, pipeline = frames_of(film)
    del pipeline
    gc.collect()
    assert card.count("decoders") == 0
    assert card.count("contexts") == 1
    assert same(frames, wanted)


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


def test_a_picture_whose_card_is_lost_raises_at_its_reader(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    read_before = frames[0].rgb.copy()
    card.fault("lost:0")
    with pytest.raises(ff.DeviceError, match=r"cuda:0: a picture cannot be brought to the host: CUDA_"):
        frames[1].rgb  # noqa: B018
    with pytest.raises(ff.DeviceError, match=r"cuda:0: a picture cannot be"):
        planes_of(frames[1])[0].__dlpack__(max_version=(1, 0))
    with pytest.raises(ff.DeviceError, match=r"cuda:0: a picture cannot be"):
        planes_of(frames[1])[0].__cuda_array_interface__  # noqa: B018
    assert np.array_equal(frames[0].rgb, read_before)
    card.fault()
    assert frames[1].rgb.shape == (HEIGHT, WIDTH, 3)  # it may be asked again
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
    gate = Gate()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(film, decoder="auto", on_device=True), name="film")

    def wait(frame: ff.Frame) -> ff.Frame:
        gate.enter()
        return frame

    waited = pipeline.add(wait, camera)
    reader = pipeline.reader(pipeline.add(step(), waited, name="reads", **options))
    with pipeline:
        until(lambda: pipeline.stats().nodes["film"].processed > 3, "pictures on the card")
        card.fault("lost:0")
        gate.open()
        seen = len(list(reader))
    card.fault()
    node = pipeline.stats().nodes["reads"]
    assert set(node.drops) == {"device"}
    assert seen + node.drops["device"] == pipeline.stats().nodes["film"].processed
    assert "CUDA_" in (node.last_error or "")
    check_books(pipeline)


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


# ---- the budget


def test_a_file_waits_for_room_on_the_card(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=4 * CARD_BYTES)
    reader = pipeline.reader(
        pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"), queue=ff.Queue(30)
    )
    beside = pipeline.reader(pipeline.add(ff.open(film), name="beside"), queue=ff.Queue(PICTURES))
    with pipeline:
        until(lambda: pipeline.stats().device_bytes == 4 * CARD_BYTES, "the card to be full")
        assert sum(1 for _ in beside) == PICTURES  # in the host's memory there is room
        seen = 0
        for _ in reader:
            seen += 1
            assert pipeline.stats().device_bytes <= 5 * CARD_BYTES
    assert seen == PICTURES
    check_books(pipeline)


def test_who_holds_half_of_the_room_is_named(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=8 * CARD_BYTES)
    reader = pipeline.reader(
        pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"), name="hoarder"
    )
    held: list[ff.Frame] = []
    with pipeline:
        with pytest.raises(ff.FramesHeldError, match=r"'hoarder'.*on a graphics card.*max_device_bytes"):
            held.extend(sample.frame for sample in reader)
        assert len(held) >= 5
        held.clear()
        gc.collect()
        held.extend(itertools.islice((sample.frame for sample in reader), 3))
    assert len(held) == 3


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


def test_a_camera_drops_what_finds_no_room_on_the_card(card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=4 * 256 * 120 * 3 // 2)  # four pictures of 160x120
    with TcpServer(live_clip("mpegts")) as server:
        camera = pipeline.add(ff.open(server.url, decoder="cuda", on_device=True), name="camera")
        reader = pipeline.reader(camera, queue=ff.Queue(30))
        with pipeline:
            until(lambda: pipeline.stats().nodes["camera"].drops.get("pool", 0) > 3, "drops")
            for _ in range(3):
                reader.get(timeout=LONG_WATCHDOG)


def test_the_limit_is_a_size(card: Card) -> None:
    with pytest.raises(ff.OptionError, match="max_device_bytes must be at least 1, got 0"):
        ff.Pipeline(max_device_bytes=0)


# ---- DLPack


def planes_of(frame: ff.Frame) -> tuple[Any, Any]:
    planes = frame.on_device
    assert planes is not None
    return planes


def test_a_consumer_of_today_gets_the_planes_without_a_copy(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    counts = {name: card.count(name) for name in ("bytes to host", "bytes on device", "bytes to device")}
    for frame in frames:
        y, uv = planes_of(frame)
        assert (y.shape, uv.shape) == ((HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2, 2))
        assert y.__dlpack_device__() == uv.__dlpack_device__() == (2, 0)
        for plane in (y, uv):
            tensor = Tensor(plane, stream=1, max_version=(1, 2))
            assert (tensor.device, tensor.type, tensor.flags) == ((2, 0), (1, 8, 1), READ_ONLY)
            assert tensor.shape == plane.shape
            assert tensor.pixels(card).any()
            tensor.close()
    assert {name: card.count(name) for name in counts} == counts
    assert downloads(pipeline) == 0
    y, uv = (Tensor(plane, max_version=(1, 0)) for plane in planes_of(frames[3]))
    assert np.array_equal(y.pixels(card), frames[3].planes[0])
    assert np.array_equal(uv.pixels(card), frames[3].planes[1])
    y.close()
    uv.close()


@pytest.mark.parametrize("wish", [{}, {"max_version": (0, 8)}, {"max_version": (1, 0), "copy": True}])
def test_a_consumer_that_may_write_gets_a_copy_on_the_card(
    wish: dict[str, Any], film: Path, card: Card
) -> None:
    frames, pipeline = frames_of(film)
    before = card.count("bytes to host")
    plane = planes_of(frames[0])[0]
    shared, own = Tensor(plane, max_version=(1, 0)), Tensor(plane, **wish)
    assert own.address != shared.address
    assert np.array_equal(own.pixels(card), shared.pixels(card))
    assert own.flags == (IS_COPIED if own.is_versioned else 0)
    assert own.is_versioned == ("copy" in wish)
    assert card.count("bytes to host") == before
    assert downloads(pipeline) == 0
    shared.close()
    own.close()


def test_a_copy_in_the_hosts_memory_is_of_its_own(film: Path, card: Card) -> None:
    frames, _ = frames_of(film)
    plane = planes_of(frames[0])[0]
    if not hasattr(np, "from_dlpack") or np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("NumPy before 2.1 has no copy= of DLPack")
    shared = np.from_dlpack(plane, device="cpu")
    own = np.from_dlpack(plane, device="cpu", copy=True)
    assert np.array_equal(own, shared)
    assert not np.shares_memory(own, shared)


@pytest.mark.parametrize(
    ("wish", "error", "reason"),
    [
        ({"stream": 0}, ff.OptionError, "stream must be 1"),
        ({"stream": -2}, ff.OptionError, "stream must be 1"),
        ({"stream": "a"}, ff.OptionTypeError, "stream"),
        ({"max_version": 1}, ff.OptionTypeError, "max_version must be a pair"),
        ({"copy": False}, BufferError, "a copy is needed"),
        ({"dl_device": (1, 0), "copy": False}, BufferError, "a copy is needed"),
        ({"dl_device": (2, 1)}, BufferError, r"device \(2, 0\)"),
    ],
)
def test_a_wrong_wish_is_refused(
    wish: dict[str, Any], error: type[Exception], reason: str, film: Path, card: Card
) -> None:
    frames, _ = frames_of(film)
    with pytest.raises(error, match=reason):
        planes_of(frames[0])[0].__dlpack__(**wish)


def test_the_host_gets_the_copy_that_all_share(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    y, uv = planes_of(frames[0])
    assert np.array_equal(np.asarray(y), frames[0].planes[0])
    assert np.array_equal(np.asarray(uv), frames[0].planes[1])
    assert np.asarray(y, dtype=np.float32).dtype == np.float32
    for wish in ({"max_version": (1, 0)}, {}):
        capsule = y.__dlpack__(dl_device=(1, 0), **wish)
        assert "dltensor" in repr(capsule)
    assert downloads(pipeline) == 1


def test_a_consumer_of_cudas_array_interface_gets_the_planes_without_a_copy(film: Path, card: Card) -> None:
    wanted = [plane.copy() for plane in frames_of(film)[0][3].planes]
    card.fault("lazy")
    frames, pipeline = frames_of(film)
    before = card.count("bytes on device")
    for plane, pixels in zip(planes_of(frames[3]), wanted, strict=True):
        shown = Shown(plane)
        assert np.array_equal(shown.pixels(card), pixels)  # it is whole without another wait
        tensor = Tensor(plane, max_version=(1, 0))
        about = {name: shown.place[name] for name in ("version", "typestr", "stream", "data", "strides")}
        data = (tensor.address, True)
        assert about == {
            "version": 3,
            "typestr": "|u1",
            "stream": None,
            "data": data,
            "strides": tensor.strides,
        }
        assert shown.shape == plane.shape
        tensor.close()
    assert card.count("bytes on device") == before
    assert downloads(pipeline) == 0
    card.fault()


@pytest.mark.parametrize("wait", [None, 1, 2, "own"])
def test_a_consumers_work_begins_once_the_picture_is_whole(wait: Any, film: Path, card: Card) -> None:
    wanted = [picture for picture in (frame.luma for frame in frames_of(film)[0])]
    card.fault("lazy")
    frames, _ = frames_of(film)
    stream = Stream(card)
    number = stream.number if wait == "own" else wait
    tensors = [Tensor(planes_of(frame)[0], stream=number, max_version=(1, 0)) for frame in frames]
    rows = [stream.read(tensor) for tensor in tensors]
    stream.finish()
    assert all(np.array_equal(row, luma[0]) for row, luma in zip(rows, wanted, strict=True))
    for tensor in tensors:
        tensor.close()
    stream.close()
    card.fault()


def test_a_consumer_that_does_not_wait_reads_too_early(film: Path, card: Card) -> None:
    wanted = [frame.luma.copy() for frame in frames_of(film)[0]]
    card.fault("lazy")
    frames, _ = frames_of(film)
    tensors = [Tensor(planes_of(frame)[0], stream=-1, max_version=(1, 0)) for frame in frames]
    assert not all(
        np.array_equal(tensor.pixels(card), luma) for tensor, luma in zip(tensors, wanted, strict=True)
    )
    for tensor in tensors:
        tensor.close()
    card.fault()


@pytest.mark.parametrize("way", ["dlpack", "array interface"])
def test_memory_is_not_written_before_its_readers_have_ended(way: str, film: Path, card: Card) -> None:
    wanted = frames_of(film)[0][0].luma[0].copy()
    card.fault("lazy")
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"))
    with pipeline:
        frame = reader.get(timeout=LONG_WATCHDOG).frame
        stream = Stream(card, is_legacy=way == "array interface")
        y = planes_of(frame)[0]
        memory: Shown | Tensor
        memory = Shown(y) if way == "array interface" else Tensor(y, stream=stream.number, max_version=(1, 0))
        del y
        row = stream.read(memory)  # asynchronous: not done yet
        memory.close()
        del frame, memory
        for sample in reader:  # others are copied into the same memory, and waited for
            sample.frame.luma  # noqa: B018
        del sample
    stream.finish()
    assert np.array_equal(row, wanted)
    stream.close()
    card.fault()


def test_a_tensor_outlives_its_frame_and_its_pipeline(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    wanted = frames[5].luma.copy()
    tensor = Tensor(planes_of(frames[5])[0], max_version=(1, 0))
    unused = planes_of(frames[6])[0].__dlpack__(max_version=(1, 0))  # nobody takes it
    del frames, pipeline, unused
    gc.collect()
    assert np.array_equal(tensor.pixels(card), wanted)
    assert card.count("contexts") == 1
    thread = threading.Thread(target=tensor.close)  # without the GIL in a true consumer, and on any thread
    thread.start()
    thread.join()
    gc.collect()
    assert card.count("contexts") == 0


def test_a_held_tensor_counts_as_a_held_frame(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=8 * CARD_BYTES)
    reader = pipeline.reader(pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"))
    held: list[Tensor] = []
    with pipeline:
        with pytest.raises(ff.FramesHeldError, match="on a graphics card"):
            held.extend(Tensor(planes_of(sample.frame)[0], max_version=(1, 0)) for sample in reader)
        for tensor in held:
            tensor.close()
        assert reader.get(timeout=LONG_WATCHDOG) is not None


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
    assert ended.stdout.splitlines() == ["this frame is on a graphics card"[:30]] * 2 + ["(240, 320, 3)"]


@pytest.mark.parametrize("way", ["sys.exit()", "pipeline.stop()", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_a_program_that_ends_with_pictures_leaves_nothing_on_the_card(
    way: str, film: Path, card_folder: Path
) -> None:
    ended = program(f"{_BEGIN}{way}\n", card_folder, str(film))
    assert ended.returncode == 0, ended.stderr
    report = ended.stderr.partition("fake card:")[2]
    assert "pictures" in report
    assert not re.search(r"(^|;) (decoders|mapped|buffers|contexts|streams) ", report), report
