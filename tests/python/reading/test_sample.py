"""Samples: stamp, value, frame; immutable, compared by identity."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time

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
        assert sample.frame is None
        assert sample.dropped == 0


def test_captured_defaults_to_the_time_when_the_source_gave_the_value() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        before = time.monotonic()
        source.push("a")
        captured = reader.get().captured
        assert before <= captured <= time.monotonic()


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
        for name in ("value", "seq", "pts", "captured", "source", "frame", "dropped", "age"):
            with pytest.raises(AttributeError):
                setattr(sample, name, 1)


def test_a_reader_without_frames_delivers_the_value_and_no_frame() -> None:
    pipeline = ff.Pipeline()
    width = pipeline.add(lambda frame: frame.width, pipeline.add(Pictures(3)), name="width")
    with_frames, without = pipeline.reader(width), pipeline.reader(width, frames=False)
    with pipeline:
        assert [(s.value, s.frame) for s in without] == [(64, None)] * 3
        assert all(s.frame is not None for s in with_frames)
