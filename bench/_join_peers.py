"""The joins of ROS and DepthAI, reimplemented from their documentation, on a simulated clock.

ExactTime and ApproximateTime are policies of the ROS package message_filters. Its documentation and the wiki
page "message_filters/ApproximateTime" describe the algorithm: a pivot, the set with the smallest interval
that contains it, and a proof that no later message can make a better set. Sync is DepthAI's node of that
name, which takes a message of each input in turn and then replaces the oldest one until all are within the
threshold.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from _join_traces import Stream

AGE_PENALTY = 0.1  # ROS's default
DEPTH = 32  # depth of every queue, as in freshframe


@dataclass(frozen=True)
class Made:
    """A set that was delivered at `at`. Its members are (time, arrival), or None if missing."""

    at: float
    members: tuple[tuple[float, float] | None, ...]


class ExactTime:
    """ROS's TimeSynchronizer: equal times."""

    def __init__(self, count: int, within: float) -> None:
        """`within` is ignored."""
        self._count = count
        self._waiting: dict[float, dict[int, tuple[float, float]]] = {}

    def put(self, parent: int, time: float, now: float) -> list[Made]:
        """Handles a message, and returns the sets that are delivered now."""
        members = self._waiting.setdefault(time, {})
        members[parent] = (time, now)
        if len(members) < self._count:
            while len(self._waiting) > DEPTH:
                del self._waiting[min(self._waiting)]
            return []
        self._waiting = {each: kept for each, kept in self._waiting.items() if each > time}
        return [Made(now, tuple(members[i] for i in range(self._count)))]


class ApproximateTime:
    """ROS's ApproximateTime policy."""

    def __init__(self, count: int, within: float) -> None:
        """`within`: the maximum interval of a set."""
        self._within = within
        self._queues: list[deque[tuple[float, float]]] = [deque() for _ in range(count)]
        self._past: list[list[tuple[float, float]]] = [[] for _ in range(count)]
        self._dropped = [False] * count
        self._candidate: list[tuple[float, float]] | None = None
        self._pivot = 0
        self._made: list[Made] = []

    def put(self, parent: int, time: float, now: float) -> list[Made]:
        """Handles a message, and returns the sets that are delivered now."""
        self._made = []
        self._queues[parent].append((time, now))
        if len(self._queues[parent]) + len(self._past[parent]) > DEPTH:
            self._give_up_candidate()
            self._queues[parent].popleft()
            self._dropped[parent] = True
        while all(self._queues):
            self._step(now)
        return self._made

    def _give_up_candidate(self) -> None:
        for i, past in enumerate(self._past):
            self._queues[i].extendleft(reversed(past))
            past.clear()
        self._candidate = None

    def _step(self, now: float) -> None:
        heads = [queue[0][0] for queue in self._queues]
        start, end = min(heads), max(heads)
        first, last = heads.index(start), heads.index(end)
        for i in range(len(heads)):
            if i != last:
                self._dropped[i] = False  # a dropped message would not have been better than this one
        if self._candidate is None:
            if end - start > self._within or self._dropped[last]:
                self._queues[first].popleft()
                return
            self._take_candidate()
            self._pivot = last
            self._pivot_time = end
        elif (end - self._end) * (1 + AGE_PENALTY) < start - self._start:
            self._take_candidate()
        self._past[first].append(self._queues[first].popleft())
        exhausted = first == self._pivot
        if exhausted or (end - self._end) * (1 + AGE_PENALTY) >= self._pivot_time - self._start:
            self._publish(now)
        elif not self._queues[first]:
            self._search_on(now)

    def _take_candidate(self) -> None:
        self._candidate = [queue[0] for queue in self._queues]
        times = [time for time, _ in self._candidate]
        self._start, self._end = min(times), max(times)
        for past in self._past:
            past.clear()

    def _publish(self, now: float) -> None:
        assert self._candidate is not None
        members = self._candidate
        self._made.append(Made(now, tuple(members)))
        self._give_up_candidate()
        for queue in self._queues:
            queue.popleft()

    def _search_on(self, now: float) -> None:
        """Publishes the candidate if no future message can be in a better set.

        A future message cannot be earlier than the pivot or the last message of its topic.
        """
        moved = [0] * len(self._queues)

        def head(i: int) -> float:
            if moved[i] < len(self._queues[i]):
                return self._queues[i][moved[i]][0]
            seen = [*self._past[i], *self._queues[i]]
            return max(self._pivot_time, seen[-1][0]) if seen else self._pivot_time

        while True:
            heads = [head(i) for i in range(len(self._queues))]
            start, end = min(heads), max(heads)
            if (end - self._end) * (1 + AGE_PENALTY) >= self._pivot_time - self._start:
                self._publish(now)
                return
            if (end - self._end) * (1 + AGE_PENALTY) < start - self._start:
                return  # a later message may still make a better set
            first = heads.index(start)
            if moved[first] >= len(self._queues[first]):
                return
            moved[first] += 1


class Sync:
    """DepthAI's node. Full queues drop their oldest message without counting it."""

    def __init__(self, count: int, within: float) -> None:
        """`within`: the threshold."""
        self._within = within
        self._queues: list[deque[tuple[float, float]]] = [deque(maxlen=DEPTH) for _ in range(count)]
        self._held: list[tuple[float, float] | None] = [None] * count

    def put(self, parent: int, time: float, now: float) -> list[Made]:
        """Handles a message, and returns the sets that are delivered now."""
        self._queues[parent].append((time, now))
        made: list[Made] = []
        while True:
            for i, queue in enumerate(self._queues):
                if self._held[i] is None:
                    if not queue:
                        return made  # waits for this input, with no timeout
                    self._held[i] = queue.popleft()
            held = [member for member in self._held if member is not None]
            times = [each for each, _ in held]
            if max(times) - min(times) <= self._within:
                made.append(Made(now, tuple(held)))
                self._held = [None] * len(held)
            else:
                self._held[times.index(min(times))] = None


def events(streams: Sequence[Stream]) -> list[tuple[float, int, float]]:
    """Returns (arrival, parent, time) in the order of arrival."""
    return sorted((arrival, i, time) for i, stream in enumerate(streams) for time, arrival in stream)


def play(join: ExactTime | ApproximateTime | Sync, streams: Sequence[Stream]) -> list[Made]:
    """Returns all sets that the join makes of a trace."""
    return [made for arrival, parent, time in events(streams) for made in join.put(parent, time, arrival)]
