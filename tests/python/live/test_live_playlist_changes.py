"""Playlists that end, restart, change, or fail once."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import Camera
from rigs.live.faulty_server import Clip
from rigs.live.packager import PER_SEGMENT, Packager, make_answer, numbered, read_number, read_rest
from support import WATCHDOG, until

import freshframe as ff

KINDS = ("mpegts", "mp4")
SOME = PER_SEGMENT - 2  # images of a segment; the last ones of a TS segment are delivered with the next one
QUICK: dict[str, Any] = {"pace": "burst", "queue": ff.Queue(512)}


def begun(server: Packager, clip: Clip, name: str = "init.mp4", segments: int = 2) -> None:
    """Lists the first segments."""
    server.begin(clip, name if clip.kind == "mp4" else "")
    server.add(clip, *range(segments))


def numbers(samples: list[ff.Sample[ff.Frame]]) -> list[int]:
    return [read_number(sample.value) for sample in samples]


def has_read(server: Packager, number: int) -> None:
    """Waits until the segment and then another playlist were requested, so that all of it has arrived."""
    until(lambda: any(name.startswith(f"{number}.") for name in server.asked), "the segment")
    before = server.asked.count("live.m3u8")
    until(lambda: server.asked.count("live.m3u8") > before + 1, "the next playlist")


@pytest.mark.table
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("window", "late"), [(1000, False), (3, True)], ids=["event", "window-and-segments"])
def test_a_live_event_that_ends_ends_the_source(kind: str, window: int, late: bool) -> None:
    clip = numbered(kind)
    with Packager(window) as server:
        begun(server, clip)
        with Camera(server.url, **QUICK) as camera:
            first = camera.read(SOME)
            server.add(clip, 2)
            has_read(server, 2)
            if late:
                server.add(clip, 3)
            server.is_over = True
            samples = first + read_rest(camera.reader, WATCHDOG)
            stats = camera.stats
    assert numbers(samples) == list(range(PER_SEGMENT, (4 if late else 3) * PER_SEGMENT))
    assert (stats.outages, stats.state) == (0, "closed")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "window"), [("mpegts", 1000), ("mp4", 2)])
def test_an_event_that_has_ended_during_an_outage_is_not_given_again(kind: str, window: int) -> None:
    clip = numbered(kind)
    with Packager(window) as server:
        begun(server, clip)
        with Camera(server.url, read_timeout=0.5, **QUICK) as camera:
            first = camera.read(SOME)
            server.is_down = True
            camera.wait(lambda stats: stats.outages == 1, "the outage")
            server.add(clip, 2, 3)
            server.is_over = True
            server.is_down = False
            seen = numbers(first + read_rest(camera.reader, WATCHDOG))
    last = range(3 * PER_SEGMENT, 4 * PER_SEGMENT)  # a connection starts with the newest segment
    assert seen[-PER_SEGMENT:] == list(last)
    assert seen[:-PER_SEGMENT] == list(range(PER_SEGMENT, PER_SEGMENT + len(seen) - PER_SEGMENT))


@pytest.mark.slow
def test_a_source_that_must_reconnect_waits_for_the_next_event() -> None:
    clip = numbered("mpegts")
    with Packager() as server:
        begun(server, clip)
        with Camera(server.url, reconnect=True, **QUICK) as camera:
            first = camera.read(SOME)
            server.is_over = True
            until(lambda: camera.drops("repeated") >= SOME, "the segment that is sent again")
            server.is_over = False
            server.add(clip, 2)
            seen = numbers(first + camera.read(PER_SEGMENT))
    assert seen == list(range(PER_SEGMENT, 2 * PER_SEGMENT + SOME))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_that_counts_from_nought_again_is_shown_at_once(kind: str) -> None:
    old, new = numbered(kind, start=20.0), numbered(kind)
    with Packager() as server:
        begun(server, old)
        with Camera(server.url, read_timeout=0.5, **QUICK) as camera:
            first = camera.read(SOME)
            until(lambda: camera.drops("repeated") >= SOME, "the segment that is sent again")
            server.begin(new)
            server.add(new, 3, 4)
            server.is_over = True
            samples = first + read_rest(camera.reader, WATCHDOG)
    before = range(PER_SEGMENT, 2 * PER_SEGMENT)
    assert numbers(samples) == [*before, *range(3 * PER_SEGMENT, 5 * PER_SEGMENT)]
    pts = [sample.pts for sample in samples]
    assert pts == sorted(pts)


def other_parameters(same_name: bool) -> tuple[Clip, str]:
    return numbered("mp4", (96, 80)), "init.mp4" if same_name else "other.mp4"


@pytest.mark.slow
@pytest.mark.parametrize("same_name", [False, True])
def test_other_parameters_are_a_new_connection_and_no_garbage(same_name: bool, tmp_path: Path) -> None:
    old, (new, name) = numbered("mp4"), other_parameters(same_name)
    with Packager() as server:
        begun(server, old)
        camera = Camera(server.url, **QUICK)
        files = ff.VideoFile(tmp_path / "%03d.mp4", segment_every=3600.0)
        camera.pipeline.add(files, camera.port.packets)
        with camera:
            first = camera.read(SOME)
            has_read(server, 1)
            server.begin(new, name)
            server.add(new, 2)
            camera.wait(lambda stats: stats.reconnects == 1, "the other connection")
            server.is_over = True
            samples = read_rest(camera.reader, WATCHDOG)
            stats = camera.stats
    small = first + [one for one in samples if one.value.width == 64]
    large = [one for one in samples if one.value.width == 96]
    assert numbers(small) == list(range(PER_SEGMENT, 2 * PER_SEGMENT))
    assert numbers(large) == list(range(2 * PER_SEGMENT, 3 * PER_SEGMENT))
    assert samples[-PER_SEGMENT:] == large
    assert (stats.outages, stats.reconnects, stats.size_changes) == (1, 1, 1)
    paths = sorted(tmp_path.iterdir())
    recorded = [[read_number(one.value) for one in ff.stream(ff.open(path))] for path in paths]
    assert recorded == [numbers(small), numbers(large)]


def shows_all_without_an_outage(
    server: Packager, clip: Clip, change: Callable[[], object], **options: Any
) -> None:
    """Applies a change after the first two segments, and checks that all of the third is delivered."""
    begun(server, clip)
    with Camera(server.url, **QUICK, **options) as camera:
        first = camera.read(SOME)
        change()
        server.add(clip, 2)
        server.is_over = True
        seen = numbers(first + read_rest(camera.reader, WATCHDOG))
        stats = camera.stats
    assert seen == list(range(PER_SEGMENT, 3 * PER_SEGMENT))
    assert stats.outages == 0


def test_equal_parameters_of_another_name_are_no_outage() -> None:
    clip = numbered("mp4")
    with Packager() as server:

        def change() -> None:
            has_read(server, 1)
            server.begin(clip, "other.mp4")

        shows_all_without_an_outage(server, clip, change)
    assert "other.mp4" in server.asked


@pytest.mark.table
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_packager_that_was_restarted_is_followed(kind: str, late: bool) -> None:
    old, new = numbered(kind, start=20.0), numbered(kind)
    with Packager(first=20) as server:
        begun(server, old)
        with Camera(server.url, **QUICK) as camera:
            first = camera.read(SOME)
            has_read(server, 21)
            server.restart(new, 2, 3)
            if late:
                first += camera.read(2 * PER_SEGMENT)
                server.add(new, 4)
            server.is_over = True
            samples = first + read_rest(camera.reader, WATCHDOG)
            stats = camera.stats
    assert numbers(samples) == list(range(PER_SEGMENT, (5 if late else 4) * PER_SEGMENT))
    assert stats.outages == 0
    pts = [sample.pts for sample in samples]
    assert pts == sorted(pts)


# MPEG-TS, with the options of the first segments and of the later ones.
OTHER_STREAMS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "h265": ({}, {"codec": "libx265"}),
    "h264": ({"codec": "libx265"}, {}),
    "sound-comes": ({}, {"sound": "before"}),
    "sound-goes": ({"sound": "before"}, {}),
}


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("change", OTHER_STREAMS)
def test_another_codec_or_stream_is_a_new_connection_and_no_garbage(change: str, late: bool) -> None:
    old, new = (numbered("mpegts", **options) for options in OTHER_STREAMS[change])
    with Packager() as server:
        begun(server, old)
        with Camera(server.url, **QUICK) as camera:
            first = camera.read(SOME)
            has_read(server, 1)
            server.begin(new)
            server.add(new, 2)
            if late:
                camera.wait(lambda stats: stats.reconnects == 1, "the other connection")
            server.is_over = True
            samples = first + read_rest(camera.reader, WATCHDOG)
            stats = camera.stats
    assert numbers(samples) == list(range(PER_SEGMENT, 3 * PER_SEGMENT))
    assert (stats.outages, stats.reconnects) == (1, 1)


@pytest.mark.parametrize(("old", "new"), [("", "after"), ("after", "")], ids=["comes", "goes"])
def test_sound_after_the_video_changes_nothing(old: str, new: str) -> None:
    before, after = (numbered("mpegts", sound=sound) for sound in (old, new))
    with Packager() as server:
        begun(server, before)
        with Camera(server.url, **QUICK) as camera:
            first = camera.read(SOME)
            has_read(server, 1)
            server.begin(after)
            server.add(after, 2)
            server.is_over = True
            samples = first + read_rest(camera.reader, WATCHDOG)
            stats = camera.stats
    assert numbers(samples) == list(range(PER_SEGMENT, 3 * PER_SEGMENT))
    assert stats.outages == 0


FAILURES: dict[str, Callable[[bytes], Sequence[bytes | None]]] = {
    "500": lambda _: [b"HTTP/1.0 500 No\r\n\r\n"],
    "503-twice": lambda _: 2 * [b"HTTP/1.0 503 No\r\n\r\n"],
    "a-page": lambda _: [make_answer(b"<html>busy</html>")],
    "no-segments": lambda _: [make_answer(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n")],
    "half": lambda text: [make_answer(text)[: -len(text) // 2]],
    "closed": lambda _: [b""],
    "silence": lambda _: [None],
}


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_playlist_that_fails_once_is_asked_for_again(failure: str) -> None:
    clip = numbered("mpegts")
    options = {"read_timeout": 4.0} if failure == "silence" else {}  # half of it is the limit for a segment
    with Packager() as server:

        def change() -> None:
            server.answers["live.m3u8"] = [*FAILURES[failure](server.playlist())]
            until(lambda: not server.answers["live.m3u8"], "the failure")

        shows_all_without_an_outage(server, clip, change, **options)


@pytest.mark.table(cases=1)
@pytest.mark.parametrize(
    ("kind", "name", "failure"),
    [("mpegts", "2.ts", "503-twice"), ("mp4", "2.m4s", "closed"), ("mp4", "init.mp4", "500")],
)
def test_a_segment_that_fails_once_is_asked_for_again(kind: str, name: str, failure: str) -> None:
    clip = numbered(kind)
    with Packager() as server:

        def change() -> None:
            has_read(server, 1)
            server.answers[name] = [*FAILURES[failure](b"")]

        shows_all_without_an_outage(server, clip, change)
    assert not server.answers[name]


@pytest.mark.slow
def test_a_playlist_that_fails_for_good_is_an_error_that_says_why() -> None:
    clip = numbered("mpegts")
    with Packager() as server:
        begun(server, clip)
        with Camera(server.url, read_timeout=0.5, reconnect=False, **QUICK) as camera:
            camera.read(SOME)
            server.answers["live.m3u8"] = [b"HTTP/1.0 500 No\r\n\r\n" for _ in range(1000)]
            with pytest.raises(ff.SourceTimeoutError, match=r"s: its playlist does not arrive: .*5XX"):
                camera.pipeline.wait(WATCHDOG)


KEYS = {
    "SAMPLE-AES": "METHOD=SAMPLE-AES",
    "SAMPLE-AES-CTR": "METHOD=SAMPLE-AES-CTR",
    "ISO-23001-7": "METHOD=ISO-23001-7",
    "AES-256": "METHOD=AES-256",
    "aes-128": "METHOD=aes-128",
    "junk": "METHOD=junk",
    "a key without a METHOD": "IV=0x1",
    "KEYFORMAT=com.widevine": 'METHOD=AES-128,KEYFORMAT="com.widevine"',
}


@pytest.mark.parametrize("words", KEYS)
@pytest.mark.parametrize("options", [{"reconnect": False}, {"live": False}], ids=["live", "file"])
@pytest.mark.parametrize("tag", ["EXT-X-KEY", "EXT-X-SESSION-KEY"])
def test_each_encryption_that_cannot_be_read_is_refused_with_its_playlist(
    tag: str, options: dict[str, Any], words: str
) -> None:
    clip = numbered("mpegts")  # a segment that could be read
    key = f'#{tag}:{KEYS[words]},URI="none"'
    with Packager(head=key) as server:
        begun(server, clip)
        server.is_over = not options.get("live", True)
        with pytest.raises(ff.SourceError, match=f"its samples are encrypted .*{words}"):
            Camera(server.url, open_timeout=WATCHDOG, **options).pipeline.run()
        assert not [name for name in server.asked if name.endswith(".ts")]


def test_an_encryption_that_begins_later_ends_the_connection_with_its_name() -> None:
    clip = numbered("mpegts")
    with Packager() as server:
        begun(server, clip)
        with Camera(server.url, reconnect=False, **QUICK) as camera:
            camera.read(SOME)
            server.begin_key('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="none"')
            server.add(clip, 2, 3)
            with pytest.raises(ff.SourceError, match=r"its samples are encrypted .*SAMPLE-AES"):
                camera.pipeline.wait(WATCHDOG)


@pytest.mark.parametrize("words", ["abc", "100@", "100@x", "-1@0", "1e3@0", "100@99999999999999999999"])
@pytest.mark.parametrize("options", [{"reconnect": False}, {"live": False}], ids=["live", "file"])
@pytest.mark.parametrize("tag", ["#EXT-X-BYTERANGE:{}", '#EXT-X-MAP:URI="none",BYTERANGE="{}"'])
def test_a_byte_range_that_cannot_be_read_is_refused_with_its_playlist(
    tag: str, options: dict[str, Any], words: str
) -> None:
    clip = numbered("mpegts")
    with Packager(head=tag.format(words)) as server:
        begun(server, clip)
        server.is_over = not options.get("live", True)
        with pytest.raises(ff.SourceError, match=f"its playlist has the byte range '{words}'"):
            Camera(server.url, open_timeout=WATCHDOG, **options).pipeline.run()
        assert not [name for name in server.asked if name.endswith(".ts")]


def test_a_byte_range_that_cannot_be_read_ends_the_connection_where_it_comes() -> None:
    clip = numbered("mpegts")
    with Packager() as server:
        begun(server, clip)
        with Camera(server.url, reconnect=False, **QUICK) as camera:
            camera.read(SOME)
            server.begin_key("#EXT-X-BYTERANGE:many@0")
            server.add(clip, 2, 3)
            with pytest.raises(ff.SourceError, match="its playlist has the byte range 'many@0'"):
                camera.pipeline.wait(WATCHDOG)


@pytest.mark.slow
def test_encrypted_samples_are_named() -> None:
    clip = numbered("mpegts")
    key = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple.streamingkeydelivery"'
    with Packager(head=key) as server:
        begun(server, clip)
        server.files["1.ts"] = bytes(range(256)) * 40
        with pytest.raises(ff.SourceError, match=r"its samples are encrypted.*SAMPLE-AES"):
            Camera(server.url, open_timeout=1.0, reconnect=False).pipeline.start()
