"""Other libraries get the planes on the GPU: through DLPack, and through CUDA's array interface."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.card import Card
from rigs.card.clips import H264, clip
from rigs.card.consumer import IS_COPIED, READ_ONLY, Shown, Stream, Tensor
from rigs.card.films import CARD_BYTES, HEIGHT, WIDTH, downloads, frames_of, lazy_frames_of, planes_of
from rigs.watchdog import LONG_WATCHDOG

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["b-frames"])


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_copy_in_the_hosts_memory_is_of_its_own(film: Path, card: Card) -> None:
    frames, _ = frames_of(film)
    plane = planes_of(frames[0])[0]
    if not hasattr(np, "from_dlpack") or np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("NumPy before 2.1 has no copy= of DLPack")
    shared = np.from_dlpack(plane, device="cpu")
    own = np.from_dlpack(plane, device="cpu", copy=True)
    assert np.array_equal(own, shared)
    assert not np.shares_memory(own, shared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wish", "error", "reason"),
    [
        ({"stream": 0}, ff.OptionError, "stream must be 1"),
        ({"stream": -2}, ff.OptionError, "stream must be 1"),
        ({"stream": "a"}, ff.OptionTypeError, "stream"),
        ({"max_version": 1}, ff.OptionTypeError, "max_version must be a pair"),
        ({"copy": False}, BufferError, "a copy"),
        ({"dl_device": (1, 0), "copy": False}, BufferError, "a copy"),
        ({"dl_device": (2, 1)}, BufferError, r"device \(2, 0\)"),
    ],
)
def test_a_wrong_wish_is_refused(
    wish: dict[str, Any], error: type[Exception], reason: str, film: Path, card: Card
) -> None:
    frames, _ = frames_of(film)
    with pytest.raises(error, match=reason):
        planes_of(frames[0])[0].__dlpack__(**wish)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_consumer_of_cudas_array_interface_gets_the_planes_without_a_copy(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    before = card.count("bytes on device")
    for plane in planes_of(frames[3]):
        shown = Shown(plane)
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


def test_the_planes_of_cudas_array_interface_are_whole_without_another_wait(film: Path, card: Card) -> None:
    wanted = [frame.planes for frame in frames_of(film)[0]]
    with lazy_frames_of(film, card) as frames:
        for frame, planes in zip(frames, wanted[: len(frames)], strict=True):
            for plane, pixels in zip(planes_of(frame), planes, strict=True):
                assert np.array_equal(Shown(plane).pixels(card), pixels)


@pytest.mark.slow
@pytest.mark.parametrize("wait", [None, 1, 2, "own"])
def test_a_consumers_work_begins_once_the_picture_is_whole(wait: Any, film: Path, card: Card) -> None:
    wanted = [frame.luma for frame in frames_of(film)[0]]
    with lazy_frames_of(film, card) as frames:
        stream = Stream(card)
        number = stream.number if wait == "own" else wait
        tensors = [Tensor(planes_of(frame)[0], stream=number, max_version=(1, 0)) for frame in frames]
        rows = [stream.read(tensor) for tensor in tensors]
        stream.finish()
        assert all(np.array_equal(row, luma[0]) for row, luma in zip(rows, wanted[: len(rows)], strict=True))
        for tensor in tensors:
            tensor.close()
        stream.close()


@pytest.mark.slow
def test_a_consumer_that_does_not_wait_reads_too_early(film: Path, card: Card) -> None:
    wanted = [frame.luma.copy() for frame in frames_of(film)[0]]
    with lazy_frames_of(film, card) as frames:
        tensors = [Tensor(planes_of(frame)[0], stream=-1, max_version=(1, 0)) for frame in frames]
        assert not all(
            np.array_equal(tensor.pixels(card), luma)
            for tensor, luma in zip(tensors, wanted[: len(tensors)], strict=True)
        )
        for tensor in tensors:
            tensor.close()


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
        for sample in reader:  # others are copied into the same memory, and synchronised
            sample.frame.luma  # noqa: B018
        del sample
    stream.finish()
    assert np.array_equal(row, wanted)
    stream.close()
    card.fault()


@pytest.mark.slow
def test_a_tensor_outlives_its_frame_and_its_pipeline(film: Path, card: Card) -> None:
    frames, pipeline = frames_of(film)
    wanted = frames[5].luma.copy()
    tensor = Tensor(planes_of(frames[5])[0], max_version=(1, 0))
    unused = planes_of(frames[6])[0].__dlpack__(max_version=(1, 0))  # nobody takes it
    del frames, pipeline, unused
    gc.collect()
    assert np.array_equal(tensor.pixels(card), wanted)
    assert card.count("contexts") == 1
    # A real consumer calls it without the GIL, and on any thread.
    thread = threading.Thread(target=tensor.close)
    thread.start()
    thread.join()
    gc.collect()
    assert card.count("contexts") == 0


@pytest.mark.slow
def test_a_held_tensor_counts_as_a_held_frame(film: Path, card: Card) -> None:
    pipeline = ff.Pipeline(max_device_bytes=8 * CARD_BYTES)
    reader = pipeline.reader(pipeline.add(ff.open(film, decoder="cuda", on_device=True), name="film"))
    held: list[Tensor] = []
    with pipeline:
        with pytest.raises(ff.FramesHeldError, match="on a GPU"):
            held.extend(Tensor(planes_of(sample.frame)[0], max_version=(1, 0)) for sample in reader)
        for tensor in held:
            tensor.close()
        assert reader.get(timeout=LONG_WATCHDOG) is not None
