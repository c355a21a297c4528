"""The memory of counters and classifiers for tracks, of tracks that are over, and of the names of classes.

Where a rule is about the memory of a whole process, it is tried in a separate one.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rigs.counting import LINE
from rigs.onnx_files import save_colours
from support import Count

import freshframe as ff
from night import own_process
from night.limits.rule import Find, apart

_TURNS = 800  # turns of new tracks
_WARM = _TURNS // 8  # turns until all room is there
_AT_ONCE = 500  # tracks of a turn
_APART = 200.0  # seconds of pts between two turns: after four of them a track is forgotten
_BETWEEN = 0.5  # seconds between the two sights of a track
_SIZES = ((640, 360), (1280, 720))  # sizes of the pictures, in turn
_GROWN = 4 << 20  # bytes that a process may have more than in the first turns
_SLOWER = 8  # times the processor time of calls in the first turns
_LATER = 2.0  # seconds after the last sight: a visit is lost
_OF_TRACKER = 400  # new boxes of a turn; it has at most 512 tracks

_VIEWED = 200  # tracks of a turn that a second model looks at
_VIEWS_APART = 5.0  # seconds of pts between two turns: after twelve of them a track is forgotten
_PAUSE = 0.001  # seconds between two pictures of tracks that stay
_STAY = 5  # tracks that stay in the picture
_SAME = 1e-6  # seconds
_VIEW_BETWEEN = 1.0  # seconds between the two sights: a view that was the best for half of them is looked at

_NAMES, _LETTERS = 50, 100  # names in each result, and letters of a name
_NAMED_FIRST, _NAMED_MORE = 1_000, 1_000  # results until all room is there, and more
_BETWEEN_NAMES, _NAMED_WITHIN = 0.001, 60.0  # seconds between two of them, and until one is there


def _found(corners: Any, ids: Any = None) -> ff.Detections:
    count = len(corners)
    confidence, kinds = np.full(count, 0.9, np.float32), np.zeros(count, np.int32)
    return ff.Detections(corners, confidence, kinds, tracker_id=ids, names=["thing"])


def _tracks(turn: int, size: tuple[int, int], heights: Sequence[float]) -> ff.Detections:
    """New tracks: the middles of their boxes are at these shares of the picture's height, in turn."""
    number = np.arange(_AT_ONCE)
    x, y = 20 + number * 37 % (size[0] - 40), np.resize(heights, _AT_ONCE) * size[1]
    corners = np.stack([x - 10, y - 10, x + 10, y + 10], axis=1).astype(np.float32)
    return _found(corners, turn * _AT_ONCE + 1 + number)


_NOTHING = np.zeros((0, 4), np.float32)
_NO_TRACKS = _found(_NOTHING, np.zeros(0, np.int64))


class _Remembers:
    """Something that knows tracks, and is given new ones in each turn."""

    def see(self, turn: int) -> str:
        """Gives it the tracks of a turn. Returns what is wrong; "" means nothing."""
        raise NotImplementedError

    def ask(self, turn: int) -> None:
        """Calls it without a track, after the turn's tracks are over."""

    def close(self) -> None:
        """Ends what it has begun."""


def _size(turn: int) -> tuple[int, int]:
    return _SIZES[turn % len(_SIZES)]


class _Line(_Remembers):
    """Each track crosses it once. It is moved, and the pictures' size changes, between the turns."""

    def __init__(self) -> None:
        self._counter = ff.LineCounter((0, 0.5), (1, 0.5), relative=True)

    def see(self, turn: int) -> str:
        size = _size(turn)
        self._counter.update(_tracks(turn, size, [0.25]), pts=turn * _APART, size=size)
        counts = self._counter.update(_tracks(turn, size, [0.75]), pts=turn * _APART + _BETWEEN, size=size)
        got, wanted = (counts.forward, len(counts.crossings)), ((turn + 1) * _AT_ONCE, _AT_ONCE)
        return f"{got} instead of {wanted} crossings, of all turns and of one" if got != wanted else ""

    def ask(self, turn: int) -> None:
        place = 0.5 + turn % 2 / 100
        self._counter.line = ((0, place), (1, place))
        self._counter.update(_NO_TRACKS, pts=turn * _APART + _LATER, size=_size(turn))


def _top(share: float) -> tuple[tuple[float, float], ...]:
    return ((0, 0), (1, 0), (1, share), (0, share))


class _Zone(_Remembers):
    """Each track is first seen within it: one of two goes out, and the other one is not seen again."""

    def __init__(self) -> None:
        self._counts: Sequence[ff.types.ZoneCounts] = ()
        self._make()

    def _make(self) -> None:
        self._counter = ff.ZoneCounter(self._places(0.5), relative=True)

    def _places(self, share: float) -> dict[str, tuple[tuple[float, float], ...]]:
        return {"a": _top(share)}

    def _update(
        self, tracks: ff.Detections, now: float, size: tuple[int, int]
    ) -> Sequence[ff.types.ZoneCounts]:
        return list(self._counter.update(tracks, pts=now, size=size).values())

    def _move(self, share: float) -> None:
        self._counter.zones = self._places(share)

    def see(self, turn: int) -> str:
        size = _size(turn)
        for zone in self._counts:  # the counts when all tracks of the turns before were over
            got = (zone.appeared, zone.left, zone.lost, len(zone.inside))
            wanted = (turn * _AT_ONCE, turn * _AT_ONCE // 2, turn * _AT_ONCE // 2, 0)
            if got != wanted:
                return f"{got} instead of {wanted} appeared, left, lost and inside"
        self._update(_tracks(turn, size, [0.25]), turn * _APART, size)
        self._update(_tracks(turn, size, [0.25, 0.75]), turn * _APART + _BETWEEN, size)
        return ""

    def ask(self, turn: int) -> None:
        self._move(0.5 + turn % 2 / 100)
        self._counts = self._update(_NO_TRACKS, turn * _APART + _BETWEEN + _LATER, _size(turn))


class _Zones(_Zone):
    """The same of two zones."""

    def _places(self, share: float) -> dict[str, tuple[tuple[float, float], ...]]:
        return dict.fromkeys("ab", _top(share))


class _Tracker(_Remembers):
    """Each box is a new track on a ground."""

    def __init__(self) -> None:
        picture, metres = [(0, 0), (2000, 0), (2000, 2000), (0, 2000)], [(0, 0), (20, 0), (20, 20), (0, 20)]
        self._tracker = ff.BoxTracker(ground=ff.Ground(points=picture, places=metres))
        number = np.arange(_OF_TRACKER)
        places = np.stack([number % 20, number // 20], axis=1) * 90 + 20
        self._boxes = _found(np.concatenate([places, places + 30], axis=1).astype(np.float32))

    def see(self, turn: int) -> str:
        ids = self._tracker.update(self._boxes, pts=turn * _APART).tracker_id
        newest, wanted = 0 if ids is None or not len(ids) else int(ids[-1]), (turn + 1) * _OF_TRACKER
        return f"ids up to {newest} instead of {wanted}" if newest != wanted else ""

    def ask(self, turn: int) -> None:
        self._tracker.update(_found(_NOTHING), pts=turn * _APART + _LATER)


class _Drawing(_Remembers):
    """Each track has a trail."""

    def __init__(self) -> None:
        self._annotate = ff.Annotate(labels="", trail=1.0)
        self._frame = ff.Frame.from_array(np.zeros((48, 64, 3), np.uint8), "bgr")

    def see(self, turn: int) -> str:
        self._annotate.draw(self._frame, _tracks(turn, (64, 48), [0.25]), pts=turn * _APART)
        return ""

    def ask(self, turn: int) -> None:
        self._annotate.draw(self._frame, _NO_TRACKS, pts=turn * _APART + _LATER)


class _Red(ff.Source[ff.Frame]):
    """Red pictures at these times, with a pause between two."""

    live = False

    def __init__(self, times: Iterable[float], pause: float = 0.0) -> None:
        self._times, self._pause = times, pause

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """Reads until the stop."""
        pixels = np.zeros((240, 320, 3), np.uint8)
        pixels[..., 2] = 255
        frame = ff.Frame.from_array(pixels, "bgr")
        for pts in self._times:
            if self.stop_token.wait(self._pause):
                return
            yield frame, pts


def _two_sights() -> Iterator[float]:
    """The times of the pictures, two for each turn."""
    for turn in itertools.count():
        yield from (turn * _VIEWS_APART, turn * _VIEWS_APART + _VIEW_BETWEEN)


class _New(ff.Node[ff.Frame, ff.Detections]):
    """New tracks for each turn, beside each other."""

    def process(self, sample: ff.Sample[ff.Frame], /) -> ff.Detections:
        """Finds them."""
        number = np.arange(_VIEWED)
        places = np.stack([number % 20 * 15 + 4, number // 20 * 22 + 4], axis=1)
        corners = np.concatenate([places, places + 12], axis=1).astype(np.float32)
        return _found(corners, sample.seq // 2 * _VIEWED + 1 + number)


def _classifier(looks: Literal["growing", "best"]) -> ff.OnnxClassifier:
    with tempfile.TemporaryDirectory(prefix="looks-") as folder:
        model = save_colours(Path(folder) / "red.onnx", width=8, height=8)
        return ff.OnnxClassifier(model, when=looks, threads=1)


class _Looks(_Remembers):
    """Each track is looked at once, and its second sight has the result of this look."""

    def __init__(self, looks: Literal["growing", "best"]) -> None:
        classifier = _classifier(looks)
        self._pipeline = ff.Pipeline("looks")
        tracks = self._pipeline.add(
            _New(), self._pipeline.add(_Red(_two_sights()), name="red"), name="tracks"
        )
        self._reader = self._pipeline.reader(self._pipeline.add(classifier, tracks, name="kinds"))
        self._pipeline.start()

    def see(self, turn: int) -> str:
        first, second = self._reader.get(), self._reader.get()
        data = second.value.data
        is_right = (data["kind"] == "red") & (np.abs(data["kind_pts"] - first.pts) < _SAME)
        right = int(np.sum(is_right))
        return f"{right} instead of {_VIEWED} results of first looks" if right != _VIEWED else ""

    def close(self) -> None:
        self._pipeline.stop()


class _Same(ff.Node[ff.Frame, ff.Detections]):
    """The same tracks in each picture."""

    def process(self, sample: ff.Sample[ff.Frame], /) -> ff.Detections:
        """Finds them."""
        number = np.arange(_STAY)
        corners = np.stack(
            [number * 60 + 4, np.full_like(number, 20), number * 60 + 44, np.full_like(number, 60)], axis=1
        )
        return _found(corners.astype(np.float32), 1 + number)


def _looked_at_once(looks: Literal["growing", "best"], seconds: float, find: Find) -> int:
    """Tracks that stay for hours of pts have the result of one look: no later view is better."""
    ends, now, first = time.monotonic() + seconds, 0.0, dict[int, float]()
    pipeline = ff.Pipeline("looked-at-once")
    tracks = pipeline.add(
        _Same(), pipeline.add(_Red(itertools.count(0.0), _PAUSE), name="red"), name="tracks"
    )
    reader = pipeline.reader(pipeline.add(_classifier(looks), tracks, name="kinds"))
    with pipeline:
        while time.monotonic() < ends:
            sample = reader.get(60)
            ids, data = sample.value.tracker_id, sample.value.data
            assert ids is not None
            for track, kind, looked in zip(ids, data["kind"], data["kind_pts"], strict=True):
                if kind == "red":
                    first.setdefault(int(track), float(looked))
                if track in first and (kind != "red" or abs(looked - first[track]) > _SAME):
                    find(
                        f"of a track that stays, and was looked at at {first[track]:g} s by {looks!r}, "
                        f"the kind at {sample.pts:g} s is {str(kind)!r}, of {looked:g} s"
                    )
                    return 1
            now = sample.pts
    if len(first) < _STAY:
        find(f"{len(first)} of {_STAY} tracks that stay were looked at by {looks!r} within {now:g} s of pts")
    return 1


_COUNTERS: dict[str, Callable[[], _Remembers]] = {
    "a LineCounter": _Line,
    "a ZoneCounter": _Zone,
    "Zones": _Zones,
    "a BoxTracker with a ground": _Tracker,
    "Annotate with trails": _Drawing,
}
_CLASSIFIERS: dict[str, Callable[[], _Remembers]] = {
    "an OnnxClassifier that looks at growing views": lambda: _Looks("growing"),
    "an OnnxClassifier that looks at the best views": lambda: _Looks("best"),
}


def _spent(call: Callable[[int], None], turn: int) -> float:
    """Returns the processor time of a call: a busy machine makes it hardly longer."""
    began = time.thread_time()
    call(turn)
    return time.thread_time() - began


def _is_flat(name: str, one: _Remembers, seconds: float, find: Find) -> int:
    """Neither the memory nor the processor time of a call grows with tracks that are over."""
    ends, memory, spent = time.monotonic() + seconds, list[int](), list[float]()
    while len(memory) < _TURNS and time.monotonic() < ends:
        turn = len(memory)
        if wrong := one.see(turn):
            find(f"{name} has {wrong} in turn {turn}")
            return 1
        spent.append(_spent(one.ask, turn))
        memory.append(own_process.memory())
        before, now = max(memory[:_WARM]), memory[-1]
        if now > before + _GROWN:
            find(f"{before >> 20} MiB with {name} became {now >> 20} in {turn + 1} turns of new tracks")
            return 1
    if len(memory) < 2 * _WARM:
        return 0
    first, later = statistics.median(spent[:_WARM]), statistics.median(spent[_WARM:])
    if later > _SLOWER * first:
        find(f"a call of {name} took {first * 1e6:.0f} us, and then, without a track, {later * 1e6:.0f} us")
    return 1


def _all_flat(things: Mapping[str, Callable[[], _Remembers]], seconds: float, find: Find) -> int:
    """One after the other."""
    ends, tried = time.monotonic() + seconds, 0
    for number, (name, make) in enumerate(things.items()):
        left = max(0.0, ends - time.monotonic()) / (len(things) - number)
        with contextlib.closing(make()) as one:
            tried += _is_flat(name, one, left, find)
    return tried


def _counted_tracks(seconds: float, find: Find) -> int:
    return _all_flat(_COUNTERS, seconds, find)


def _classified_tracks(seconds: float, find: Find) -> int:
    return _all_flat(_CLASSIFIERS, seconds, find)


def counted_tracks(seconds: float, find: Find) -> int:
    """Counters, trackers and drawings forget tracks that are over, and count all of them."""
    return apart(_counted_tracks, seconds, find)


def classified_tracks(seconds: float, find: Find) -> int:
    """A second model that looks at tracks forgets ended ones."""
    if importlib.util.find_spec("onnxruntime") is None:
        return 0
    return apart(_classified_tracks, seconds, find)


def tracks_that_stay(seconds: float, find: Find) -> int:
    """A second model looks at a track once while its view does not get better."""
    if importlib.util.find_spec("onnxruntime") is None:
        return 0
    return sum(_looked_at_once(looks, seconds / 2, find) for looks in ("growing", "best"))


def _named_anew(number: int) -> ff.Detections:
    """One box, and names of classes with the number of the sample."""
    names = tuple(f"{number}.{kind}".ljust(_LETTERS, "x") for kind in range(_NAMES))
    return ff.Detections([[10, 10, 30, 30]], [0.9], [1], names=names)


def _new_names(seconds: float, find: Find) -> int:
    ends, before, now, taken = time.monotonic() + seconds, 0, 0, 0
    pipeline = ff.Pipeline("names")
    found = pipeline.add(_named_anew, pipeline.add(Count(), name="numbers"), name="found")
    tracks = pipeline.add(ff.BoxTracker(), found, name="tracks")
    pipeline.add(lambda _: None, pipeline.add(ff.LineCounter(*LINE), tracks, name="line"), name="end")
    reader = pipeline.reader(tracks)
    with pipeline:
        while time.monotonic() < ends and (taken < _NAMED_FIRST + _NAMED_MORE or now <= before + _GROWN):
            reader.get(_NAMED_WITHIN)
            time.sleep(_BETWEEN_NAMES)
            taken, now = taken + 1, own_process.memory()
            before = max(before, now) if taken <= _NAMED_FIRST else before
    if taken >= _NAMED_FIRST + _NAMED_MORE and now > before + _GROWN:
        find(f"{before >> 20} MiB became {now >> 20} from result {_NAMED_FIRST} to {taken}, of new names")
    return taken if taken >= _NAMED_FIRST + _NAMED_MORE else 0


def new_names(seconds: float, find: Find) -> int:
    """A node may name the classes again in each result: the process does not grow by that."""
    return apart(_new_names, seconds, find)
