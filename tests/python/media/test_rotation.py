"""open(rotate=): files, folders of images, and demo scenes, in each pixel format and with odd sizes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.card import Card
from rigs.four_quarters import after, paint, see
from rigs.turned_film import turn
from support import check_books

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which writes the videos")

WIDTH, HEIGHT = 71, 39
TURNS: Any = [0, 90, 180, 270]
# FFmpeg's pixel format, and the format of the upright frame and of one that lies on its side
FORMATS = {
    "yuv420p": ("i420", "i420"),
    "yuv422p": ("i422", "i444"),
    "yuv444p": ("i444", "i444"),
    "nv12": ("nv12", "nv12"),
    "gray": ("gray", "gray"),
    "rgb24": ("rgb", "rgb"),
    "bgr24": ("bgr", "bgr"),
    "yuv420p10le": ("i420", "i420"),
}


def write(path: Path, pixel_format: str, *, codec: str = "rawvideo", size: tuple[int, int]) -> Path:
    """Writes two frames of the painted image."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pixel_format)))
        container.mux(stream.encode(None))
    return path


def frames_of(url: str | Path, **options: Any) -> list[ff.Frame]:
    """All frames of a source, whose description has their size."""
    source = ff.open(url, **options)
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    with pipeline:
        frames = [sample.value for sample in reader]
    check_books(pipeline)
    assert {(frame.width, frame.height) for frame in frames} == {(source.info.width, source.info.height)}
    return frames


def swapped(size: tuple[int, int], degrees: int) -> tuple[int, int]:
    return size[::-1] if degrees in {90, 270} else size


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_pixel_of_every_format_goes_to_its_place(
    tmp_path: Path, pixel_format: str, degrees: Any
) -> None:
    film = write(tmp_path / "film.nut", pixel_format, size=(WIDTH, HEIGHT))
    for plain, frame in zip(frames_of(film), frames_of(film, rotate=degrees), strict=True):
        assert (frame.width, frame.height) == swapped((WIDTH, HEIGHT), degrees)
        assert frame.format == FORMATS[pixel_format][degrees in {90, 270}]
        np.testing.assert_array_equal(frame.luma, np.rot90(plain.luma, -degrees // 90))
        if pixel_format != "gray":
            assert see(frame.rgb) == after(degrees)


def noise(*size: int) -> Any:
    width, height = size
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)


# Colour images are rotated in blocks of 64 x 64 pixels.
@pytest.mark.parametrize("size", [(203, 150), (128, 64), (65, 1), (1, 130), (1920, 1080)])
@pytest.mark.parametrize("degrees", TURNS)
def test_each_pixel_of_a_colour_image_is_where_numpy_has_it(
    tmp_path: Path, size: tuple[int, int], degrees: Any
) -> None:
    pixels = noise(*size)
    wanted = np.rot90(pixels, -degrees // 90)
    ff.Frame.from_array(pixels, "rgb").write(tmp_path / "a.png")
    (frame,) = frames_of(tmp_path / "a.png", rotate=degrees)
    np.testing.assert_array_equal(frame.rgb, wanted)
    for name in ("rgb", "bgr"):
        camera = ff.testing.MockCamera([ff.Frame.from_array(pixels, name)], rotate=degrees)
        (sample,) = ff.stream(camera)
        np.testing.assert_array_equal(getattr(sample.frame, name), wanted)


@pytest.mark.parametrize("degrees", TURNS)
def test_a_mock_camera_rotates_each_kind_of_frame(tmp_path: Path, degrees: Any) -> None:
    pixels = noise(40, 30)
    wanted = np.rot90(pixels, -degrees // 90)
    ff.Frame.from_array(pixels, "bgr").write(tmp_path / "a.png")
    for given in (pixels, tmp_path / "a.png", [pixels, tmp_path / "a.png"]):
        for sample in itertools.islice(ff.stream(ff.testing.MockCamera(given, rotate=degrees)), 2):
            np.testing.assert_array_equal(sample.frame.bgr, wanted)
    size = next(iter(ff.stream(ff.testing.MockCamera(rotate=degrees)))).frame
    assert (size.width, size.height) == swapped((640, 480), degrees)


def test_a_mock_camera_refuses_other_angles() -> None:
    with pytest.raises(ff.OptionError, match="rotate must be 0, 90, 180 or 270 degrees clockwise"):
        ff.testing.MockCamera(rotate=45)  # type: ignore[arg-type]


def a_film(folder: Path) -> str:
    return str(write(folder / "a.mkv", "yuv420p", codec="ffv1", size=(WIDTH, HEIGHT)))


def an_image(folder: Path) -> str:
    ff.Frame.from_array(paint(0, WIDTH, HEIGHT), "rgb").write(folder / "00001.png")
    return str(folder / "00001.png")


def a_folder(folder: Path) -> str:
    an_image(folder)
    return f"{folder}/"


def a_pattern(folder: Path) -> str:
    an_image(folder)
    return str(folder / "%05d.png")


def jpegs(folder: Path) -> str:
    ff.Frame.from_array(paint(0, WIDTH, HEIGHT), "rgb").write(folder / "a.jpg")
    return str(folder / "*.jpg")


Made = Callable[[Path], str]


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize(
    "make", [a_film, an_image, a_folder, a_pattern, jpegs], ids=lambda made: made.__name__
)
@pytest.mark.parametrize("realtime", [False, True])
def test_each_kind_of_file_is_rotated(tmp_path: Path, make: Made, degrees: Any, realtime: bool) -> None:
    for frame in frames_of(make(tmp_path), rotate=degrees, realtime=realtime):
        assert (frame.width, frame.height) == swapped((WIDTH, HEIGHT), degrees)
        assert see(frame.rgb) == after(degrees)


@pytest.mark.parametrize("make", [a_film, jpegs], ids=lambda made: made.__name__)
def test_the_size_is_that_of_the_rotated_image(tmp_path: Path, make: Made) -> None:
    for frame in frames_of(make(tmp_path), rotate=270, size=(30, 50)):
        assert (frame.width, frame.height) == (30, 50)
        assert see(frame.rgb) == after(270)


@pytest.mark.parametrize("degrees", TURNS)
def test_the_rotation_is_added_to_that_of_the_file(tmp_path: Path, degrees: Any) -> None:
    film = write(tmp_path / "film.mp4", "yuv420p", codec="mpeg4", size=(96, 64))
    turn(film, 64)
    assert see(frames_of(film)[0].rgb) == after(90)
    frame = frames_of(film, rotate=degrees)[0]
    assert (frame.width, frame.height) == swapped((64, 96), degrees)
    assert see(frame.rgb) == after((90 + degrees) % 360)


def test_none_and_0_leave_the_frames_as_they_are(tmp_path: Path) -> None:
    film = a_film(tmp_path)
    for rotate in (None, 0, np.int64(0)):
        assert see(frames_of(film, rotate=rotate)[0].rgb) == after(0)


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("scene", ["circles", "shapes"])
def test_a_demo_scene_is_rotated_and_its_truth_is_not(scene: str, degrees: Any) -> None:
    url = f"demo:{scene}?size=322x182&frames=2&pace=0"
    plain = frames_of(url)[0]
    frame = frames_of(url, rotate=degrees)[0]
    assert (frame.width, frame.height) == swapped((322, 182), degrees)
    np.testing.assert_array_equal(frame.luma, np.rot90(plain.luma, -degrees // 90))


def test_circles_are_found_where_the_rotated_image_has_them() -> None:
    url = "demo:circles?size=320x180&balls=1&frames=1&pace=0"
    (truth,) = ff.demo.circles(url, 0)
    (sample,) = ff.stream(ff.open(url, rotate=90), ff.CircleDetector())
    x, y, r = sample.value.xyr[0]
    assert (x, y, r) == pytest.approx((180 - truth.y, truth.x, truth.r), abs=1.5)


@pytest.mark.parametrize(
    ("rotate", "error"),
    [
        (45, ff.OptionError),
        (-90, ff.OptionError),
        (360, ff.OptionError),
        (10**30, ff.OptionError),
        ("left", ff.OptionTypeError),
        ("90", ff.OptionTypeError),
        (True, ff.OptionTypeError),
        (False, ff.OptionTypeError),
        (90.5, ff.OptionTypeError),
        (90.0, ff.OptionTypeError),
        ((90,), ff.OptionTypeError),
    ],
)
@pytest.mark.parametrize("url", [0, "film.mp4", "frames/", "rtsp://host/a", "browser:", "demo:circles"])
def test_other_angles_are_refused(url: int | str, rotate: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"rotate must be 0, 90, 180 or 270 degrees clockwise, or None, got "):
        ff.open(url, rotate=rotate)


def test_frames_that_stay_on_a_gpu_are_not_rotated() -> None:
    with pytest.raises(ff.OptionError, match="on_device=True cannot be combined with rotate="):
        ff.open("film.mp4", decoder="cuda", on_device=True, rotate=90)
    ff.open("film.mp4", decoder="cuda", on_device=True, rotate=0)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("degrees", TURNS)
def test_frames_that_a_gpu_has_decoded_are_rotated(tmp_path: Path, card: Card, degrees: Any) -> None:
    film = write(tmp_path / "film.mp4", "yuv420p", codec="libx264", size=(162, 90))
    before = card.count("made decoders")
    frame = frames_of(film, decoder="cuda", rotate=degrees)[0]
    assert card.count("made decoders") > before
    assert frame.format == "nv12"
    np.testing.assert_array_equal(frame.luma, frames_of(film, rotate=degrees)[0].luma)
    assert see(frame.rgb) == after(degrees)
