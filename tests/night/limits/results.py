"""Events, states, pictures and files that reach whoever waits for them, whatever else is lost meanwhile."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from rigs.counting import LINE, ZONE, at
from rigs.web_client import connect
from support import Count, Push

import freshframe as ff
from night import own_process
from night.limits.rule import Find, apart

_PATIENCE = 60.0  # seconds for what must happen
_FPS = 25  # of the time of the samples
_FRAMES, _BEGINS = 700, 400  # of a round, and those in which tracks begin: none has more than 210
_TRACKS = 30  # of each source in a round
_PERIOD = 0.004  # seconds between two of them
_LOITER, _SLOWEST = 1.0, 0.1  # seconds: in a zone, and of a consumer for a sample
_ZONES = {"middle": ZONE, "left": [(0.0, 0.0), (70.0, 0.0), (70.0, 240.0), (0.0, 240.0)]}
_PLACES = (  # of tracks: where, whether that is below the line, and the zone
    ((40.0, 40.0), False, "left"),
    ((40.0, 200.0), True, "left"),
    ((160.0, 90.0), False, "middle"),
    ((160.0, 150.0), True, "middle"),
    ((290.0, 40.0), False, ""),
    ((290.0, 200.0), True, ""),
)
_THROUGH = ({0, 5}, {1, 4})  # on the way from one of these places to the other there is a zone

_HOLDS, _LATE_BY = (1.0, 2.0), (1.5, 4.0, 3600.0)  # seconds of Changes, and times these
_SENT_EACH, _SENT_FOR = 0.05, 10.0  # seconds: between two samples, and of a round

_USUAL, _ODD = (48, 64), (65_536, 16)  # height and width of pictures: JPEG holds 65,535 pixels
_PICTURES_EACH, _ODD_FOR = 0.03, (0.1, 0.6)  # seconds: of a picture, and of successive odd ones
_STAYING, _LEAVING = 2, 3  # viewers
_NAMES, _LETTERS = 50, 100  # of each result, and of a name
_FIRST, _LEAST, _PAUSE = 1_000, 1_000, 0.001  # results until all room is there, and more; seconds between
_GROWN = 4 << 20  # bytes that the process may have more after them
_CALL, _BETWEEN = 4_000, 0.0003  # microseconds for which the GIL is held, and seconds between two calls
_HOLDERS, _KEPT = 2, 1_000  # threads that do so, and stalls
_SEGMENTS, _A_SEGMENT, _SEGMENT = 24, 5, 150_000  # that have room, about; pictures of one; bytes, about
_LIMIT = _SEGMENTS * _SEGMENT
_OVER = 1.1  # times the limit: the recorder waits for a deletion, but not for ever
_LESS = 4 * _SEGMENT  # bytes that the folder may have less than before

_Event = tuple[str, str, str, int, object, int]  # source, counter, kind, track, which, frame


class _Walk(NamedTuple):
    """A track that is seen in successive frames: the first one, and the number of its place in each."""

    begin: int
    places: Sequence[int]

    def stays(self) -> Iterator[tuple[str, int, int]]:
        """The zones in which it is without a break, with the first and the last of these frames."""
        first = self.begin
        for zone, group in itertools.groupby(self.places, lambda place: _PLACES[place][2]):
            last = first + len(list(group)) - 1
            if zone:
                yield zone, first, last
            first = last + 1

    def events(self, source: str, track: int) -> Iterator[_Event]:
        """All that the counters have to tell of it."""
        for frame, (before, now) in enumerate(itertools.pairwise(self.places), self.begin + 1):
            if _PLACES[before][1] != _PLACES[now][1]:
                yield source, "line", "crossing", track, _PLACES[now][1], frame
        end = self.begin + len(self.places)
        for zone, first, last in self.stays():
            has_left = last + 1 < end
            some: list[tuple[str, object, int]] = [("visit", "left" if has_left else "lost", last)]
            some += [("crossing", True, first)] * (first > self.begin)
            some += [("crossing", False, last + 1)] * has_left
            some += [("loitered", "", 0)] * (last - first > _LOITER * _FPS)
            for counter in ("zone", "zones middle") if zone == "middle" else ("zones left",):
                yield from ((source, counter, kind, track, which, frame) for kind, which, frame in some)


def _walk(chance: random.Random) -> _Walk:
    """No stay in a zone is about as long as an object must be there to loiter."""
    places, where = list[int](), chance.randrange(len(_PLACES))
    for _ in range(chance.randint(1, 6)):
        places += [where] * chance.choice((1, 5, 15, 35))
        where = chance.choice([to for to in range(len(_PLACES)) if {where, to} not in _THROUGH])
    walk = _Walk(chance.randrange(_BEGINS), places)
    is_clear = all(abs(last - first - _LOITER * _FPS) > 2 for _, first, last in walk.stays())
    return walk if is_clear else _walk(chance)


def _seen(walks: Sequence[_Walk], frame: int) -> ff.Detections:
    """The tracks in a frame, which have the numbers 1, 2, ..."""
    places = {
        track: _PLACES[walk.places[frame - walk.begin]][0]
        for track, walk in enumerate(walks, 1)
        if 0 <= frame - walk.begin < len(walk.places)
    }
    return at(*places.values(), ids=places)


def _told(source: str, counter: str, counts: Any) -> Iterator[_Event]:
    """The events in a value of a counter, with the frame at their time or behind it."""
    if isinstance(counts, Mapping):
        for zone, each in counts.items():
            yield from _told(source, f"{counter} {zone}", each)
        return
    for one in counts.crossings:
        yield source, counter, "crossing", one.tracker_id, one.forward, round(one.pts * _FPS + 0.499)
    if isinstance(counts, ff.ZoneCounts):
        for visit in counts.visits:
            yield source, counter, "visit", visit.tracker_id, visit.how, round(visit.ended * _FPS)
        for track in counts.loitered:
            yield source, counter, "loitered", track, "", 0


class _Slow(ff.Node[Any, None]):
    """Notes the events of a counter, and takes its time."""

    def __init__(self, counter: str) -> None:
        self.counter = counter
        self.events = Counter[_Event]()

    def process(self, sample: ff.Sample[Any], /) -> None:
        self.events.update(_told(sample.source, self.counter, sample.value))
        time.sleep(random.uniform(0, _SLOWEST))

    def compare(self, events: Sequence[_Event], find: Find) -> None:
        """With those of its counter."""
        book = Counter(event for event in events if event[1].split()[0] == self.counter)
        for what, some in (("has not had", book - self.events), ("should not have had", self.events - book)):
            if some:
                first = sorted(some, key=repr)[:3]
                find(f"a slow consumer below {self.counter!r} {what} {some.total()} events: {first}")


def _count(number: int, find: Find) -> int:
    """One round. Returns the number of events."""
    chance, live, slow = random.Random(number), number % 2 == 0, list[_Slow]()
    walks = {source: [_walk(chance) for _ in range(_TRACKS)] for source in ("door", "gate")}
    pipeline, sources = ff.Pipeline("counted"), {name: Push(live=live) for name in walks}
    ports = [pipeline.add(source, name=name) for name, source in sources.items()]
    counters: dict[str, Any] = {
        "line": ff.LineCounter(*LINE),
        "zone": ff.ZoneCounter(ZONE, loiter=_LOITER),
        "zones": ff.Zones(_ZONES, loiter=_LOITER),
    }
    for name, counter in counters.items():
        port = pipeline.add(counter, ports, name=name, queue=ff.Queue(100 * _FRAMES) if live else None)
        for queue in (ff.LATEST, ff.NEXT):
            slow.append(_Slow(name))
            pipeline.add(slow[-1], port, queue=queue)
    with pipeline.start():
        for frame in range(_FRAMES):
            for name, source in sources.items():
                source.push_stamped(_seen(walks[name], frame), frame / _FPS, time.monotonic())
            time.sleep(_PERIOD)
        for source in sources.values():
            source.end()
        pipeline.wait()
    numbered = [(name, *each) for name, some in walks.items() for each in enumerate(some, 1)]
    events = [event for name, track, walk in numbered for event in walk.events(name, track)]
    for one in slow:
        one.compare(events, find)
    return len(events)


def counted_events(seconds: float, find: Find) -> int:
    """Each event of a counter reaches a slow consumer once, although most of its samples are dropped."""
    ends, tried, numbers = time.monotonic() + seconds, 0, itertools.count()
    while time.monotonic() < ends:
        tried += _count(next(numbers), find)
    return tried


class _Late:
    """A source whose samples reach a Changes late, and what it says of a key that all of them have."""

    def __init__(self, pipeline: ff.Pipeline, hold: float, late: float, *, waits: bool) -> None:
        self._name = f"{late:g} s late{' behind a slow node' if waits else ''}, with a hold of {hold:g} s"
        self._hold, self._stamp = hold, 0.0 if waits else late
        self._source, self._times = Push(), list[float]()
        queue = ff.Queue(100_000, "drop_newest")
        port: Any = pipeline.add(self._source)
        if waits:
            port = pipeline.add(lambda sent: self._wait(sent, late), port, queue=queue)
        changes = pipeline.add(ff.Changes(self._keys, hold=hold), port, queue=queue)
        self._changes = pipeline.reader(changes, queue=queue)

    def _wait(self, sent: tuple[float, set[str]], late: float) -> Any:
        time.sleep(max(0.0, sent[0] + late - time.monotonic()))
        return sent

    def _keys(self, sent: tuple[float, set[str]]) -> set[str]:
        self._times.append(time.monotonic())
        return sent[1]

    def send(self, seconds: float) -> None:
        """A sample at this second of its stream."""
        now = time.monotonic()
        self._source.push_stamped((now, {"stays", f"{seconds:.0f}"}), seconds, now - self._stamp)

    def check(self, find: Find) -> int:
        """While it sends: the key begins, and stays. A source that had to be silent is not judged."""
        changes = [sample.value for sample in iter(self._changes.poll, None)]
        said = [change.by or "begins" for change in changes if change.key == "stays"][:9]
        times = [*self._times[:1], *self._times, time.monotonic(), time.monotonic()]
        # A sample arrives before it is asked for its keys, and behind the question of the one before.
        if max(later - before for before, later in zip(times, times[2:], strict=False)) >= self._hold:
            return 0
        if said not in ([], ["begins"]):
            find(f"{self._name}, a key that each sample has: {said}")
        return bool(said)


def late_changes(seconds: float, find: Find) -> int:
    """A key that is in each sample begins once, and does not end, however late the samples come."""
    ends, tried = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        pipeline = ff.Pipeline("late")
        late = [_Late(pipeline, hold, by * hold, waits=False) for hold in _HOLDS for by in _LATE_BY]
        late += [_Late(pipeline, hold, _LATE_BY[0] * hold, waits=True) for hold in _HOLDS]
        with pipeline.start():
            began = time.monotonic()
            while (past := time.monotonic() - began) < _SENT_FOR:
                for one in late:
                    one.send(past)
                time.sleep(_SENT_EACH)
            tried += sum(one.check(find) for one in late)
    return tried


class _Viewer(threading.Thread):
    """A picture stream of a page: `newest` is the Unix time at which its newest picture was taken."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.newest = 0.0
        where = urlsplit(url)
        self._socket = connect(url)
        self._socket.settimeout(None)
        question = f"GET {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"
        self._socket.sendall(question.encode())
        self.start()

    def run(self) -> None:
        length, taken = 0, 0.0
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            while line := stream.readline():
                name, _, value = line.decode("latin-1").partition(": ")
                if name == "Content-Length":
                    length = int(value)
                elif name == "X-Timestamp":
                    taken = float(value)
                elif name == "\r\n" and length:
                    stream.read(length)
                    self.newest, length = taken, 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(2)
        self.join()
        self._socket.close()


def _come_and_go(url: str, ended: threading.Event) -> None:
    """Viewers that leave before their first picture, or a few pictures later."""
    while not ended.is_set():
        with contextlib.closing(_Viewer(url)):
            ended.wait(random.choice((0.0, 0.01, 0.1, 0.3)))


def _show(source: Push, size: tuple[int, int], viewers: Sequence[_Viewer], seconds: float) -> bool:
    """Gives such pictures for so long, or until each viewer has had one. Returns whether they have."""
    began, ends, numbers = time.time(), time.monotonic() + seconds, itertools.count()
    while any(viewer.newest <= began for viewer in viewers):
        if time.monotonic() > ends:
            return False
        source.push(ff.Frame.from_array(np.full(size, next(numbers) % 256, np.uint8), "gray"))
        time.sleep(_PICTURES_EACH)
    return True


def pictures_that_cannot_be(seconds: float, find: Find) -> int:
    """Viewers get pictures again behind some that JPEG cannot hold, though others leave meanwhile."""
    ends, tried, ended = time.monotonic() + seconds, 0, threading.Event()
    pipeline, source = ff.Pipeline("odd"), Push()
    camera = pipeline.add(source, name="camera")
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(contextlib.closing(pipeline.serve(view=camera)))
        stack.enter_context(pipeline.start())
        url = page.picture_url("camera", fps=15)
        viewers = [stack.enter_context(contextlib.closing(_Viewer(url))) for _ in range(_STAYING)]
        for _ in range(_LEAVING):
            leaving = threading.Thread(target=_come_and_go, args=(url, ended))
            leaving.start()
            stack.callback(leaving.join)
        stack.callback(ended.set)
        while time.monotonic() < ends:
            if not _show(source, _USUAL, viewers, _PATIENCE):
                find(f"{_STAYING} viewers do not all see usual pictures, {tried} times behind odd ones")
                break
            _show(source, _ODD, viewers, random.uniform(*_ODD_FOR))
            tried += 1
    return tried


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
    with pipeline.start():
        while time.monotonic() < ends and (taken < _FIRST + _LEAST or now <= before + _GROWN):
            reader.get(_PATIENCE)
            time.sleep(_PAUSE)
            taken, now = taken + 1, own_process.memory()
            before = max(before, now) if taken <= _FIRST else before
    if taken >= _FIRST + _LEAST and now > before + _GROWN:
        find(f"{before >> 20} MiB became {now >> 20} from result {_FIRST} to {taken}, of new names")
    return taken if taken >= _FIRST + _LEAST else 0


def new_names(seconds: float, find: Find) -> int:
    """A node may name the classes anew in each result: the process does not grow by that."""
    return apart(_new_names, seconds, find)


def _hold_often(ended: threading.Event) -> None:
    usleep = ctypes.PyDLL(None).usleep
    while not ended.wait(_BETWEEN):
        usleep(_CALL)


def _stalls_without_room(seconds: float, find: Find) -> int:
    ended, goes_on = threading.Event(), threading.Event()
    threads = [threading.Thread(target=_hold_often, args=(ended,)) for _ in range(_HOLDERS)]
    watch = ff.gil.watch(0.001, on_stall=lambda _: goes_on.wait(), keep=_KEPT)
    try:
        watch.__enter__()
    except ff.StateError:  # there is no watch on this interpreter
        return 0
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    goes_on.set()
    watch.stop()
    counted, kept = sum(each.count for each in watch.summary()), len(watch.stalls)
    if counted > kept + watch.dropped:
        find(f"of {counted} stalls a watch has kept {kept} and dropped {watch.dropped}")
    return counted


def stalls_without_room(seconds: float, find: Find) -> int:
    """A watch of the GIL keeps or has dropped each stall, also where on_stall does not return for long."""
    return apart(_stalls_without_room, seconds, find)


class _Folder:
    """Segments of a recorder with a limit, their pictures, and somebody who deletes some of them."""

    def __init__(self, path: Path, ends: float) -> None:
        self._path, self._ends = path, ends
        self._chance = random.Random(6)
        self.source = Push(live=False)
        noise = np.random.default_rng(1).integers(0, 256, (8, 240, 256), np.uint8)
        self._pictures = zip(itertools.cycle(noise), itertools.count(0.0, 1 / _A_SEGMENT), strict=False)

    def _files(self) -> list[Path]:
        """The newest one first."""
        return sorted(self._path.glob("*.mp4"), reverse=True)

    def _bytes(self) -> int:
        """On the disk. The newest one grows, and so is looked at before older ones are deleted."""
        total = 0
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_blocks * 512
        return total

    def _newest(self) -> int:
        return max((int(path.stem) for path in self._files()), default=0)

    def follow(self, segments: int, find: Find) -> float:
        """Makes so many more. Returns the usual bytes meanwhile, and 0 where the time is over."""
        last, found = self._newest() + segments, list[int]()
        while self._newest() < last:
            if time.monotonic() > self._ends:
                return 0
            found.append(self._bytes())
            if found[-1] > _OVER * _LIMIT:
                find(f"segments take {found[-1]} bytes, where {_LIMIT} are the limit")
            picture, pts = next(self._pictures)
            self.source.push_stamped(ff.Frame.from_array(picture, "gray"), pts, time.monotonic())
            time.sleep(_PERIOD)
        return float(np.median(found))

    def delete_some(self) -> int:
        """Deletes half of them or more, by hand: the oldest ones, or any."""
        old = self._files()[2:]
        count = self._chance.randint(len(old) // 2, len(old))
        some = self._chance.sample(old, count) if self._chance.random() < 0.5 else old[len(old) - count :]
        for path in some:
            path.unlink(missing_ok=True)
        return count


def deleted_segments(seconds: float, find: Find) -> int:
    """Where somebody deletes segments, new ones fill the room up to the limit again, and never pass it."""
    ends, tried = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory(prefix="deleted-") as name:
        folder, pipeline = _Folder(Path(name), ends), ff.Pipeline("deleted")
        file = ff.VideoFile(f"{name}/%06d.mp4", segment=1, keep=ff.Keep(bytes=_LIMIT), codec="mpeg4")
        pipeline.add(file, pipeline.add(folder.source, name="noise"), name="file")
        with pipeline.start():
            folder.follow(2 * _SEGMENTS, find)
            before = folder.follow(_SEGMENTS, find)
            while time.monotonic() < ends:
                deleted = folder.delete_some()
                folder.follow(2 * _SEGMENTS, find)
                now = folder.follow(_SEGMENTS, find)
                if 0 < now < before - _LESS:
                    find(f"{before:.0f} bytes of segments became {now:.0f} behind {deleted} deleted ones")
                tried += now > 0
    return tried
