"""Events and states that reach a consumer, whatever samples are dropped or late."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rigs.counting import LINE, ZONE, at
from support import Push

import freshframe as ff
from night.limits.rule import Find

_FPS = 25  # by the time of the samples
_FRAMES, _BEGINS = 700, 400  # frames of a round, and those in which tracks begin: none has more than 210
_TRACKS = 30  # tracks of each source in a round
_PERIOD = 0.004  # seconds between two of them
_LOITER, _SLOWEST = 1.0, 0.1  # seconds: in a zone, and of a consumer for a sample
_ZONES = {"middle": ZONE, "left": [(0.0, 0.0), (70.0, 0.0), (70.0, 240.0), (0.0, 240.0)]}
_PLACES = (  # places of tracks: where, whether that is below the line, and the zone
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
        """The crossings that the counters must report of it."""
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
    """The events in a value of a counter, with the frame at their time or after it."""
    if isinstance(counts, Mapping):
        for zone, each in counts.items():
            yield from _told(source, f"{counter} {zone}", each)
        return
    for one in counts.crossings:
        yield source, counter, "crossing", one.tracker_id, one.forward, round(one.pts * _FPS + 0.499)
    if isinstance(counts, ff.types.ZoneCounts):
        for visit in counts.visits:
            yield source, counter, "visit", visit.tracker_id, visit.reason, round(visit.last_pts * _FPS)
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
        """Compares with the events of its counter."""
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
        "zone": ff.ZoneCounter({"till": ZONE}, loiter_after=_LOITER),
        "zones": ff.ZoneCounter(_ZONES, loiter_after=_LOITER),
    }
    for name, counter in counters.items():
        port = pipeline.add(counter, ports, name=name, queue=ff.Queue(100 * _FRAMES) if live else None)
        for queue in (ff.LATEST, ff.NEXT):
            slow.append(_Slow(name))
            pipeline.add(slow[-1], port, queue=queue)
    with pipeline:
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
        presence = pipeline.add(ff.Presence(self._keys, max_gap=hold), port, queue=queue)
        self._events = pipeline.reader(presence, queue=queue)

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
        events = [sample.value for sample in iter(self._events.poll, None)]
        said = [event.reason or "begins" for event in events if event.key == "stays"][:9]
        times = [*self._times[:1], *self._times, time.monotonic(), time.monotonic()]
        # A sample arrives before it is asked for its keys, and after the question of the one before.
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
        with pipeline:
            began = time.monotonic()
            while (past := time.monotonic() - began) < _SENT_FOR:
                for one in late:
                    one.send(past)
                time.sleep(_SENT_EACH)
            tried += sum(one.check(find) for one in late)
    return tried
