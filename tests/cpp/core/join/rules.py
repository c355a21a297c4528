"""The rules of the join as a program of their own: plain Python, a simulated clock, no dependencies.

It is a second implementation of Note [Rules of the join] in src/core/join/joiner.hpp. rules_test.py compares
the engine with it.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass
class Item:
    """A sample that waits: its parent, its time, its arrival."""

    parent: int
    time: float
    arrival: float
    late: bool = False


@dataclass
class Books:
    """The fates of one parent's samples."""

    put: int = 0
    joined: int = 0
    unmatched: int = 0
    late: int = 0
    queue_full: int = 0


class Join:
    """Decides as samples arrive. ``sets`` are (time of the decision, the members or None, seconds waited)."""

    def __init__(self, parents: int, within: float, wait: float, *, partial: bool = False, depth: int = 32):
        """Without any sample."""
        self.parents = range(parents)
        self.within, self.wait, self.partial, self.depth = within, wait, partial, depth
        self.queues: list[deque[Item]] = [deque() for _ in self.parents]
        self.books = [Books() for _ in self.parents]
        self.ended = [False] * parents
        self.last_arrival: list[float | None] = [None] * parents
        self.last_time: list[float | None] = [None] * parents
        self.mean_interval = [0.0] * parents
        self.given_up: float | None = None
        self.born: float | None = None
        self.sets: list[tuple[float, list[Item | None], float]] = []

    def put(self, parent: int, time: float, now: float) -> None:
        """A sample arrives."""
        self.advance(now)
        queue, books = self.queues[parent], self.books[parent]
        books.put += 1
        last_arrival, last_time = self.last_arrival[parent], self.last_time[parent]
        if last_arrival is not None:
            mean = self.mean_interval[parent]
            self.mean_interval[parent] += (now - last_arrival - mean) * (0.1 if mean else 1)
        self.last_arrival[parent] = now
        if last_time is not None and time < last_time:  # J7
            self.drop(parent, len(queue))
            self.given_up = None
        self.last_time[parent] = time
        if len(queue) == self.depth:
            queue.popleft()
            books.queue_full += 1
        late = parent > 0 and self.given_up is not None and abs(time - self.given_up) <= self.within  # J6
        queue.append(Item(parent, time, now, late))
        self.decide(now)

    def end(self, parent: int, now: float) -> None:
        """No more samples of this parent arrive."""
        self.advance(now)
        self.ended[parent] = True
        self.decide(now)

    def advance(self, now: float) -> None:
        """Decides what is due until now."""
        while (due := self.due()) is not None and due <= now:
            self.expire(due)
            self.decide(due)

    def due(self) -> float | None:
        """The end of the first sample's wait."""
        return min((queue[0].arrival + self.wait for queue in self.queues if queue), default=None)

    def drop(self, parent: int, count: int = 1) -> None:
        """Drops the oldest samples of a parent."""
        for _ in range(count):
            item = self.queues[parent].popleft()
            if item.late:
                self.books[parent].late += 1
            else:
                self.books[parent].unmatched += 1
            if parent == 0:
                self.given_up = item.time

    def decide(self, now: float) -> None:
        """Applies J2, J3 and J5 until they wait for a sample."""
        if self.born is None:
            self.born = now
        while any(self.queues):
            if not (self.decide_partial(now) if self.partial else self.decide_whole(now)):
                return

    def decide_whole(self, now: float) -> bool:
        """Without partial sets."""
        if self.drop_stale():
            return True
        missing = [i for i in self.parents if not self.queues[i]]
        if not missing:
            self.take_set(now, [0] * len(self.queues))
            return True
        if any(self.ended[i] for i in missing):
            self.drop_heads()
            return True
        return False

    def decide_partial(self, now: float) -> bool:
        """With partial sets: the reference's oldest sample looks for its partners."""
        if not self.queues[0]:
            if self.ended[0]:
                self.drop_heads()
            return self.ended[0]
        reference = self.queues[0][0].time
        for i, queue in enumerate(self.queues):
            if queue and queue[0].time < reference - self.within:
                self.drop(i)
                return True
        left_out = self.left_out_of_whole()
        missing = [
            i for i, queue in enumerate(self.queues) if len(queue) == (0 if left_out is None else left_out[i])
        ]
        if not all(self.absent(i, now) for i in missing):
            return False
        if left_out is None or missing:
            self.take_partial(now)
        else:
            self.take_set(now, left_out)
        return True

    def left_out_of_whole(self) -> list[int] | None:
        """How many samples of each parent are too old for a whole set; None: so is the reference's oldest."""
        times = [[item.time for item in queue] for queue in self.queues]
        while True:
            oldest = max(each[0] for each in times if each) - self.within
            if times[0][0] < oldest:
                return None
            left = [[time for time in each if time >= oldest] for each in times]
            if left == times:
                return [len(queue) - len(each) for queue, each in zip(self.queues, times, strict=True)]
            times = [times[0], *left[1:]]

    def drop_heads(self) -> None:
        """The oldest sample of each parent."""
        for i in self.parents:
            if self.queues[i]:
                self.drop(i)

    def drop_stale(self) -> bool:
        """J2."""
        heads = [queue[0] for queue in self.queues if queue]
        newest = max(item.time for item in heads)
        stale = [item for item in heads if item.time < newest - self.within]
        if not stale:
            return False
        self.drop(min(stale, key=lambda item: (item.time, item.parent)).parent)
        return True

    def absent(self, parent: int, now: float) -> bool:
        """J5."""
        assert self.born is not None
        last = self.last_arrival[parent]
        silent = now - (self.born if last is None else last)
        return self.ended[parent] or silent > max(self.wait, 3 * self.mean_interval[parent])

    def expire(self, now: float) -> None:
        """J4."""
        item = min((queue[0] for queue in self.queues if queue), key=lambda item: (item.arrival, item.parent))
        if self.partial and any(abs(each.time - item.time) <= self.within for each in self.queues[0]):
            self.take_partial(now)
        else:
            self.drop(item.parent)

    def choose(self, steps: list[int]) -> list[int]:
        """How many samples each parent skips, at least these, so that the spread becomes smaller."""
        picks = [queue[step].time for queue, step in zip(self.queues, steps, strict=True)]
        moved = True
        while moved:
            moved = False
            for i in self.parents[1:]:
                if steps[i] + 1 >= len(self.queues[i]):
                    continue
                new = [*picks]
                new[i] = self.queues[i][steps[i] + 1].time
                before, after = max(picks) - min(picks), max(new) - min(new)
                nearer = abs(new[i] - picks[0]) < abs(picks[i] - picks[0])
                if after < before or (after == before and nearer):
                    picks, moved = new, True
                    steps[i] += 1
        return steps

    def take_set(self, now: float, left_out: list[int]) -> None:
        """Of all parents."""
        members: list[Item | None] = []
        for i, skipped in enumerate(self.choose(left_out)):
            self.drop(i, skipped)
            members.append(self.queues[i].popleft())
        self.add_set(members, now)

    def take_partial(self, now: float) -> None:
        """Of the reference and those that are there."""
        reference = self.queues[0].popleft()
        members: list[Item | None] = [reference]
        low = high = reference.time
        for i in self.parents[1:]:
            near = [x for x in self.queues[i] if max(high, x.time) - min(low, x.time) <= self.within]
            best = min(near, key=lambda item: (abs(item.time - reference.time), item.time), default=None)
            members.append(best)
            if best is None:
                continue
            while self.queues[i][0] is not best:
                self.drop(i)
            self.queues[i].popleft()
            low, high = min(low, best.time), max(high, best.time)
        self.given_up = reference.time
        self.add_set(members, now)

    def add_set(self, members: list[Item | None], now: float) -> None:
        """Counts it."""
        for item in members:
            if item is not None:
                self.books[item.parent].joined += 1
        self.sets.append((now, members, now - min(item.arrival for item in members if item is not None)))
