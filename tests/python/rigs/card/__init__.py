"""A card that is not there: the two libraries of a card's driver, in host memory.

Faults are words, ``word,word:N``:

==============  =========================================================================================
``none``       No device.
``old``        The driver is too old.
``version:N``  The driver's version.
``devices:N``  The number of cards.
``memory:N``   MiB on the card.
``sessions:N``  Decoders at once.
``lost:N``     Everything fails after N pictures.
``refuse:N``   Every Nth picture of a decoder fails.
``status:N``   The status of every Nth picture is "concealed".
``skip:N``     Every Nth picture is not decoded, in silence.
``copy:N``     Every Nth copy to the host fails; a picture takes two.
``width:N``    The largest width and height.
``blocks:N``   The largest number of blocks of 16x16 pixels.
``no_h264``    It does not decode this codec. Likewise ``no_hevc``, ``no_vp9``, ``no_av1``, ``no_mpeg2``.
``lazy``       Asynchronous work happens when somebody waits for it.
==============  =========================================================================================

It cannot show speed, a card's own pixels (other codecs than H.264 are painted), nor faults of drivers.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import freshframe as ff
from freshframe import _native
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
    """Makes the two libraries. Without a compiler or FFmpeg's headers it skips the test."""
    if shutil.which(os.environ.get("CC") or "cc") is None:
        pytest.skip("no C compiler")
    if subprocess.run(["pkg-config", "--exists", "libavcodec"], check=False).returncode != 0:
        pytest.skip("no headers of FFmpeg")
    _compile(folder, "libcuda.so.1", "memory.c", "driver.c")
    _compile(folder, "libnvcuvid.so.1", "decoder.c", "true_h264.c", "-l:libcuda.so.1", *_FFMPEG)


class Card:
    """The fake card of this process. Whoever loads libcuda.so.1 from now on gets it."""

    def __init__(self, folder: Path) -> None:
        """Loads the libraries: a loaded library is found by its soname, wherever it is."""
        self.folder = folder
        self._driver = ctypes.CDLL(str(folder / "libcuda.so.1"), mode=ctypes.RTLD_GLOBAL)
        self._decoders = ctypes.CDLL(str(folder / "libnvcuvid.so.1"))
        self._driver.fake_card_count.restype = ctypes.c_long

    def fault(self, *words: str) -> None:
        """Sets all faults. Without words the card works."""
        self._driver.fake_card(",".join(words).encode())

    def count(self, name: str) -> int:
        """Returns a number of memory.c's list."""
        count: int = self._driver.fake_card_count(name.encode())
        assert count >= 0, name
        return count


@pytest.fixture(scope="session")
def card_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the two libraries."""
    folder = tmp_path_factory.mktemp("card")
    build(folder)
    return folder


@pytest.fixture
def card(card_folder: Path) -> Iterator[Card]:
    """The fake card, without faults. After the test nothing may be left on it."""
    made = Card(card_folder)
    made.fault()
    yield made
    made.fault()
    left = {name: made.count(name) for name in ("decoders", "mapped", "buffers", "contexts")}
    assert not any(left.values()), left


@pytest.fixture(scope="session", autouse=True)
def all_on_card(request: pytest.FixtureRequest) -> None:
    """With --card, all files and streams ask for the card where open() accepts it."""
    if not request.config.getoption("--card"):
        return
    make = _native.make_video_source

    def make_on_card(url: str, options: _native.OpenOptions) -> _native.NodeHandle:
        if options.decoder != "cpu":
            return make(url, options)
        options.decoder = "auto"
        try:
            return make(url, options)
        except ff.OptionError:
            options.decoder = "cpu"
            return make(url, options)

    Card(request.getfixturevalue("card_folder")).fault()
    _native.make_video_source = make_on_card
