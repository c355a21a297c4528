"""The table of bad inputs: what each is refused with, and that the message says what to do."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support import Collect, Count, Push, Ticker, picture

import freshframe as ff


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (ff.GraphError, (ff.FreshframeError, ValueError)),
        (ff.OptionError, (ff.FreshframeError, ValueError)),
        (ff.OptionTypeError, (ff.FreshframeError, TypeError)),
        (ff.StateError, (ff.FreshframeError, RuntimeError)),
        (ff.SourceError, (ff.FreshframeError, OSError)),
        (ff.SourceTimeout, (ff.SourceError, TimeoutError)),
        (ff.NodeError, (ff.FreshframeError, RuntimeError)),
        (ff.FramesHeld, (ff.FreshframeError, MemoryError)),
        (ff.EndOfStream, (ff.FreshframeError,)),
        (ff.ReadTimeout, (ff.FreshframeError, TimeoutError)),
        (ff.Stalled, (ff.FreshframeError, TimeoutError)),
        (ff.StopTimeout, (ff.FreshframeError, TimeoutError)),
    ],
)
def test_each_error_is_also_the_builtin_that_people_catch(
    error: type[Exception], bases: tuple[type, ...]
) -> None:
    for base in bases:
        assert issubclass(error, base)
    assert not issubclass(ff.FreshframeError, (ValueError, OSError, RuntimeError))


# --- wiring -------------------------------------------------------------------------------------------------


def with_source(add: Callable[[ff.Pipeline, ff.Port[Any]], object], *, live: bool = True) -> None:
    pipeline = ff.Pipeline()
    add(pipeline, pipeline.add(Push(live=live), name="cam"))
    pipeline.start()


class Debugger(ff.Node[Any, None]):
    def process(self, sample: ff.Sample[Any]) -> None:
        pass


class NoProcess(ff.Node[Any, None]):
    pass


class NoRead(ff.Source[Any]):
    pass


ANYTHING: Any = None
other = ff.Pipeline()
foreign = other.add(Ticker(), name="foreign")

Errors = type[Exception] | tuple[type[Exception], ...]
WIRING: dict[str, tuple[Callable[[Any, Any], object], Errors, str]] = {
    "a node without parent": (lambda p, c: p.add(Collect()), ff.GraphError, r"'Collect'.*needs a parent"),
    "a source with a parent": (lambda p, c: p.add(Ticker(), c), ff.GraphError, r"'Ticker'.*takes no parent"),
    "a class instead of an instance": (
        lambda p, c: p.add(Debugger, c),
        ff.OptionTypeError,
        r"got class Debugger; did you mean Debugger\(\)\?",
    ),
    "a source class instead of an instance": (
        lambda p, c: p.add(Ticker),
        ff.OptionTypeError,
        r"did you mean Ticker\(\)\?",
    ),
    "a number as a node": (lambda p, c: p.add(5, c), ff.OptionTypeError, r"5|int"),
    "None as a node": (lambda p, c: p.add(None, c), ff.OptionTypeError, r"None"),
    "a port as a node": (lambda p, c: p.add(c), ff.OptionTypeError, r"(?i)port"),
    "a node as a parent": (lambda p, c: p.add(Collect(), Ticker()), ff.OptionTypeError, r"(?i)port|Ticker"),
    "a string as a parent": (
        lambda p, c: p.add(Collect(), "cam"),
        ff.OptionTypeError,
        r"(?i)port.*(str|'cam')",
    ),
    "no parents in a list": (lambda p, c: p.add(Collect(), []), ff.GraphError, r"'Collect'.*parent"),
    "something else in a list of parents": (
        lambda p, c: p.add(Collect(), [c, 3]),
        ff.OptionTypeError,
        r"(?i)port",
    ),
    "a port of another pipeline": (lambda p, c: p.add(Collect(), foreign), ff.GraphError, r"(?s)pipeline"),
    "a reader of another pipeline's port": (lambda p, c: p.reader(foreign), ff.GraphError, r"(?s)pipeline"),
    "a reader of nothing": (lambda p, c: p.reader(), ff.GraphError, r"port"),
    "a reader of a node": (lambda p, c: p.reader(Ticker()), ff.OptionTypeError, r"(?i)port|Ticker"),
    "a node without process()": (lambda p, c: p.add(NoProcess(), c), ff.GraphError, r"NoProcess.*process"),
    "a source without read()": (lambda p, c: p.add(NoRead()), ff.GraphError, r"NoRead.*read"),
    "a child of a sink": (
        lambda p, c: p.add(Collect(), p.add(ff.VideoFile("x.mp4"), p.add(ff.open("demo:circles")))),
        ff.GraphError,
        r"'VideoFile' is a sink",
    ),
    "a blocking queue below a camera": (
        lambda p, c: p.add(Collect(), c, queue=ff.LOSSLESS),
        ff.GraphError,
        r"'Collect'.*live source 'cam'.*LATEST",
    ),
    "a blocking reader below a camera": (
        lambda p, c: p.reader(c, queue=ff.LOSSLESS),
        ff.GraphError,
        r"'reader'.*live source 'cam'.*LATEST",
    ),
    "a queue for a source": (
        lambda p, c: p.add(Ticker(), queue=ff.LATEST),
        ff.GraphError,
        r"'Ticker'.*source.*queue",
    ),
    "a name that is taken": (lambda p, c: p.add(Collect(), c, name="cam"), ff.GraphError, r"'cam' is taken"),
    "frames=False for frames": (
        lambda p, c: p.reader(p.add(ff.open("demo:circles")), frames=False),
        ff.GraphError,
        r"frames=False.*'VideoSource'",
    ),
    "a number as a queue": (lambda p, c: p.add(Collect(), c, queue=3), ff.OptionTypeError, r"Queue"),
    "a number as a name": (
        lambda p, c: p.add(Collect(), c, name=3),
        ff.OptionTypeError,
        r"name must be a text",
    ),
    "an unknown on_error": (
        lambda p, c: p.add(Collect(), c, on_error="ignore"),
        ff.OptionError,
        r"stop.*skip",
    ),
    "max_age of zero": (lambda p, c: p.add(Collect(), c, max_age=0), ff.OptionError, r"max_age.*more than 0"),
    "max_age that is negative": (
        lambda p, c: p.add(Collect(), c, max_age=-1.0),
        ff.OptionError,
        r"max_age.*-1",
    ),
    "max_age that is no number": (
        lambda p, c: p.add(Collect(), c, max_age=float("nan")),
        ff.OptionError,
        r"max_age",
    ),
    "an unknown option": (lambda p, c: p.add(Collect(), c, depth=3), TypeError, r"depth"),
}


@pytest.mark.parametrize("case", WIRING)
def test_wrong_wiring_is_refused_before_any_thread_runs(case: str) -> None:
    add, error, message = WIRING[case]
    with pytest.raises(error, match=message):
        with_source(add)


def test_max_age_below_a_file_is_refused_at_start_and_says_what_to_do() -> None:
    with pytest.raises(ff.GraphError, match=r"'Collect' has max_age.*'cam'.*realtime=True"):
        with_source(lambda p, c: p.add(Collect(), c, max_age=1.0), live=False)


# --- options ------------------------------------------------------------------------------------------------

GREY = picture(0)

OPTIONS: dict[str, tuple[Callable[[], object], Errors, str]] = {
    "stall_timeout of zero": (lambda: ff.Pipeline(stall_timeout=0), ff.OptionError, r"stall_timeout"),
    "stall_timeout that is negative": (
        lambda: ff.Pipeline(stall_timeout=-1),
        ff.OptionError,
        r"stall_timeout.*-1",
    ),
    "max_held_bytes that is negative": (
        lambda: ff.Pipeline(max_held_bytes=-1),
        ff.OptionError,
        r"held|int",
    ),
    "fps of zero": (lambda: ff.MockCamera(GREY, fps=0), ff.OptionError, r"fps.*0"),
    "fps that is negative": (lambda: ff.MockCamera(GREY, fps=-3), ff.OptionError, r"fps.*-3"),
    "fps that is no number": (lambda: ff.MockCamera(GREY, fps=float("nan")), ff.OptionError, r"fps"),
    "radii the wrong way round": (
        lambda: ff.CircleTracker(radius=(50, 10)),
        ff.OptionError,
        r"radius.*50.*10",
    ),
    "a radius that is negative": (lambda: ff.CircleTracker(radius=(-1, 10)), ff.OptionError, r"radius.*-1"),
    "no circles at all": (lambda: ff.CircleTracker(max_circles=0), ff.OptionError, r"max_circles.*0"),
    "rings neither wanted nor not": (
        lambda: ff.CircleDetector(concentric=1),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"concentric must be True or False, got 1",
    ),
    "full searches less than never": (
        lambda: ff.CircleTracker(full_every=-1),
        ff.OptionError,
        r"full_every.*-1",
    ),
    "a gap that is negative": (lambda: ff.CircleTracker(max_gap=-0.5), ff.OptionError, r"max_gap.*-0\.5"),
    "an unknown codec": (lambda: ff.VideoFile("a.mp4", codec="nonsense"), ff.OptionError, r"nonsense"),
    "an unknown container": (lambda: ff.VideoFile("a.nonsense"), ff.OptionError, r"nonsense"),
    "a progress that cannot be called": (
        lambda: _with_count().run(progress=3),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"progress",
    ),
    "progress_interval of zero": (
        lambda: _with_count().run(progress=lambda p: None, progress_interval=0),
        ff.OptionError,
        r"progress_interval",
    ),
    "wait for less than nothing": (
        lambda: _with_count().start().wait(timeout=-1),
        ff.OptionError,
        r"timeout",
    ),
}


def _with_count() -> ff.Pipeline:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(1)))
    return pipeline


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_out_of_range_is_refused_and_never_adjusted(case: str) -> None:
    use, error, message = OPTIONS[case]
    with pytest.raises(error, match=message):
        use()


# --- addresses ----------------------------------------------------------------------------------------------

URLS = {
    "nothing": ("", r"without a name.*clip\.mp4"),
    "an unknown scheme": ("gopher://host/film", r"gopher"),
    "an unknown demo": ("demo:squares", r"squares"),
    "an unknown option of a demo": ("demo:circles?speed=3", r"speed"),
    "a demo without speed": ("demo:circles?fps=0", r"fps"),
    "a demo of strange size": ("demo:circles?size=big", r"size"),
    "a demo with minus two balls": ("demo:circles?balls=-2", r"balls"),
}


@pytest.mark.parametrize("case", URLS)
def test_an_address_of_wrong_form_is_refused_by_open(case: str) -> None:
    url, message = URLS[case]
    with pytest.raises(ff.OptionError, match=message):
        ff.open(url)


OPEN_OPTIONS = {
    "size": ({"size": (0, 10)}, r"size.*0"),
    "size of one number": ({"size": (10,)}, r"size"),
    "fps": ({"fps": -1.0}, r"fps.*-1"),
    "open_timeout": ({"open_timeout": -1.0}, r"open_timeout"),
    "read_timeout": ({"read_timeout": 0.0}, r"read_timeout"),
    "decoder_threads": ({"decoder_threads": 0}, r"decoder_threads"),
    "an unknown option": ({"speed": 2}, r"speed"),
}


@pytest.mark.parametrize("case", OPEN_OPTIONS)
def test_an_option_of_open_out_of_range_is_refused(case: str) -> None:
    options, message = OPEN_OPTIONS[case]
    with pytest.raises((ValueError, TypeError), match=message):
        ff.open("clip.mp4", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", [3.5, None, b"clip.mp4", ["a"]], ids=repr)
def test_an_address_of_wrong_type_is_refused(url: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match=r"(?i)url|path|str|float|NoneType|bytes|list"):
        ff.open(url)


# --- files --------------------------------------------------------------------------------------------------


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
    "a directory": (lambda folder: folder, r"the folder is empty"),
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
        pipeline.add(ff.MockCamera(tmp_path / "pepsi.png"))
        pipeline.start()


def test_a_video_file_that_cannot_be_written_says_so_before_a_frame_flows(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.open("demo:circles?pace=0&frames=3"))
    pipeline.add(ff.VideoFile(tmp_path / "no" / "such" / "folder.mp4"), port)
    with pytest.raises(ff.NodeError, match=r"'VideoFile'.*folder\.mp4"):
        pipeline.start()


# --- arrays and frames --------------------------------------------------------------------------------------

ARRAYS = {
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
def test_detect_circles_refuses_what_is_no_picture(array: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ff.detect_circles(array)


# --- things that cannot travel ------------------------------------------------------------------------------


def test_pipelines_readers_and_frames_refuse_to_be_pickled_and_say_why() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(1)))
    frame = ff.Frame.from_array(picture(0), "gray")
    for thing in (pipeline, reader, frame):
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
    circles = ff.detect_circles(picture(0))
    again = pickle.loads(pickle.dumps(circles))
    assert np.array_equal(again.xyr, circles.xyr)


@pytest.mark.parametrize("kind", ["Sample", "Reader", "Port", "StopToken"])
def test_what_only_the_engine_makes_cannot_be_made_by_hand(kind: str) -> None:
    with pytest.raises(TypeError):
        getattr(ff, kind)()
