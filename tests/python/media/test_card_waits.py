"""Waiting for a GPU: threads sleep, the time is counted, and why() reports a saturated GPU."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rigs.card import Card
from rigs.card.clips import H264, PICTURES, clip
from rigs.card.films import frames_of
from rigs.live.camera import Camera
from rigs.live.camera import clip as live_clip
from rigs.live.servers import HttpServer
from support import check_books, until

import freshframe as ff

pytestmark = [pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.mp4", H264["no b-frames"])


def source_of(pipeline: ff.Pipeline, name: str = "film") -> ff.stats.SourceStats:
    source = pipeline.stats().nodes[name].source
    assert source is not None
    return source


class Primary:
    """Uses the primary context like another library in this process."""

    def __init__(self, card: Card) -> None:
        """Initialises the driver."""
        self._driver = card.driver
        self._is_used = False
        assert self._driver.cuInit(0) == 0

    @property
    def flags(self) -> int:
        """What cuDevicePrimaryCtxGetState returns."""
        flags, is_active = ctypes.c_uint(), ctypes.c_int()
        assert self._driver.cuDevicePrimaryCtxGetState(0, ctypes.byref(flags), ctypes.byref(is_active)) == 0
        return flags.value

    def set(self, flags: int) -> None:
        assert self._driver.cuDevicePrimaryCtxSetFlags_v2(0, flags) == 0

    def use(self) -> None:
        assert self._driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0) == 0
        self._is_used = True

    def close(self) -> None:
        if self._is_used:
            assert self._driver.cuDevicePrimaryCtxRelease_v2(0) == 0
        self.set(0)


@pytest.fixture
def primary(card: Card) -> Iterator[Primary]:
    made = Primary(card)
    yield made
    made.close()


SPIN, YIELD, SLEEP = 1, 2, 4


@pytest.mark.parametrize(
    ("set_before", "is_used", "wanted"),
    [
        pytest.param(0, False, SLEEP, id="freshframe makes the context"),
        pytest.param(0, True, 0, id="another library has made it"),
        pytest.param(SPIN, False, SPIN, id="another library has set spinning"),
        pytest.param(YIELD, True, YIELD, id="another library has set yielding and made it"),
        pytest.param(SLEEP, False, SLEEP, id="another library has set sleeping"),
    ],
)
def test_threads_sleep_while_they_wait_unless_another_library_has_chosen(
    set_before: int, is_used: bool, wanted: int, film: Path, card: Card, primary: Primary
) -> None:
    before = card.count("blocking contexts")
    primary.set(set_before)
    if is_used:
        primary.use()
    frames_of(film)
    assert primary.flags == wanted
    assert card.count("blocking contexts") - before == (wanted == SLEEP)


@pytest.mark.slow
def test_the_time_for_which_decoding_waits_for_its_card_is_counted(film: Path, card: Card) -> None:
    card.fault("slow:20")
    _, on_card = frames_of(film, on_device=False)
    card.fault()
    _, on_cpu = frames_of(film, on_device=False, decoder="cpu")
    # The CPU clock may have a coarse resolution.
    assert source_of(on_card).card_wait >= 0.5 * PICTURES * 0.020
    assert source_of(on_cpu).card_wait == 0


@pytest.mark.slow
def test_a_slow_card_that_is_lost_is_waited_for_no_longer(film: Path, card: Card) -> None:
    card.fault("slow:10")
    pipeline = ff.Pipeline()
    played = pipeline.add(ff.open(film, decoder="auto", loop=True), name="film")
    pipeline.add(lambda frame: None, played)
    with pipeline:
        until(lambda: source_of(pipeline).card_wait > 0.1, "waits for the card")
        card.fault("slow:10", "lost:0")
        until(lambda: source_of(pipeline).decoder == "cpu", "the CPU")
        waited, seen = source_of(pipeline).card_wait, pipeline.stats().nodes["film"].processed
        until(lambda: pipeline.stats().nodes["film"].processed > seen + 2 * PICTURES, "pictures of the CPU")
        assert source_of(pipeline).card_wait == waited
    card.fault()
    check_books(pipeline)


def test_a_playlist_is_behind_by_the_pictures_that_wait_for_its_card(card: Card) -> None:
    """A thread reads packets ahead, so they arrive in time."""
    with HttpServer(live_clip("mpegts")) as server, Camera(server.playlist, decoder="cuda") as camera:
        camera.read(10)
        card.fault("slow:120")
        camera.wait(lambda stats: (stats.behind or 0) > 3, "a lag of three segments")
    card.fault()


@pytest.mark.slow
def test_a_full_card_is_named_at_the_source_that_falls_behind(film: Path, card: Card) -> None:
    """A file that is not played in real time waits as long for its images, but is not late."""
    card.fault("slow:1000")
    pipeline = ff.Pipeline()
    played = pipeline.add(ff.open(film, decoder="cuda", loop=True, realtime=True), name="played")
    read = pipeline.add(ff.open(film, decoder="cuda", loop=True), name="read")
    pipeline.add(lambda frame: None, played)
    pipeline.add(lambda frame: None, read)

    def named() -> dict[str, str]:
        return {found.subject: found.text for found in pipeline.why().findings if found.kind == "card"}

    with pipeline:
        until(named, "the finding")
        found, stats = named(), pipeline.stats().nodes
        card.fault()
    assert set(found) == {"played"}
    assert re.fullmatch(r"waits for cuda:0 \d+ % of the time, and falls behind: .* s late\.", found["played"])
    late = {name: node.source.behind for name, node in stats.items() if node.source}
    assert late["read"] is None
    assert (late["played"] or 0) > 1
