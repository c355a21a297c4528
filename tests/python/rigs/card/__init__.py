"""A fake GPU: the two libraries of NVIDIA's driver, implemented in host memory.

Faults are set by a string such as ``word,word:N``:

==============  =========================================================================================
``none``       No device.
``old``        The driver is too old.
``version:N``  The driver's version.
``devices:N``  The number of GPUs.
``memory:N``   MiB of GPU memory.
``sessions:N``  The number of decoders that can be open at the same time.
``lost:N``     Everything fails after N images.
``refuse:N``   Decoding every Nth image fails.
``status:N``   The status of every Nth image is "concealed".
``skip:N``     Every Nth image is not decoded, without an error.
``slow:N``     Decoding an image takes N milliseconds.
``hold``       Creating a context blocks while the fault is set.
``copy:N``     Every Nth copy to the host fails; an image takes two.
``width:N``    The largest width and height.
``blocks:N``   The largest number of blocks of 16x16 pixels.
``no_h264``    The GPU does not decode this codec. Likewise ``no_hevc``, ``no_vp9``, ``no_av1``, ``no_mpeg2``.
``lazy``       Asynchronous work runs only when somebody waits for it.
``no_kernel``  ONNX Runtime's CUDA provider does not have an operator.
``full:N``     Every Nth plane fails with out of memory. An image has two.
``loses:N``    The GPU fails when the provider gets every Nth plane of this process.
==============  =========================================================================================

It cannot reproduce a real GPU's speed or pixels (codecs other than H.264 are painted), or driver bugs.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import freshframe as ff
from freshframe import _native
from freshframe._vision import onnx_runtime
from rigs.watchdog import LONG_WATCHDOG

_HERE = Path(__file__).parent
_FFMPEG = ("-lavcodec", "-lavutil")


def _compile(folder: Path, library: str, *parts: str) -> None:
    compiler = os.environ.get("CC") or "cc"
    flags = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
    places = [f"-I{_HERE}", f"-L{folder}", "-Wl,-rpath,$ORIGIN", f"-Wl,-soname,{library}"]
    ended = subprocess.run(
        [compiler, *flags, *places, "-o", str(folder / library), *parts],
        cwd=_HERE,
        text=True,
        capture_output=True,
        timeout=LONG_WATCHDOG,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def build(folder: Path) -> None:
    """Builds the libraries. Skips the test if there is no compiler or FFmpeg's headers are missing."""
    if shutil.which(os.environ.get("CC") or "cc") is None:
        pytest.skip("no C compiler")
    if subprocess.run(["pkg-config", "--exists", "libavcodec"], check=False).returncode != 0:
        pytest.skip("no headers of FFmpeg")
    _compile(folder, "libcuda.so.1", "memory.c", "driver.c")
    _compile(folder, "libonnxruntime.so", "runtime.c", "-l:libcuda.so.1", "-ldl")
    _compile(folder, "libnvcuvid.so.1", "decoder.c", "true_h264.c", "-l:libcuda.so.1", *_FFMPEG)


class Card:
    """The fake GPU of this process. Anything that loads libcuda.so.1 after it is created gets the fake."""

    def __init__(self, folder: Path) -> None:
        """Loads the libraries. A library that is already loaded is found by its soname, whatever its path."""
        self.folder = folder
        self.driver = ctypes.CDLL(str(folder / "libcuda.so.1"), mode=ctypes.RTLD_GLOBAL)
        self._decoders = ctypes.CDLL(str(folder / "libnvcuvid.so.1"))
        self.driver.fake_card_count.restype = ctypes.c_long
        self.driver.card_view.restype = ctypes.c_void_p
        self.driver.card_view.argtypes = [ctypes.c_uint64]

    def fault(self, *words: str) -> None:
        """Replaces all faults. Without arguments, the GPU works."""
        self.driver.fake_card(",".join(words).encode())

    def count(self, name: str) -> int:
        """Returns the value of a counter; memory.c lists the names."""
        count: int = self.driver.fake_card_count(name.encode())
        assert count >= 0, name
        return count

    def view(self, address: int) -> int:
        """Returns the host address at which a GPU address can be read."""
        view: int = self.driver.card_view(address)
        return view


@pytest.fixture(scope="session")
def card_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the libraries and returns their folder."""
    folder = tmp_path_factory.mktemp("card")
    build(folder)
    return folder


@pytest.fixture
def card_runtime(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives ONNX Runtime a provider for the fake GPU: the CPU's operators, on the fake GPU's memory."""
    monkeypatch.setenv("FAKE_CARD_RUNTIME", onnx_runtime.library())
    monkeypatch.setattr(onnx_runtime, "library", lambda: str(card.folder / "libonnxruntime.so"))


# The fake paints the images of these codecs. With --card the CPU decodes them, so that tests see real images.
_PAINTED = ("no_hevc", "no_vp9", "no_av1", "no_mpeg2")

# Tests that --card skips, with the reason why they cannot pass on a GPU.
UNSUITED = {
    "test_a_matroska_stream_gives_its_first_frame_before_seven_more_have_come": "a card gives NV12",
    "test_info_is_an_error_until_it_is_known_and_probe_has_it": "a card gives NV12",
    "test_probe_prints_the_format_of_a_stream": "a warning says that the CPU decodes JPEG",
    "test_a_stream_of_which_more_comes_behind_stuffing_shows_no_torn_picture_unmarked": (
        "damage inside a picture is not marked on a card"
    ),
    "test_each_picture_without_a_mark_has_the_pixels_of_a_decoder_without_loss": (
        "damage inside a picture is not marked on a card"
    ),
}

_with_faults = False  # True while a test uses the GPU, and sets its faults, itself


@pytest.fixture
def card(request: pytest.FixtureRequest) -> Iterator[Card]:
    """The fake GPU, without faults. Fails if the test leaves anything on it."""
    global _with_faults  # noqa: PLW0603  (of this process, like the card)
    if request.config.getoption("card") == "true":
        pytest.skip("needs the fake card")
    made = Card(request.getfixturevalue("card_folder"))
    made.fault()
    _with_faults = True
    yield made
    _with_faults = False
    made.fault(*(_PAINTED if request.config.getoption("card") else ()))
    gc.collect()
    left = {name: made.count(name) for name in ("decoders", "mapped", "buffers", "contexts")}
    assert not any(left.values()), left


@pytest.fixture(scope="session", autouse=True)
def all_on_card(request: pytest.FixtureRequest) -> None:
    """With --card, decodes all files and streams on the GPU where open() accepts it."""
    which = request.config.getoption("card")
    if not which:
        return
    make = _native.make_video_source

    def make_on_card(url: str | bytes, options: _native.OpenOptions) -> _native.NodeHandle:
        if _with_faults or options.decoder != "cpu":
            return make(url, options)
        options.decoder = "auto"
        try:
            return make(url, options)
        except ff.OptionError:
            options.decoder = "cpu"
            return make(url, options)

    if which == "fake":
        Card(request.getfixturevalue("card_folder")).fault(*_PAINTED)
    _native.make_video_source = make_on_card


@pytest.fixture(autouse=True)
def suits_a_card(request: pytest.FixtureRequest) -> None:
    """With --card, skips a test of UNSUITED."""
    reason = UNSUITED.get(request.node.name.partition("[")[0])
    if reason and request.config.getoption("card"):
        pytest.skip(reason)
