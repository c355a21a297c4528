"""Wiring that cannot work is refused before any thread runs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import Collect, Push, Ticker

import freshframe as ff


def with_source(add: Callable[[ff.Pipeline, ff.Port[Any]], object], *, live: bool = True) -> None:
    pipeline = ff.Pipeline()
    add(pipeline, pipeline.add(Push(live=live), name="cam"))
    pipeline.start()


class Debugger(ff.Node[Any, None]):
    def process(self, sample: ff.Sample[Any]) -> None:
        pass


class NoProcess(ff.Node[Any, None]):
    pass


class NoRead(ff.Source[Any]):
    pass


other = ff.Pipeline()

foreign = other.add(Ticker(), name="foreign")

Errors = type[Exception] | tuple[type[Exception], ...]

WIRING: dict[str, tuple[Callable[[Any, Any], object], Errors, str]] = {
    "a node without parent": (lambda p, c: p.add(Collect()), ff.GraphError, r"'Collect'.*needs a parent"),
    "a source with a parent": (lambda p, c: p.add(Ticker(), c), ff.GraphError, r"'Ticker'.*takes no parent"),
    "a class instead of an instance": (
        lambda p, c: p.add(Debugger, c),
        ff.OptionTypeError,
        r"got class Debugger; did you mean Debugger\(\)\?",
    ),
    "a source class instead of an instance": (
        lambda p, c: p.add(Ticker),
        ff.OptionTypeError,
        r"did you mean Ticker\(\)\?",
    ),
    "a number as a node": (lambda p, c: p.add(5, c), ff.OptionTypeError, r"5|int"),
    "a URL as a node": (
        lambda p, c: p.add("rtsp://u:secret@h/"),
        ff.OptionTypeError,
        r"a str; use freshframe.open\(...\)$",
    ),
    "None as a node": (lambda p, c: p.add(None, c), ff.OptionTypeError, r"None"),
    "a port as a node": (lambda p, c: p.add(c), ff.OptionTypeError, r"(?i)port"),
    "a node as a parent": (lambda p, c: p.add(Collect(), Ticker()), ff.OptionTypeError, r"(?i)port|Ticker"),
    "a string as a parent": (
        lambda p, c: p.add(Collect(), "cam"),
        ff.OptionTypeError,
        r"(?i)port.*(str|'cam')",
    ),
    "something else in a list of parents": (
        lambda p, c: p.add(Collect(), [c, 3]),
        ff.OptionTypeError,
        r"(?i)port",
    ),
    "a parent twice": (lambda p, c: p.add(Collect(), [c, c]), ff.GraphError, r"'cam' as its parent twice"),
    "a reader of a port twice": (
        lambda p, c: p.reader(c, c.of(c)),
        ff.GraphError,
        r"'cam' as its parent twice",
    ),
    "a port of another pipeline": (lambda p, c: p.add(Collect(), foreign), ff.GraphError, r"(?s)pipeline"),
    "a reader of another pipeline's port": (lambda p, c: p.reader(foreign), ff.GraphError, r"(?s)pipeline"),
    "a reader of nothing": (lambda p, c: p.reader(), ff.GraphError, r"port"),
    "a reader of a node": (lambda p, c: p.reader(Ticker()), ff.OptionTypeError, r"(?i)port|Ticker"),
    "a node without process()": (lambda p, c: p.add(NoProcess(), c), ff.GraphError, r"NoProcess.*process"),
    "a source without read()": (lambda p, c: p.add(NoRead()), ff.GraphError, r"NoRead.*read"),
    "a child of a sink": (
        lambda p, c: p.add(Collect(), p.add(ff.VideoFile("x.mp4"), p.add(ff.open("demo:circles")))),
        ff.GraphError,
        r"'VideoFile' is a sink",
    ),
    "a blocking queue below a camera": (
        lambda p, c: p.add(Collect(), c, queue=ff.LOSSLESS),
        ff.GraphError,
        r"'Collect'.*live source 'cam'.*LATEST",
    ),
    "a blocking reader below a camera": (
        lambda p, c: p.reader(c, queue=ff.LOSSLESS),
        ff.GraphError,
        r"'reader'.*live source 'cam'.*LATEST",
    ),
    "a queue for a source": (
        lambda p, c: p.add(Ticker(), queue=ff.LATEST),
        ff.GraphError,
        r"'Ticker'.*source.*queue",
    ),
    "a name that is taken": (lambda p, c: p.add(Collect(), c, name="cam"), ff.GraphError, r"'cam' is taken"),
    "frames=False for frames": (
        lambda p, c: p.reader(p.add(ff.open("demo:circles")), frames=False),
        ff.GraphError,
        r"frames=False.*'VideoSource'",
    ),
    "a number as a queue": (lambda p, c: p.add(Collect(), c, queue=3), ff.OptionTypeError, r"Queue"),
    "a number as a name": (
        lambda p, c: p.add(Collect(), c, name=3),
        ff.OptionTypeError,
        r"name must be a string",
    ),
    "an unknown on_error": (
        lambda p, c: p.add(Collect(), c, on_error="ignore"),
        ff.OptionError,
        r"stop.*skip.*remove",
    ),
    "max_age of zero": (lambda p, c: p.add(Collect(), c, max_age=0), ff.OptionError, r"max_age.*more than 0"),
    "max_age that is negative": (
        lambda p, c: p.add(Collect(), c, max_age=-1.0),
        ff.OptionError,
        r"max_age.*-1",
    ),
    "max_age that is no number": (
        lambda p, c: p.add(Collect(), c, max_age=float("nan")),
        ff.OptionError,
        r"max_age",
    ),
    "max_rate of zero": (
        lambda p, c: p.add(Collect(), c, max_rate=0),
        ff.OptionError,
        r"max_rate of 'Collect' must be more than 0 samples per second, got 0",
    ),
    "max_rate of a reader that is negative": (
        lambda p, c: p.reader(c, max_rate=-2.5),
        ff.OptionError,
        r"max_rate of 'reader' must be more than 0 samples per second, got -2.5",
    ),
    "max_rate of a join": (
        lambda p, c: p.reader([c, p.add(Push())], join=ff.Join(0.1), max_rate=5),
        ff.GraphError,
        r"'reader' has a join and max_rate.*below the join",
    ),
    "max_rate that is infinite": (
        lambda p, c: p.add(Collect(), c, max_rate=float("inf")),
        ff.OptionError,
        r"max_rate must be a finite number, got inf",
    ),
    "an unknown option": (lambda p, c: p.add(Collect(), c, depth=3), TypeError, r"depth"),
}


@pytest.mark.parametrize("case", WIRING)
def test_wrong_wiring_is_refused_before_any_thread_runs(case: str) -> None:
    add, error, message = WIRING[case]
    with pytest.raises(error, match=message):
        with_source(add)


def test_max_age_below_a_file_is_refused_at_start_and_says_what_to_do() -> None:
    with pytest.raises(ff.GraphError, match=r"'Collect' has max_age.*'cam'.*realtime=True"):
        with_source(lambda p, c: p.add(Collect(), c, max_age=1.0), live=False)
