"""Samples: stamp, value, frame; immutable, compared by identity."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rigs.pushed import pushed
from support import Pictures, Push

import freshframe as ff


def test_a_sample_carries_its_stamp() -> None:
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source, name="cam0"))
    with pipeline:
        captured = time.monotonic() - 2
        source.push_stamped("value", 12.5, captured)
        sample = reader.get()
        assert (sample.value, sample.seq, sample.pts, sample.source) == ("value", 0, 12.5, "cam0")
        assert sample.captured == pytest.approx(captured, abs=1e-6)
        assert sample.age >= 2
        assert sample.dropped == 0


def test_captured_defaults_to_the_time_when_the_source_gave_the_value() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        before = time.monotonic()
        source.push("a")
        captured = reader.get().captured
        assert before <= captured <= time.monotonic()


def test_a_live_source_has_the_wall_time_of_the_arrival() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push_stamped("value", 0.0, time.monotonic() - 2)
        sample = reader.get()
    assert sample.utc is not None
    assert sample.utc - time.time() == pytest.approx(sample.captured - time.monotonic(), abs=0.001)
    assert (sample.utc_from, sample.utc_error) == ("arrival", math.inf)


def test_a_file_without_a_wall_time_has_none() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Pictures(1)))
    with pipeline:
        sample = reader.get()
    assert (sample.utc, sample.utc_error, sample.utc_from) == (None, math.inf, "none")


def test_the_value_of_a_sample_is_made_once() -> None:
    pipeline, reader = ff.Pipeline(), None
    reader = pipeline.reader(pipeline.add(Pictures(1)))
    with pipeline:
        sample = reader.get()
        assert sample.value is sample.value
        assert sample.frame is sample.value


def test_samples_compare_by_identity() -> None:
    pipeline, source, reader = pushed(ff.Queue(4))
    with pipeline:
        source.push("same", "same")
        one, two = reader.get(), reader.get()
        assert one != two
        assert one == one  # noqa: PLR0124
        assert len({one, two}) == 2


def test_a_sample_has_a_telling_repr() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push("a")
        text = repr(reader.get())
    assert "Sample" in text
    assert "seq=0" in text


def test_a_sample_cannot_be_changed() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push("a")
        sample = reader.get()
        for name in ("value", "seq", "pts", "captured", "source", "frame", "dropped", "age", "utc"):
            with pytest.raises(AttributeError):
                setattr(sample, name, 1)


def test_a_reader_without_frames_delivers_the_value_and_no_frame() -> None:
    pipeline = ff.Pipeline()
    width = pipeline.add(lambda frame: frame.width, pipeline.add(Pictures(3)), name="width")
    with_frames, without = pipeline.reader(width), pipeline.reader(width, frames=False)
    with pipeline:
        assert [s.frame.width for s in with_frames] == [64] * 3
        samples = list(without)
    assert [s.value for s in samples] == [64] * 3
    with pytest.raises(
        ff.StateError, match=r"seq 0 of 'width' has no frame: .* frames=False.* use sample\.value"
    ):
        _ = samples[0].frame


@pytest.mark.parametrize(
    ("slip", "wanted"),
    [
        (lambda sample: sample.image, r"'Sample' object has no attribute 'image'\. .*sample\.frame\.bgr"),
        (lambda sample: sample.bgr, r"sample\.frame\.bgr"),
        (lambda sample: sample.shape, r"sample\.frame\.bgr\.shape"),
        (lambda sample: sample.frame.shape, r"'Frame' object has no attribute 'shape'\. .*frame\.bgr\.shape"),
        (lambda sample: sample.frame.dtype, r"frame\.bgr\.dtype"),
        (lambda sample: sample.frame.size, r"width and height"),
        (lambda sample: sample.nothing, r"'Sample' object has no attribute 'nothing'$"),
    ],
)
def test_an_attribute_that_newcomers_look_for_is_explained(
    slip: Callable[[Any], object], wanted: str
) -> None:
    (sample,) = ff.stream(ff.open("demo:circles?frames=1&size=64x48&pace=0"))
    with pytest.raises(AttributeError, match=wanted) as caught:
        slip(sample)
    assert caught.value.name not in dir(caught.value.obj)


def test_a_file_with_a_creation_time_has_it_plus_pts(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    for name in ("clip.mp4", "clip.mkv"):
        with av.open(str(tmp_path / name), "w") as container:
            container.metadata["creation_time"] = "2026-01-02T03:04:05Z"
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(5):
                container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
            container.mux(stream.encode())
        pipeline = ff.Pipeline()
        clip = ff.open(tmp_path / name, loop=True, clock_offset=0.5)
        reader = pipeline.reader(pipeline.add(clip))
        began = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp()
        with pipeline:
            samples = [reader.get() for _ in range(8)]
        assert {(sample.utc_from, sample.utc_error) for sample in samples} == {("file", 1.0)}
        times = [sample.utc - began - 0.5 for sample in samples if sample.utc is not None]
        assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0, 0.04, 0.08], abs=1e-5)
