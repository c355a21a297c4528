"""Presence: the node that turns states into start and end events."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _check
from .._errors import OptionTypeError
from .._graph.contract import Contract
from .._graph.node import Node
from .._graph.stamped import stamped
from .presence_event import EndReason, PresenceEvent

if TYPE_CHECKING:
    from .._native import NodeArrivals, Sample, Stamp

T = TypeVar("T", contravariant=True)


@dataclass(slots=True)
class _On:
    """A key that is present: Unix time of its first sample, and stream time of its first and last sample.

    The clock of `utc` may change in the meantime, with a connection or when it is set, but the stream's does
    not.
    """

    began: float  # Unix time when it was first seen
    first: float  # pts when it was first seen
    last: float  # pts when it was last seen

    def at(self, pts: float) -> float:
        """Converts a pts to Unix time, by the clock as it was when the key appeared."""
        return round(self.began + pts - self.first, 3)


@dataclass(slots=True)
class _Stream:
    """The samples of one source."""

    stamp: Stamp
    offset: float  # Unix time at pts 0, for samples without `utc`
    live: bool  # False: only `pts` shows how much time has passed
    captured: float = 0.0  # time.monotonic() of the last sample's capture
    arrived: float = 0.0  # time.monotonic() at which process() ended for the last sample
    now: float = 0.0  # Unix time of the last sample
    pts: float = 0.0  # pts of the last sample
    on: dict[Hashable, _On] = field(default_factory=dict)
    has_left: bool = False  # its source has ended


class Presence(Node[T, PresenceEvent]):
    """Emits an event when a key appears and when it disappears, from the keys present in each sample.

    Every sample gives the set of keys that are on. A key that was off gives a `PresenceEvent` immediately. A
    key ends when it is not seen for `max_gap` seconds of the stream's time. All keys of a live source end
    when no sample of it arrives for that long and none is on its way. A slow node upstream or a slow consumer
    does not end keys, and the events of a file depend on its `pts` alone. When a source is removed,
    disconnected or ends while others continue, or when another source gets its name, its keys end.

    When the pipeline ends or is stopped, all keys end. So each event that starts has exactly one end, unless
    the program crashes or a node upstream fails: then a `Spool` downstream writes the end at the next start.
    A node or reader of `presence.of(camera)` is removed with the camera and does not get the last ends. After
    replace() of this node, ending its events is up to the program.

    A key starts at `sample.utc`; for a file, this is the time of the recording, if the file contains it.
    Without `utc`, the time is derived from the arrival of the source's first sample and `pts`. The duration
    is measured by `pts`, so it is correct even if the clock of `utc` is changed.

    Every source has its own keys, and so has every node: `PresenceEvent.node` is its name. If a source has
    the name of a removed source, pending samples of the removed one do not emit events. Tracker IDs restart
    with each start of the program, so use zone names as keys if people or other programs store them.

    Args:
        key: Called with the value of a sample; returns the keys that are present: a set, list or dict. Keys
            must be hashable, and str or numbers if a Spool is downstream.
        max_gap: Seconds for which a key may be missing before it ends.

    Raises:
        OptionError: `max_gap` is not above 0.
        OptionTypeError: An argument is of the wrong type. From process(), if `key` returns a str or something
            that is not iterable.

    Example:
        >>> import freshframe as ff
        >>> seen = [{"yard"}, {"yard"}, set(), {"door"}]
        >>> events = ff.testing.run_node(ff.Presence(lambda names: names, max_gap=0.01), seen)
        >>> [(sample.value.key, sample.value.reason) for sample in events]
        [('yard', None), ('yard', 'gone'), ('door', None), ('door', 'stop')]
    """

    def __init__(self, key: Callable[[T], Iterable[Hashable]], *, max_gap: float = 2.0) -> None:
        """Starts without any keys."""
        if not callable(key):
            raise OptionTypeError(
                "key must be a function that returns the keys, such as lambda zones: zones['till'].inside; "
                f"got {_check.show(key)}"
            )
        _expect_one_argument(key)
        self._key = key
        self._max_gap = _check.positive_seconds("max_gap", max_gap)
        self.tick_every = min(self._max_gap / 4, 3600.0)
        self._streams: dict[str, _Stream] = {}
        self._node_name = ""
        self._arrivals: NodeArrivals | None = None
        self._is_live_in_worker = False
        self._until_in_worker: dict[int, float] = {}
        self._is_last_in_worker = False

    def _freshframe_contract(self) -> Contract:
        return Contract(
            note_name=self._note_name,
            note_arrivals=self._note_arrivals,
            note_arrivals_in_worker=self._note_arrivals_in_worker,
            note_live=self._note_live,
            note_last_tick=self._note_last_tick,
        )

    def _note_arrivals(self, arrivals: NodeArrivals) -> None:
        self._arrivals = arrivals

    def _note_arrivals_in_worker(self, until: dict[int, float]) -> None:
        self._until_in_worker = until

    def _note_live(self, live: bool) -> None:
        self._is_live_in_worker = live

    def _note_last_tick(self) -> None:
        self._is_last_in_worker = True

    def _note_name(self, name: str) -> None:
        self._node_name = name

    def process(self, sample: Sample[T], /) -> Iterator[PresenceEvent]:
        """Compares the keys that are present with the previous ones."""
        stamp = sample.stamp
        number = stamp._source_number
        stream = self._streams.get(stamp.source)
        if stream is not None and number < stream.stamp._source_number:
            return  # it was queued while another source took its name
        if stream is None or stream.has_left or number != stream.stamp._source_number:
            if stream is not None:
                # These events become part of the new source's stream, which has the same name.
                yield from self._end_all(stream, _silence(stream), "gone")
            stream = self._streams[stamp.source] = self._begun(sample)
        self._note(stream, sample)
        on = stream.on
        for key in self._keys(sample.value):
            known = on.get(key)
            if known is None:
                on[key] = _On(stream.now, sample.pts, sample.pts)
                yield PresenceEvent(key, stream.now, None, stream.now, node=self._node_name)
            else:
                known.last = sample.pts
        for key in [key for key, one in on.items() if sample.pts - one.last >= self._max_gap]:
            yield self._end(key, on.pop(key), sample.pts, "gone")
        stream.arrived = time.monotonic()  # after `yield`, which may have waited for space downstream

    def _freshframe_source_gone(self, number: int, name: str) -> None:
        """Marks the source as ended; on_tick(), which follows, ends its keys."""
        for stream in self._streams.values():
            if stream.stamp._source_number == number:
                stream.has_left = True
        super()._freshframe_source_gone(number, name)

    def on_tick(self, now: float, /) -> Iterator[PresenceEvent]:
        """Ends the keys of a source that is silent or has ended."""
        arrivals = self._arrivals
        last = self._is_last_in_worker if arrivals is None else arrivals.have_ended()  # then finish() follows
        for stream in self._streams.values():
            if stream.has_left:
                yield from self._end_in_stream(stream, _silence(stream), "stop" if last else "gone")
            elif not last and stream.on and (silence := self._silence_proven(stream)) >= self._max_gap:
                yield from self._end_in_stream(stream, silence, "gone")
        self._streams = {name: stream for name, stream in self._streams.items() if not stream.has_left}

    def finish(self) -> Iterator[PresenceEvent]:
        """Ends all keys."""
        for stream in self._streams.values():
            yield from self._end_in_stream(stream, _silence(stream), "stop")

    def _silence_proven(self, stream: _Stream) -> float:
        """Returns for how many seconds the source has certainly sent nothing after its last sample."""
        number = stream.stamp._source_number
        until = self._until_in_worker.get(number) if self._arrivals is None else self._arrivals.until(number)
        if until is None:
            return 0.0
        stream.live = True  # only known now in a worker whose other sources may be files
        return until - stream.captured

    def _begun(self, sample: Sample[T]) -> _Stream:
        captured = time.time() - (time.monotonic() - sample.captured)
        number = sample.stamp._source_number
        live = self._is_live_in_worker if self._arrivals is None else self._arrivals.is_live(number)
        return _Stream(sample.stamp, captured - sample.pts, live)

    def _note(self, stream: _Stream, sample: Sample[T]) -> None:
        stamp = sample.stamp
        # Otherwise the sample came by a longer path and is late: keep the newer stamp.
        if stamp.seq >= stream.stamp.seq:
            stream.stamp = stamp
        stream.pts = sample.pts
        stream.captured = sample.captured
        stream.arrived = time.monotonic()
        stream.now = round(stream.offset + sample.pts if sample.utc is None else sample.utc, 3)

    def _keys(self, value: T) -> list[Hashable]:
        keys: Any = self._key(value)
        if isinstance(keys, str) or not isinstance(keys, Iterable):
            raise OptionTypeError(
                f"key must return the set of keys that are present, such as {{'yard'}}, got "
                f"{_check.show(keys)}"
            )
        return list(keys)

    def _end_in_stream(self, stream: _Stream, silence: float, reason: EndReason) -> Iterator[PresenceEvent]:
        """Ends keys within the stream of their samples, so that an end never overtakes the next start."""
        for event in self._end_all(stream, silence, reason):
            yield stamped(event, like=stream.stamp)

    def _end_all(self, stream: _Stream, silence: float, reason: EndReason) -> Iterator[PresenceEvent]:
        """Ends all keys of a stream without a current sample. `silence`: seconds since its last one."""
        decided = stream.pts + silence
        while stream.on:
            key = next(iter(stream.on))
            yield self._end(key, stream.on.pop(key), decided, reason)

    def _end(self, key: Hashable, one: _On, now: float, reason: EndReason) -> PresenceEvent:
        """Returns the end event of a key. ``now`` is in stream time."""
        return PresenceEvent(key, one.began, one.at(one.last), one.at(now), reason, self._node_name)


def _expect_one_argument(key: Callable[..., object]) -> None:
    try:
        signature = inspect.signature(key)
    except (TypeError, ValueError):  # a callable without a signature
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise OptionTypeError(
            f"key must take one argument, the value of a sample, and return the keys, got a function of "
            f"{signature}: {error}. Write lambda zones: zones['till'].inside"
        ) from None


def _silence(stream: _Stream) -> float:
    """Returns the seconds since the last sample of a stream; 0 in a file."""
    return max(0.0, time.monotonic() - stream.arrived) if stream.live else 0.0
