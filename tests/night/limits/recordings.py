"""The contents of recordings, in memory and in their files."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rigs.live.camera import PATIENT
from rigs.live.faulty_server import Clip
from rigs.live.media import KEY_INTERVAL, av, encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from support import Push, until

import freshframe as ff
from night.limits.rule import Find

_FILES = ("a.mp4", "a.mkv", "a.mov", "a.ts", "a.avi", "a_%d.mkv")  # files of frames, which are encoded
_COPIES = ("copy.mp4", "copy.mkv", "copy.ts", "copy_%d.mp4")  # files of the camera's packets
_SEGMENT = 25.0  # seconds of a file with a number in its name
_PAUSE = 10.0  # seconds without a frame, after which an encoder is emptied
_OUTAGE = 20.0  # seconds of an outage with what surrounds it, about
_STAYS = 90  # frames at most that a camera sends between two outages
_PATIENCE = 60.0  # seconds of an outage in which its files become complete
_SETTLED = 1.0  # seconds without a frame, from which on the outage has begun
_OFF = 3.0  # seconds by which the time of an outage may differ in a file
_FPS = 25  # rate of the pictures that a program pushes
_BEFORE = 2.0  # seconds of a clip before its event
_AFTER = 0.5  # seconds after it
_LATE = 24  # frames by which an encoder may end a clip later, at most
_LONGEST = 12.0  # seconds of pictures of one size, at most
_ROOM = 2.0  # times the bytes of a clip that are kept for it
_KEPT = 4.0  # seconds of pictures for whose bytes another recorder has room
_HELD = 4.0  # seconds of pictures that an encoder holds, at most
_PERIOD = 0.5  # seconds between two changes of the size
_SIZES = ((64, 48), (48, 64), (96, 32), (32, 96))  # all with the same number of pixels
_SENT = ((160, 120), (128, 96), (96, 160), (192, 64))  # sizes of a camera
_KEEPS = (30, 180)  # frames for which it keeps its size
_ROUNDS = 4  # changes to each size, until the camera begins again
_SHORT = 0.1  # seconds that a clip of packets may lack


class _Picture(NamedTuple):
    """The contents of a packet in a file."""

    pts: float  # seconds
    key: bool
    size: int  # bytes


def _pictures(path: Path) -> list[_Picture]:
    """Yields the packets of a file that may still be written, in their order of decoding."""
    with contextlib.suppress(av.FFmpegError, FileNotFoundError), av.open(path) as container:
        stream: Any = container.streams.video[0]
        return [
            _Picture(float(packet.pts * packet.time_base), packet.is_keyframe, packet.size)
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]
    return []


def _size_of(path: Path) -> tuple[int, int]:
    """Width and height of its pictures."""
    with av.open(path) as container:
        stream: Any = container.streams.video[0]
        return stream.width, stream.height


def _taken(pipeline: ff.Pipeline, name: str) -> int:
    """Samples that a recorder has taken, without samples that it has left out and counted."""
    node = pipeline.stats().nodes[name]
    return node.processed - node.drops.get("lost", 0)


# An outage.


class _Away(NamedTuple):
    """How long an outage has been at least and at most, in seconds."""

    least: float
    most: float


class _Pause(NamedTuple):
    """The part of an outage that a file contains."""

    seconds: float
    ends_with_key: bool


class _Recorded:
    """A camera below which every kind of recorder writes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.pipeline = ff.Pipeline("outages")
        self._folder = folder
        camera = self.pipeline.add(ff.open(url, frozen_after=None, **PATIENT), name="camera")
        self._clips = {name: ff.ClipRecorder(before=3600, after=1) for name in ("clips", "copied clips")}
        self._saved = dict[Path, int]()  # samples that its recorder had taken when a clip was asked for
        for name in _FILES:
            self.pipeline.add(self._file(name), camera, name=name)
        for name in _COPIES:
            self.pipeline.add(self._file(name), camera.packets, name=name)
        self.pipeline.add(self._clips["clips"], camera, name="clips")
        self.pipeline.add(self._clips["copied clips"], camera.packets, name="copied clips")

    def _file(self, name: str) -> ff.VideoFile:
        return ff.VideoFile(self._folder / name, segment_every=_SEGMENT if "%" in name else None)

    def taken(self) -> list[int]:
        """Samples of each recorder."""
        return [_taken(self.pipeline, name) for name in (*_FILES, *_COPIES, *self._clips)]

    def settle(self) -> None:
        """Waits until no recorder gets samples any more."""
        before: list[int] = []
        while (now := self.taken()) != before or any(one.waiting for one in self.pipeline.stats().edges):
            before = now
            time.sleep(_SETTLED)

    def forget_clips(self) -> None:
        """The clips of the outage before are not looked at again."""
        self._saved.clear()

    def save(self, when: str) -> None:
        """Begins clips of an event that happens now."""
        for name, clips in self._clips.items():
            path = self._folder / f"{name} {when}.mkv"
            self._saved[path] = _taken(self.pipeline, name)
            clips.save(path)

    def missing(self) -> dict[str, str]:
        """The files that lack more than one frame that their recorder had taken, and the clips that do not
        end.
        """
        found = {}
        for name in (*_FILES, *_COPIES):
            taken = _taken(self.pipeline, name)
            there = sum(len(_pictures(path)) for path in self._folder.glob(name.replace("%d", "*")))
            if there < taken - 1:
                found[name] = f"{there} of {taken} frames"
        for path in [path for clips in self._clips.values() for path in map(Path, clips.writing)]:
            found[path.name] = "does not end"
        for path, taken in self._saved.items():
            if path.name not in found and (there := len(_pictures(path))) < taken - 1:
                found[path.name] = f"{there} of {taken} frames"
        return found

    def pauses(self, name: str) -> list[_Pause]:
        """Each outage in a file."""
        steps = itertools.pairwise(sorted(_pictures(self._folder / name)))
        pauses = [_Pause(after.pts - before.pts, after.key) for before, after in steps]
        return [pause for pause in pauses if pause.seconds > _PAUSE / 2]


def _incomplete(recorded: _Recorded) -> dict[str, str]:
    """The parts that are still missing when the patience with an outage has ended."""
    ends = time.monotonic() + _PATIENCE
    while (missing := recorded.missing()) and time.monotonic() < ends:
        time.sleep(_SETTLED)
    return missing


def _check_pauses(recorded: _Recorded, outages: list[_Away], find: Find) -> None:
    """Each outage is as long in a file as it was in reality, and a keyframe follows."""
    for name in ("a.mkv", "copy.mkv"):
        pauses = recorded.pauses(name)
        fits = [
            away.least - _OFF < pause.seconds < away.most + _OFF and pause.ends_with_key
            for pause, away in zip(pauses, outages, strict=False)
        ]
        if len(pauses) != len(outages) or not all(fits):
            find(f"outages of {outages} are {pauses} in {name}")


def _there(recorded: _Recorded, more: int) -> None:
    """Waits until every recorder has taken that number of samples more."""
    enough = [count + more for count in recorded.taken()]
    until(
        lambda: all(count >= least for count, least in zip(recorded.taken(), enough, strict=True)),
        lambda: f"{more} frames: {recorded.pipeline.stats()}",
    )


def outages(seconds: float, find: Find) -> int:
    """In each outage of a camera all frames but one are in their files, and clips end."""
    ends, chance, past = time.monotonic() + seconds, random.Random(1), list[_Away]()
    with (
        tempfile.TemporaryDirectory(prefix="outages-") as folder,
        HttpServer(encode("mpegts", 900)) as server,
    ):
        recorded = _Recorded(server.url, Path(folder))
        with recorded.pipeline:
            _there(recorded, 1)
            while time.monotonic() + _OUTAGE < ends:
                _there(recorded, chance.randrange(1, _STAYS))
                recorded.forget_clips()
                recorded.save(f"{len(past)} before")
                server.faults.status, began = "503 Busy", time.monotonic()
                server.hang_up()
                recorded.settle()
                settled = time.monotonic()
                recorded.save(f"{len(past)} within")
                if missing := _incomplete(recorded):
                    find(f"{_PATIENCE:g} s after the begin of outage {len(past) + 1}: {missing}")
                else:
                    _check_pauses(recorded, past, find)
                server.faults.status, back = None, time.monotonic()
                _there(recorded, 1)
                past.append(_Away(back - settled, time.monotonic() - began))
    return len(past)


# Clips of frames whose size changes.


class _Feed:
    """A source of numbered pictures below which recorders keep their last seconds."""

    def __init__(self, *clips: ff.ClipRecorder) -> None:
        self.pipeline, self._source = ff.Pipeline("changes-of-a-size"), Push(live=False)
        self._names, self._pushed = [f"clips{number}" for number in range(len(clips))], 0
        self._noise = [np.random.default_rng(n).integers(0, 255, 64 * 48, np.uint8) for n in range(50)]
        source = self.pipeline.add(self._source, name="source")
        for name, recorder in zip(self._names, clips, strict=True):
            self.pipeline.add(recorder, source, name=name)

    @property
    def pts(self) -> float:
        """Seconds, of the newest picture."""
        return (self._pushed - 1) / _FPS

    def push(self, count: int, size: tuple[int, int]) -> None:
        """Gives the recorders `count` pictures more, and waits until they have taken them."""
        for number in range(self._pushed, self._pushed + count):
            pixels = self._noise[number % len(self._noise)].reshape(size[::-1])
            self._source.push(ff.Frame.from_array(pixels, "gray"))
        self._pushed += count
        until(
            lambda: all(_taken(self.pipeline, name) == self._pushed for name in self._names),
            lambda: f"{self._pushed} frames to be taken: {self.pipeline.stats()}",
        )

    def end(self) -> None:
        """No picture follows."""
        self._source.end()


def _bytes_per_second(folder: Path) -> float:
    """The size of a clip of these pictures."""
    clips = ff.ClipRecorder(before=_LONGEST, after=0)
    feed = _Feed(clips)
    with feed.pipeline:
        feed.push(round(_LONGEST * _FPS), _SIZES[0])
        clips.save(folder / "first.mp4")
        feed.push(_LATE, _SIZES[0])
        feed.end()
    pictures = _pictures(folder / "first.mp4")
    return sum(picture.size for picture in pictures) / len(pictures) * _FPS


class _Event(NamedTuple):
    """A clip that was asked for: of pictures of one size."""

    path: Path
    frames: int  # frames of this size up to the event
    behind: int  # frames of this size after it
    size: tuple[int, int]


def _check_seconds(event: _Event, find: Find) -> None:
    """The clip has the seconds before its event, or all since the change, and the seconds after it."""
    there = len(_pictures(event.path))
    before = min(event.frames, round(_BEFORE * _FPS) + 1)
    after = min(event.behind, round(_AFTER * _FPS))
    most = min(event.frames, before + _FPS) + min(event.behind, after + _LATE)
    if not before + after - 2 <= there <= most:
        find(
            f"a clip of {before} frames up to its event and {after} behind it has {there}: "
            f"{event.frames} frames of its size had come, {event.behind} followed"
        )
    if there and (size := _size_of(event.path)) != event.size:
        find(f"a clip of pictures of {event.size} is one of {size}")


def _check_bytes(event: _Event, room: float, find: Find) -> None:
    """The clip has what has room, up to a second, or all since the change."""
    pictures = _pictures(event.path)
    keys = [number for number, picture in enumerate(pictures) if picture.key]
    bounds = itertools.pairwise([*keys, len(pictures)])
    second = max((sum(picture.size for picture in pictures[a:b]) for a, b in bounds), default=0)
    up_to_event = sum(picture.size for picture in pictures[: len(pictures) - event.behind])
    whole = len(pictures) >= event.frames
    if not whole and sum(picture.size for picture in pictures) < room - 2 * second:
        find(f"a clip with room for {room:.0f} bytes has {len(pictures)} of {event.frames} frames")
    if up_to_event > room + _HELD * second:
        find(f"a clip with room for {room:.0f} bytes has {up_to_event} before its event")


def _rooms(folder: Path) -> tuple[int, int]:
    """The max_bytes of a recorder that keeps enough seconds, and of a recorder that keeps what has room."""
    second = _bytes_per_second(folder)
    return round(_ROOM * (_BEFORE + 1) * second), round(_KEPT * second)


def changes_of_a_size(seconds: float, find: Find) -> int:
    """A clip has the seconds before its event, however often the size of the frames has changed."""
    changes, chance, pushed = 0, random.Random(1), 0
    with tempfile.TemporaryDirectory(prefix="changes-") as folder:
        enough, room = _rooms(Path(folder))
        clips = {
            Path(folder) / "seconds.mkv": ff.ClipRecorder(before=_BEFORE, after=_AFTER, max_bytes=enough),
            Path(folder) / "bytes.mkv": ff.ClipRecorder(before=3600, after=3600, max_bytes=room),
        }
        feed, ends = _Feed(*clips.values()), time.monotonic() + seconds
        with feed.pipeline:
            for size, following in itertools.pairwise(itertools.cycle(_SIZES)):
                if time.monotonic() > ends:
                    break
                frames, behind = chance.randrange(pushed + 1, round(_LONGEST * _FPS)), chance.randrange(50)
                feed.push(frames - pushed, size)
                for path, recorder in clips.items():
                    path.unlink(missing_ok=True)
                    recorder.save(path, pts=feed.pts)
                feed.push(behind, size)
                feed.push(pushed := 1, following)
                until(lambda: not any(each.writing for each in clips.values()), "the clips to end")
                of_seconds, of_bytes = (_Event(path, frames, behind, size) for path in clips)
                _check_seconds(of_seconds, find)
                _check_bytes(of_bytes, room, find)
                changes += 1
                time.sleep(_PERIOD)
            feed.end()
    return changes


# Clips of packets whose parameters change.


class _Since(NamedTuple):
    """The packets of a camera since its last change of the size."""

    size: tuple[int, int]
    first: float  # seconds, the pts of the first one
    newest: float

    @property
    def age(self) -> float:
        """Seconds since the change."""
        return self.newest - self.first


class _Newest(ff.Node[ff.types.Packet, None]):
    """Knows since when the camera has its size."""

    def __init__(self) -> None:
        self.count = 0  # count of all packets
        self.since = _Since((0, 0), 0, 0)

    def process(self, sample: ff.Sample[ff.types.Packet], /) -> None:
        """Looks at the packet's size and time."""
        size, pts = sample.value.size or (0, 0), sample.pts
        self.since = _Since(size, self.since.first if size == self.since.size else pts, pts)
        self.count += 1


def _changing() -> tuple[Clip, float]:
    """The pictures of a camera that changes its size every few seconds, and its most bytes of a second."""
    chance, frames, keys, most = random.Random(1), list[bytes](), list[bool](), 0.0
    for size in _SENT * _ROUNDS:
        part = encode("h264", chance.randrange(*_KEEPS) // KEY_INTERVAL * KEY_INTERVAL, size=size)
        frames += part.frames
        keys += part.keys
        most = max(most, sum(map(len, part.frames)) / len(part.frames) * part.fps)
    return Clip("h264", b"", frames, keys), most


class _Copied:
    """A camera whose size changes, and a recorder that keeps the last seconds of its packets."""

    def __init__(self, url: str, max_bytes: int) -> None:
        self.pipeline, self._newest = ff.Pipeline("changes-of-a-camera"), _Newest()
        self._clips = ff.ClipRecorder(before=_BEFORE, after=_AFTER, max_bytes=max_bytes)
        camera = self.pipeline.add(ff.open(url, frozen_after=None, **PATIENT), name="camera")
        self.pipeline.add(self._newest, camera.packets, name="newest")
        self.pipeline.add(self._clips, camera.packets, name="clips")

    @property
    def is_whole(self) -> bool:
        """Whether both nodes have got all packets."""
        return not any(one.dropped for one in self.pipeline.stats().edges)

    @property
    def lost(self) -> int:
        """Packets that the recorder has left out."""
        return self.pipeline.stats().nodes["clips"].drops.get("lost", 0)

    def _taken(self) -> int:
        return self.pipeline.stats().nodes["clips"].processed

    def _since(self) -> _Since:
        """The packets up to the newest one in the recorder's memory, or up to one after it."""
        enough = self._taken()
        until(lambda: self._newest.count >= enough or not self.is_whole, f"{enough} packets")
        return self._newest.since

    def _save(self, path: Path) -> _Since:
        """Makes a clip of an event that happens now. Returns the packets up to one before the event."""
        since, enough = self._since(), self._newest.count
        until(lambda: self._taken() >= enough or not self.is_whole, f"{enough} packets in memory")
        self._clips.save(path)
        until(lambda: not self._clips.writing, "the clip to end")
        return since

    def check_clip(self, path: Path, find: Find) -> bool:
        """Whether a clip could be compared: its camera has kept the size, and no packet was dropped."""
        path.unlink(missing_ok=True)
        before, after, lost = self._save(path), self._since(), self.lost
        if not self.is_whole or before.first != after.first:
            return False
        times, least = [picture.pts for picture in _pictures(path)], min(before.age, _BEFORE)
        span = max(times) - min(times) if times else 0
        if span < least + _AFTER - _SHORT:
            find(f"a clip of {least:.2f} s before its event and {_AFTER:g} s behind it has {span:.2f} s")
        elif (size := _size_of(path)) != after.size:
            find(f"a clip of pictures of {after.size} is one of {size}")
        if lost:
            find(f"{lost} packets are lost, though all have come")
        return True


def changes_of_a_camera(seconds: float, find: Find) -> int:
    """A clip of packets has the seconds before its event, however often the camera's parameters change."""
    sent, most = _changing()
    ends, chance, tried = time.monotonic() + seconds, random.Random(1), 0
    with tempfile.TemporaryDirectory(prefix="changes-") as folder, RtspServer(sent) as server:
        while time.monotonic() < ends:
            copied = _Copied(server.url, round(_ROOM * (_BEFORE + 1) * most))
            with copied.pipeline:
                while time.monotonic() < ends and copied.is_whole:
                    copied.pipeline.wait(chance.uniform(0, _PERIOD))
                    tried += copied.check_clip(Path(folder) / "clip.mkv", find)
    return tried
