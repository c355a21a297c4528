"""The table of invalid inputs: the exception of each, and the remedy in its message."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import operator
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support import Count, picture

import freshframe as ff


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (ff.GraphError, (ff.FreshframeError, ValueError)),
        (ff.OptionError, (ff.FreshframeError, ValueError)),
        (ff.OptionTypeError, (ff.FreshframeError, TypeError)),
        (ff.StateError, (ff.FreshframeError, RuntimeError)),
        (ff.SourceError, (ff.FreshframeError, OSError)),
        (ff.SourceTimeoutError, (ff.SourceError, TimeoutError)),
        (ff.NodeError, (ff.FreshframeError, RuntimeError)),
        (ff.FramesHeldError, (ff.FreshframeError, MemoryError)),
        (ff.DeviceError, (ff.FreshframeError, RuntimeError)),
        (ff.EndOfStreamError, (ff.FreshframeError, EOFError)),
        (ff.MissingPackageError, (ff.FreshframeError, ImportError)),
        (ff.ReadTimeoutError, (ff.FreshframeError, TimeoutError)),
        (ff.StalledError, (ff.FreshframeError, TimeoutError)),
        (ff.StopTimeoutError, (ff.FreshframeError, TimeoutError)),
    ],
)
def test_each_error_is_also_the_builtin_that_people_catch(
    error: type[Exception], bases: tuple[type, ...]
) -> None:
    for base in bases:
        assert issubclass(error, base)
    assert not issubclass(ff.FreshframeError, (ValueError, OSError, RuntimeError))


def _unreadable(folder: Path) -> Path:
    path = folder / "secret.mp4"
    path.write_bytes(b"\0" * 100)
    path.chmod(0)
    return path


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (
        lambda folder: folder / "missing.mp4",
        r"missing\.mp4.*(?i:no such file)|(?i:no such file).*missing\.mp4",
    ),
    "a directory": (
        lambda folder: folder,
        r"the folder is empty: images .* end in \.png, .*, \.xwd",
    ),
    "empty": (lambda folder: _written(folder, "empty.mp4", b""), r"empty\.mp4"),
    "no video": (lambda folder: _written(folder, "text.mp4", b"once upon a time\n" * 100), r"text\.mp4"),
    "a picture that is none": (
        lambda folder: _written(folder, "a.png", b"\x89PNG\r\n\x1a\nnothing"),
        r"a\.png",
    ),
    "a name with a null byte": (lambda folder: folder / "a\0b.mp4", r"(?i)null|NUL|a"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_video_is_a_source_error_that_names_it(case: str, tmp_path: Path) -> None:
    make, message = FILES[case]
    pipeline = ff.Pipeline()
    with pytest.raises((ff.SourceError, ff.OptionError), match=message):  # noqa: PT012
        pipeline.add(ff.open(make(tmp_path)))
        pipeline.start()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_source_error(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(_unreadable(tmp_path)))
    with pytest.raises(ff.SourceError, match=r"(?i)permission"):
        pipeline.start()


def test_a_source_error_says_which_source_address_and_errno(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.open(tmp_path / "missing.mp4"), name="cam0")
    with pytest.raises(ff.SourceError) as caught:
        pipeline.start()
    assert caught.value.source == "cam0"
    assert caught.value.url == str(tmp_path / "missing.mp4")
    assert caught.value.errno == 2
    pipeline.stop()


def test_a_truncated_video_is_read_up_to_where_it_ends(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mkv"
    writer = ff.Pipeline()
    writer.add(ff.VideoFile(whole), writer.add(ff.open("demo:circles?pace=0&size=320x240&frames=60")))
    assert writer.run().complete
    cut = _written(tmp_path, "cut.mkv", whole.read_bytes()[: whole.stat().st_size // 2])
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(cut)))
    with pipeline:
        frames = len(list(reader))
    assert 0 < frames < 60


def test_a_missing_picture_of_a_mock_camera_is_a_source_error(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(ff.SourceError, match=r"pepsi\.png"):  # noqa: PT012
        pipeline.add(ff.testing.MockCamera(tmp_path / "pepsi.png"))
        pipeline.start()


def test_a_video_file_that_cannot_be_written_says_so_before_a_frame_flows(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open("demo:circles?pace=0&frames=3"))
    pipeline.add(ff.VideoFile(tmp_path / "no" / "such" / "folder.mp4"), port)
    with pytest.raises(ff.NodeError, match=r"'VideoFile'.*folder\.mp4"):
        pipeline.start()


ARRAYS: dict[str, tuple[Any, Any, str]] = {
    "floats": (np.zeros((4, 4, 3)), "bgr", r"uint8.*float64"),
    "two dimensions for bgr": (np.zeros((4, 4), np.uint8), "bgr", r"\(4, 4\)"),
    "four channels for bgr": (np.zeros((4, 4, 4), np.uint8), "bgr", r"\(4, 4, 4\)"),
    "three dimensions for gray": (np.zeros((4, 4, 3), np.uint8), "gray", r"\(4, 4, 3\)"),
    "no pixels": (np.zeros((0, 4), np.uint8), "gray", r"(?s)0"),
    "rows that are no multiple of three": (np.zeros((4, 4), np.uint8), "i420", r"\(4, 4\)|3"),
    "an unknown format": (np.zeros((4, 4), np.uint8), "yuv", r"yuv.*gray|gray.*yuv"),
    "a list": ([[1, 2], [3, 4]], "gray", r"list|array"),
    "None": (None, "gray", r"None|array"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_that_is_no_picture_is_refused_with_its_shape_or_type(case: str) -> None:
    array, format_, message = ARRAYS[case]
    with pytest.raises((ValueError, TypeError), match=message):
        ff.Frame.from_array(array, format_)


def test_a_frame_refuses_an_unknown_format() -> None:
    frame, unknown = ff.Frame.from_array(picture(0), "gray"), cast("Any", "yuv")
    with pytest.raises(ValueError, match=r"yuv.*gray|gray.*yuv"):
        frame.to(unknown)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((4, 4)), r"uint8.*float64"),
        (3, r"int|array"),
    ],
)
def test_detect_circles_refuses_arrays_that_are_no_picture(array: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ff.CircleDetector().detect(array)


def test_pipelines_readers_and_frames_refuse_to_be_pickled_and_say_why() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(1)))
    frame = ff.Frame.from_array(picture(0), "gray")
    with ff.stream(ff.open("demo:circles?size=64x48&frames=1&pace=0")) as stream:
        sample = next(iter(stream))
    for thing in (pipeline, reader, frame, sample):
        with pytest.raises(TypeError, match=type(thing).__name__):
            pickle.dumps(thing)


def test_errors_survive_pickling() -> None:
    def boom(_: int) -> None:
        raise ZeroDivisionError("at will")

    pipeline = ff.Pipeline()
    pipeline.add(boom, pipeline.add(Count(1), name="cam0"))
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is ff.NodeError
    assert str(again) == str(caught.value)
    assert (again.node, again.seq, again.source) == ("boom", 0, "cam0")


def test_results_travel_by_pickle() -> None:
    circles = ff.CircleDetector().detect(picture(0))
    again = pickle.loads(pickle.dumps(circles))
    assert np.array_equal(again.xyr, circles.xyr)


@pytest.mark.parametrize("kind", ["Sample", "Reader", "Port", "types.StopToken"])
def test_what_only_the_engine_makes_cannot_be_made_by_hand(kind: str) -> None:
    with pytest.raises(TypeError):
        operator.attrgetter(kind)(ff)()
