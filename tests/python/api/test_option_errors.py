"""Invalid options and URLs raise an error. None is silently adjusted."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import Collect, Count, picture

import freshframe as ff

Errors = type[Exception] | tuple[type[Exception], ...]

GREY = picture(0)

OPTIONS: dict[str, tuple[Callable[[], object], Errors, str]] = {
    "stall_timeout of zero": (lambda: ff.Pipeline(stall_timeout=0), ff.OptionError, r"stall_timeout"),
    "stall_timeout that is negative": (
        lambda: ff.Pipeline(stall_timeout=-1),
        ff.OptionError,
        r"stall_timeout.*-1",
    ),
    "a name that is not valid Unicode": (
        lambda: ff.Pipeline("\udcff"),
        ff.OptionError,
        r"name of a pipeline.*UTF-8",
    ),
    "a host that is not valid Unicode": (
        lambda: ff.Pipeline().serve(host="\udcff"),
        ff.OptionError,
        r"host must be UTF-8",
    ),
    "a token that is not valid Unicode": (
        lambda: ff.Pipeline().serve(token="\udcff" * 20),
        ff.OptionError,
        r"token must be",
    ),
    "a long value is cut": (
        lambda: ff.Annotate(trail=np.zeros((300, 4))),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"trail must be a number, got array.{90,100} \.\.\. \(ndarray\)$",
    ),
    "max_held_bytes that is negative": (
        lambda: ff.Pipeline(max_held_bytes=-1),
        ff.OptionError,
        r"held|int",
    ),
    "fps of zero": (lambda: ff.testing.MockCamera(GREY, fps=0), ff.OptionError, r"fps.*0"),
    "fps that is negative": (lambda: ff.testing.MockCamera(GREY, fps=-3), ff.OptionError, r"fps.*-3"),
    "fps that is no number": (lambda: ff.testing.MockCamera(GREY, fps=float("nan")), ff.OptionError, r"fps"),
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
    "progress_every of zero": (
        lambda: _with_count().run(progress=lambda p: None, progress_every=0),
        ff.OptionError,
        r"progress_every",
    ),
    "wait for less than nothing": (
        lambda: _with_count().wait(timeout=-1),
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


URLS = {
    "nothing": ("", r"an empty string.*clip\.mp4"),
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
    "a camera's setting": ({"exposure": 3}, r"clip\.mp4' is a file: exposure is for a camera"),
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


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("for the test")


class Odd:
    def __repr__(self) -> str:
        return "odd \udcff"


HOSTILE = {"a large int": 10**5000, "a value whose repr() raises": Hostile(), "a repr() of bytes": Odd()}
CALLS: dict[str, Callable[[Any], object]] = {
    "Look": lambda value: ff.Look(seconds=value),
    "Pipeline": lambda value: ff.Pipeline(stall_timeout=value),
    "held bytes": lambda value: ff.Pipeline(max_held_bytes=value),
    "Queue": ff.Queue,
    "Batch": ff.Batch,
    "Process": lambda value: ff.Process(workers=value),
    "a process's memory": lambda value: ff.Process(max_bytes=value),
    "VideoFile": lambda value: ff.VideoFile("a_%d.mp4", segment_every=1, keep_days=value),
    "Spool": lambda value: ff.Spool("spool", print, batch_size=value),
    "Ask": lambda value: ff.Ask("http://127.0.0.1:1", max_side=value),
    "open": lambda value: ff.open("a.mp4", read_timeout=value),
    "open by number": ff.open,
    "add": lambda value: ff.Pipeline().add(value),
    "serve": lambda value: ff.Pipeline().serve(port=value),
    "a picture's quality": lambda value: ff.Frame.from_array(GREY, "gray").jpeg(quality=value),
    "numeric": lambda value: ff.numeric.mean(GREY, threads=value),
    "a tracker": lambda value: ff.BoxTracker(min_confidence=value),
}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("call", CALLS)
def test_a_value_that_cannot_be_shown_is_refused_as_any_other(call: str, value: str) -> None:
    with pytest.raises((ff.OptionError, ff.OptionTypeError, ff.GraphError, TypeError)) as info:
        CALLS[call](HOSTILE[value])
    str(info.value).encode()
    assert "for the test" not in str(info.value)


SIZES: dict[str, Callable[[Any], object]] = {
    "a queue": lambda size: ff.Queue(8, max_bytes=size),
    "held frames": lambda size: ff.Pipeline(max_held_bytes=size),
    "pictures on a card": lambda size: ff.Pipeline(max_device_bytes=size),
    "clips": lambda size: ff.ClipRecorder(max_bytes=size),
    "a look": lambda size: ff.Look(max_bytes=size),
    "a worker": lambda size: ff.Process(max_bytes=size),
    "a spool": lambda size: ff.Spool("spool", print, max_bytes=size),
    "a recording": lambda size: ff.VideoFile("a_%d.mp4", segment_every=1, keep_bytes=size),
    "a disk": lambda size: ff.VideoFile("a_%d.mp4", segment_every=1, keep_free_bytes=size),
}


@pytest.mark.parametrize("what", SIZES)
def test_a_size_is_an_int_or_a_float(what: str) -> None:
    SIZES[what](1e9)
    SIZES[what](1 << 30)
    for no_number in ("1 GB", True):
        with pytest.raises(ff.OptionTypeError, match="bytes"):
            SIZES[what](no_number)
    for no_size in (float("nan"), float("inf"), 1e300):
        with pytest.raises(ff.OptionError, match="bytes"):
            SIZES[what](no_size)


def stopped(pipeline: ff.Pipeline) -> ff.Pipeline:
    pipeline.stop()
    return pipeline


WAITS: dict[str, Callable[[ff.Pipeline, ff.Port[Any]], object]] = {
    "remove": lambda pipeline, node: pipeline.remove(node, timeout=None),
    "replace": lambda pipeline, node: pipeline.replace(node, Collect(), timeout=None),
    "stop": lambda pipeline, _: pipeline.stop(None),
    "stop_all": lambda *_: ff.Pipeline.stop_all(None),
    "wait": lambda pipeline, _: stopped(pipeline).wait(None),
}


@pytest.mark.parametrize("verb", WAITS)
def test_a_timeout_of_none_is_no_limit(verb: str) -> None:
    pipeline = ff.Pipeline()
    node = pipeline.add(Collect(), pipeline.add(Count(live=True)))
    with pipeline:
        WAITS[verb](pipeline, node)
        with pytest.raises(ff.OptionTypeError, match="timeout must be a number"):
            pipeline.stop("soon")  # type: ignore[arg-type]
