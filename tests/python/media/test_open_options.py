"""Invalid URLs, paths, numbers and options that open() rejects or warns about before anything is opened."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff

SECRET = "s3cr3t"


def refusal(url: Any, **options: Any) -> str:
    """Returns the error of open()."""
    with pytest.raises((ff.OptionError, ff.OptionTypeError)) as caught:
        ff.open(url, **options)
    return str(caught.value)


def test_an_option_that_ffmpeg_does_not_know_is_an_error_without_a_server_too() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open("tcp://127.0.0.1:1", options={"frobnicate": "1", "timeout": "9"})))
    with pytest.raises(ff.SourceError, match=r"have no option 'frobnicate'$"):
        pipeline.start()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pass": 5}, "the value of 'pass' has the type int"),
        ({"a": SECRET, "headers": SECRET.encode()}, "the value of 'headers' has the type bytes"),
        ([SECRET], "got a value of type list"),
        ({b"a": SECRET}, "got the name b'a'"),
        ({"headers": SECRET + "\udcff"}, "the value of 'headers' contains unpaired surrogates"),
        ({"headers": SECRET + "\0"}, 'options["headers"] contains a NUL character'),
        ({"": SECRET}, "a key of options must not be empty"),
        ({"a\0b": SECRET}, "a key of options must not be empty or contain a NUL character"),
    ],
)
def test_options_that_are_no_text_are_refused_and_their_values_not_shown(options: Any, message: str) -> None:
    said = refusal("tcp://127.0.0.1:1", options=options)
    assert message in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (Path(f"rtsp://joe:{SECRET}@host/a"), "pathlib.Path removes one slash"),
        (f"http:/joe:{SECRET}@host/a", 'written "http://host/path"'),
        (f"RTSP:joe:{SECRET}@host", 'written "rtsp://host/path"'),
        (f"rtsp://joe:{SECRET}@host/\udcff", "unpaired surrogates"),
        (f"rtsp://joe:{SECRET}@host/a".encode(), "got a value of type bytes"),
        ([f"rtsp://joe:{SECRET}@host/a"], "got a value of type list"),
        (f"http://joe:{SECRET}@host/" + 4096 * "a", "FFmpeg would cut it off"),
        (f"rtspsrc location=rtsp://joe:{SECRET}@host/a ! appsink", "url is a GStreamer pipeline: pass only"),
        (
            f"rtspsrc location=rtsp://joe:{SECRET}@host/a ! videoconvert ! appsink drop=1 max-buffers=1",
            "url is a GStreamer pipeline: pass only",
        ),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: Any, message: str) -> None:
    said = refusal(url)
    assert message in said
    assert SECRET not in said


def test_a_file_may_be_called_like_the_beginning_of_a_url(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "a.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert ff.open("http:/a.png").url == "http:/a.png"


@pytest.mark.parametrize("name", ["go ! now", "go ! now.mp4", "go ! now/*.jpg", "go ! team 1/%04d.jpg"])
def test_the_name_of_a_file_may_contain_an_exclamation_mark(tmp_path: Path, name: str) -> None:
    (tmp_path / "go ! now").touch()
    film = tmp_path / name
    assert ff.open(film).url == str(film)


def test_a_scheme_may_be_written_in_capitals() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open("TCP://127.0.0.1:1", reconnect=False)))
    with pytest.raises(ff.SourceError, match="connection refused"):
        pipeline.start()


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    clip = tmp_path / "clip.png"
    size = np.array([64, 48])
    source = ff.open(
        clip,
        size=(size[0], size[1]),
        fps=np.float32(10),  # type: ignore[arg-type]
        open_timeout=np.int64(3),  # type: ignore[arg-type]
        decoder_threads=np.int8(2),  # type: ignore[arg-type]
    )
    assert source.url == str(clip)
    assert ff.open(np.int64(3)).url == "/dev/video3"  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [float("inf"), float("nan")])
def test_the_error_of_a_limit_that_is_not_finite_says_so(given: float) -> None:
    assert "open_timeout must be a finite number" in refusal("tcp://127.0.0.1:1", open_timeout=given)
