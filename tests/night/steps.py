"""The nodes, sources and functions of random pipelines, which note their samples and their calls."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import freshframe as ff
from night.edges import Times
from night.program import RATE, Step

Token = tuple[Any, ...]  # (source, number, trail): the trail names the nodes on its way
SIZE = (48, 64)  # rows and columns of a painted picture
OLD = 100.0  # seconds
WORKER_GIVES = 3  # results of a generator in a worker for each sample
_DARKEST, _LEVELS, _NUMBERS = 10, 4, 60  # levels of a camera's pictures, in each half
_HIGH = 8  # levels between two high digits of a painted picture, for JPEG


class Take(NamedTuple):
    """A value that a step was given, and the drops on its edge since the last one, if the step sees them."""

    token: Token
    dropped: int | None = None


class Log:
    """Notes the samples of each step, in order, its batches and its calls."""

    def __init__(self) -> None:
        self.takes: dict[str, list[Take]] = defaultdict(list)
        self.calls: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
        self.emitted: dict[str, int] = defaultdict(int)
        self.replaced: set[str] = set()  # cameras whose first picture may come later, or again
        self.wrong: list[str] = []
        self._times = Times()

    def took(self, step: str, sample: ff.Sample[Any]) -> Token:
        """Notes a sample, and returns its token."""
        token = self.token(step, sample)
        if fault := self._times.fault_of(step, sample):
            self.wrong.append(fault)
        self.takes[step].append(Take(token, sample.dropped))
        return token

    def token(self, step: str, sample: ff.Sample[Any]) -> Token:
        """Returns the token in the value, which must be the sample's."""
        value = sample.value
        if isinstance(value, tuple):
            found = value if isinstance(value[0], str) else tuple(value[0])  # a set: its reference
            said = (sample.source, sample.seq)
            if found[:2] != said:
                self.wrong.append(f"{step}: the value {found} came as sample {said}")
            return tuple(value)
        is_painted = not isinstance(value, ff.types.Packet) and not sample.source.startswith("demo")
        if is_painted and sample.source not in self.replaced:
            try:
                frame = sample.frame
            except ff.StateError as missing:
                self.wrong.append(f"{step}: {missing}")
                return (sample.source, sample.seq, ())
            number, mark = painted_number(sample.source, frame, sample.seq), int(frame.luma[0, -1])
            marked = sample.source.startswith("camera") or mark == _mark(sample.source)
            if number != sample.seq or not marked:
                self.wrong.append(
                    f"{step}: the picture {number}, {mark} came as {sample.seq} of {sample.source}"
                )
        return (sample.source, sample.seq, ())


def _mark(source: str) -> int:
    """A level for each source: its name ends with a number. That of all clips is 0."""
    return 0 if source.startswith("clip") else 1 + int("".join(filter(str.isdigit, source)))


def picture(source: str, number: int) -> ff.Frame:
    """Its left half is its number, the high digit below the low one, the right half its source."""
    pixels = np.full(SIZE, number % 256, np.uint8)
    pixels[SIZE[0] // 2 :] = _HIGH * (number // 256 % (256 // _HIGH)) + _HIGH // 2
    pixels[:, SIZE[1] // 2 :] = _mark(source)
    return ff.Frame.from_array(pixels, "gray")


def painted_number(source: str, frame: ff.Frame, near: int) -> int:
    """Returns the number that its levels encode, the one around or above `near`."""
    luma = frame.luma
    if source.startswith("camera"):
        low, high = (round((int(level) - _DARKEST) / _LEVELS) for level in (luma[0, 0], luma[0, -1]))
        number, every = low + _NUMBERS * high, _NUMBERS**2
    else:
        number, every = int(luma[0, 0]) + 256 * (int(luma[-1, 0]) // _HIGH), 256 * (256 // _HIGH)
    return near + (number - near + every // 4) % every - every // 4


@functools.cache
def server() -> Any:
    """A camera for all programs, 500 pictures a second. Their levels are far enough apart for JPEG."""
    from rigs.live.media import encode  # noqa: PLC0415  (needs PyAV, which other programs do not)
    from rigs.live.servers import HttpServer  # noqa: PLC0415

    def draw(number: int, width: int, height: int) -> Any:
        pixels = np.full((height, width, 3), _DARKEST + _LEVELS * (number % _NUMBERS), np.uint8)
        pixels[:, width // 2 :] = _DARKEST + _LEVELS * (number // _NUMBERS)
        return pixels

    clip = encode("mjpeg", 2000, size=(SIZE[1], SIZE[0]), draw=draw)
    return HttpServer(dataclasses.replace(clip, fps=500))


def results(step: Step, token: Token) -> list[Token]:
    """Returns the results of a step for a token: the model of all steps.

    Raises:
        ValueError: The step fails with this one.
    """
    source, number, trail = token
    one = (source, number, (*trail, step.name))
    match step.kind:
        case "filter":
            return [] if number % 3 == 1 else [one]
        case "several":
            return [(source, number, (*trail, step.name, part)) for part in range(number % 3)]
        case "workers_several":
            return [(source, number, (*trail, step.name, part)) for part in range(WORKER_GIVES)]
        case "skip" if number % 7 == 3:
            raise ValueError(f"{step.name} fails at {number}")
        case "fails" | "leaves" if number >= step.at:
            raise ValueError(f"{step.name} fails at {number}")
    return [one]


def _pause(step: Step, token: Token) -> None:
    if step.slow and token[1] % 5 == 0:
        time.sleep(0.0003)


class Function:
    """A function of values, as `add()` takes it."""

    def __init__(self, step: Step, log: Log) -> None:
        self.step, self.log = step, log

    def plain(self, value: Any) -> Any:
        """One result or none."""
        self.log.takes[self.step.name].append(Take(value))
        _pause(self.step, value)
        found = results(self.step, value)
        return found[0] if found else None

    def several(self, value: Any) -> Iterator[Any]:
        """Any number."""
        self.log.takes[self.step.name].append(Take(value))
        _pause(self.step, value)
        yield from results(self.step, value)

    def batch(self, values: list[Any]) -> list[Any]:
        """One for each."""
        if not 1 <= len(values) <= self.step.size:
            self.log.wrong.append(f"{self.step.name}: a batch of {len(values)}")
        self.log.takes[self.step.name] += [Take(value) for value in values]
        return [results(self.step, value)[0] for value in values]

    def join(self, *values: Any) -> Any:
        """One for each set: the trail of the first, and those of the others."""
        self.log.takes[self.step.name].append(Take(values))
        if len({value[:2] for value in values}) > 1:
            self.log.wrong.append(f"{self.step.name}: a set of {values}")
        return joined(self.step, values)


def joined(step: Step, values: Token) -> Token:
    """Returns the token that a join makes of a set."""
    source, number, trail = values[0]
    return (source, number, (*trail, step.name, *(value[2] for value in values[1:])))


class Noted(ff.Node[Any, Any]):
    """A node whose calls are noted."""

    def __init__(self, step: Step, log: Log) -> None:
        self.step, self.log = step, log

    def _note(self, call: str) -> None:
        self.log.calls[self.step.name].append((id(self), call, threading.current_thread().name))

    def open(self) -> None:
        """Notes it."""
        self._note("open")

    def process(self, sample: ff.Sample[Any], /) -> Any:
        """One result or none."""
        self._note("process")
        token = self.log.took(self.step.name, sample)
        _pause(self.step, token)
        if self.step.kind == "collect":
            return None
        found = results(self.step, token)
        return found[0] if found else None

    def close(self) -> None:
        """Notes it."""
        self._note("close")


class NotedBatch(Noted):
    """The same with batches."""

    def process_batch(self, samples: list[ff.Sample[Any]], /) -> list[Any]:
        """One for each."""
        self._note("process")
        if not 1 <= len(samples) <= self.step.size:
            self.log.wrong.append(f"{self.step.name}: a batch of {len(samples)}")
        return [results(self.step, self.log.took(self.step.name, sample))[0] for sample in samples]


class Late(Noted):
    """Gives the result of each sample with the next one of its source, and the last ones at the end."""

    def open(self) -> None:
        """Keeps nothing yet."""
        super().open()
        self.kept: dict[str, tuple[Token, ff.types.Stamp]] = {}

    def process(self, sample: ff.Sample[Any], /) -> Any:
        """Returns the token of the one before."""
        self._note("process")
        token = self.log.took(self.step.name, sample)
        before = self.kept.get(sample.source)
        self.kept[sample.source] = (token, sample.stamp)
        return None if before is None else self._given(before)

    def finish(self) -> Iterator[Any]:
        """The last ones."""
        self._note("finish")
        for kept in self.kept.values():
            yield self._given(kept)

    def _given(self, kept: tuple[Token, ff.types.Stamp]) -> Any:
        token, stamp = kept
        return ff.stamped(results(self.step, token)[0], like=stamp)


class Numbers(ff.Source[Any]):
    """Tokens or painted pictures, as fast as they are taken, or with a pause after every fourth."""

    def __init__(self, step: Step, pause: float, log: Log) -> None:
        self.step, self.pause, self.log = step, pause, log
        self.live = step.live

    def read(self) -> Iterator[tuple[Any, float, float]]:
        """Reads until the count."""
        name = self.step.name
        for number in range(self.step.count):
            if self.stop_token.wait(self.pause if number % 4 == 3 else 0):
                return
            value = (name, number, ()) if self.step.gives == "tokens" else picture(name, number)
            age = OLD if number < self.step.old else 0.0
            yield value, number / RATE, time.monotonic() - age
            self.log.emitted[name] = number + 1


def in_worker(name: str, value: Token) -> Token:
    """The function of a node in worker processes."""
    source, number, trail = value
    return (source, number, (*trail, name))


def several_in_worker(name: str, value: Token) -> Iterator[Token]:
    """A generator in worker processes."""
    source, number, trail = value
    for part in range(WORKER_GIVES):
        yield (source, number, (*trail, name, part))


def node_of(step: Step, pause: float, log: Log, folder: Path) -> Any:
    """The object that `add()` takes for this step."""
    function = Function(step, log)
    made: dict[str, Callable[[], Any]] = {
        **dict.fromkeys(("numbers", "live", "pictures"), lambda: Numbers(step, pause, log)),
        "clip": lambda: ff.open(clip(folder.parent)),
        "demo": lambda: ff.open(f"demo:circles?frames={step.count}&pace=0&size=64x48"),
        **dict.fromkeys(("plain", "filter", "skip", "fails", "leaves"), lambda: function.plain),
        "several": lambda: function.several,
        "batch": lambda: function.batch,
        "batch_node": lambda: NotedBatch(step, log),
        "join": lambda: function.join,
        **dict.fromkeys(("node", "collect"), lambda: Noted(step, log)),
        "late": lambda: Late(step, log),
        "tracker": ff.CircleTracker,
        "workers": lambda: functools.partial(in_worker, step.name),
        "workers_several": lambda: functools.partial(several_in_worker, step.name),
        "lines": lambda: ff.JsonLines(folder / f"{step.name}.jsonl"),
        "spool": lambda: ff.Spool(folder / step.name, Receiver(step, log), max_wait=0),
        "camera": lambda: ff.open(server().url, frozen_after=None),
        "record": lambda: ff.VideoFile(folder / f"{step.name}.mkv", codec="ffv1"),
        "copy": lambda: ff.VideoFile(folder / f"{step.name}.mkv"),
        "look": lambda: ff.Look(seconds=3600, every=0),
    }
    return made[step.kind]()


class Receiver:
    """The `send` of a spool."""

    def __init__(self, step: Step, log: Log) -> None:
        self.step, self.log, self.last = step, log, 0

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Takes each event once."""
        for event in events:
            if event["n"] != self.last + 1:
                self.log.wrong.append(f"{self.step.name}: event {event['n']} follows {self.last}")
            self.last = event["n"]
            if event["source"] != event["value"][0]:
                self.log.wrong.append(f"{self.step.name}: {event['value']} came as one of {event['source']}")
            self.log.takes[self.step.name].append(Take(as_token(event["value"])))


def as_token(value: Any) -> Any:
    """Returns the token that was written as JSON."""
    return tuple(map(as_token, value)) if isinstance(value, list) else value


def clip(folder: Path) -> Path:
    """A file with 20 painted pictures, which is made once."""
    path = folder / "clip.mkv"
    if not path.exists():
        step = Step("clip0", "pictures", gives="frames", count=20)
        pipeline = ff.Pipeline()
        pipeline.add(ff.VideoFile(path, codec="ffv1"), pipeline.add(Numbers(step, 0, Log())))
        pipeline.run()
    return path
