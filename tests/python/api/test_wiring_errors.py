"""Invalid connections raise an error before any thread runs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
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


class TakesTwo(ff.Node[Any, None]):
    def process(self, left: Any, right: Any) -> None:  # type: ignore[override]
        pass


def takes_two(left: Any, right: Any) -> None:
    pass


def adds_the_rest(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a wrapper that supplies the other arguments of `function`."""

    @functools.wraps(function)
    def wrapper(*given: Any) -> Any:
        return function(*given, "the rest")

    return wrapper


class Wrapped(ff.Node[Any, Any]):
    process = adds_the_rest(lambda self, sample, rest: rest)


def gives_some(value: Any) -> Iterator[Any]:
    yield value


def live_with(
    change: Callable[[ff.Pipeline, ff.Port[Any], ff.Port[Any]], object],
) -> Callable[[Any, Any], object]:
    """Returns an attempt to change a running pipeline that has a camera and a function downstream of it."""

    def run(pipeline: ff.Pipeline, camera: ff.Port[Any]) -> None:
        node = pipeline.add(lambda value: value, camera, name="node")
        with pipeline:
            change(pipeline, camera, node)

    return run


other = ff.Pipeline()

foreign = other.add(Ticker(), name="foreign")

Errors = type[Exception] | tuple[type[Exception], ...]

WIRING: dict[str, tuple[Callable[[Any, Any], object], Errors, str]] = {
    "a node without parent": (lambda p, c: p.add(Collect()), ff.GraphError, r"'Collect'.*needs a parent"),
    "a source with a parent": (
        lambda p, c: p.add(Ticker(), c),
        ff.GraphError,
        r"'Ticker'.*cannot have a parent",
    ),
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
        lambda p, c: p.reader([c, c.of(c)]),
        ff.GraphError,
        r"'cam' as its parent twice",
    ),
    "a port of another pipeline": (lambda p, c: p.add(Collect(), foreign), ff.GraphError, r"(?s)pipeline"),
    "a reader of another pipeline's port": (lambda p, c: p.reader(foreign), ff.GraphError, r"(?s)pipeline"),
    "a reader of nothing": (lambda p, c: p.reader([]), ff.GraphError, r"port"),
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
        r"stop.*skip",
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
        r"'reader' has a join and max_rate.*downstream of the join",
    ),
    "every of zero": (
        lambda p, c: p.add(Collect(), c, every=0),
        ff.OptionError,
        r"every of 'Collect' must be at least 1, got 0",
    ),
    "every of a source": (
        lambda p, c: p.add(Push(), every=2),
        ff.GraphError,
        r"'Push' is a source and has no queue: pass queue=, max_age=, max_rate= and every= to its children",
    ),
    "every of a join": (
        lambda p, c: p.add(takes_two, [c, p.add(Push())], join=ff.Join(0.1), every=2),
        ff.GraphError,
        r"'takes_two' has a join and every.*pass every to a node or reader downstream of the join",
    ),
    "max_rate that is infinite": (
        lambda p, c: p.add(Collect(), c, max_rate=float("inf")),
        ff.OptionError,
        r"max_rate must be a finite number, got inf",
    ),
    "a function of two values without a join": (
        lambda p, c: p.add(takes_two, [c, p.add(Push())]),
        ff.GraphError,
        r"'takes_two' cannot be called with one value of one of its 2 parents. With join=freshframe.Join\(",
    ),
    "a function of two values below one parent": (
        lambda p, c: p.add(takes_two, c),
        ff.GraphError,
        r"'takes_two' cannot be called with one value: missing a required argument: 'right'",
    ),
    "a function of no value": (
        lambda p, c: p.add(lambda: 1, c),
        ff.GraphError,
        r"'<lambda>' cannot be called with one value: too many",
    ),
    "a process() of two samples": (
        lambda p, c: p.add(TakesTwo(), c),
        ff.GraphError,
        r"'TakesTwo.process\(\)' cannot be called with a Sample: missing .*'right'",
    ),
    "a process() of two samples with a join": (
        lambda p, c: p.add(TakesTwo(), [c, p.add(Push())], join=ff.Join(0.1, max_wait=1)),
        ff.GraphError,
        r"'TakesTwo.process\(\)' cannot be called with a Sample, whose value is the tuple of all values",
    ),
    "connect() with its arguments in the wrong order": (
        live_with(lambda p, c, n: p.connect(c, n)),
        ff.GraphError,
        r"'cam' is a source and cannot have a parent: connect\(\) takes the child first and then its parent",
    ),
    "connect() with the name of the child": (
        live_with(lambda p, c, n: p.connect("node", c)),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"connect\(\) needs as its child a port that add\(\) returned; got 'node', which is a name: keep",
    ),
    "remove() of a name": (
        live_with(lambda p, c, n: p.remove("node")),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"^remove\(\) needs a port .*got 'node', which is a name",
    ),
    "remove() of another pipeline's port": (
        live_with(lambda p, c, n: p.remove(foreign)),
        ff.GraphError,
        r"^remove\(\) needs a port of this pipeline; 'foreign' belongs to another one",
    ),
    "replace() of a reader": (
        live_with(lambda p, c, n: p.replace(p.reader(n), takes_two)),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"^replace\(\) needs a port that add\(\) returned; got",
    ),
    "replace() of a node by one that gives several results": (
        live_with(lambda p, c, n: p.replace(n, gives_some)),
        ff.GraphError,
        r"gives_some yields several results per sample, and lambda returns at most one",
    ),
    "set_max_wait() of a node": (
        live_with(lambda p, c, n: p.set_max_wait(Collect(), 1)),  # type: ignore[arg-type]
        ff.OptionTypeError,
        r"^set_max_wait\(\) needs a port .*: add\(\) it, and give what add\(\) returns",
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


@pytest.mark.parametrize("is_joined", [False, True])
@pytest.mark.parametrize("is_method", [False, True])
def test_a_wrapper_may_add_arguments_for_the_function_that_it_wraps(is_joined: bool, is_method: bool) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Push())
    join: Any = ff.Join(max_wait=1) if is_joined else None
    parents: Any = [camera, pipeline.add(lambda value: value, camera)] if is_joined else camera
    node: Any = Wrapped() if is_method else adds_the_rest(lambda left, right: right)
    if is_joined and not is_method:
        node = adds_the_rest(lambda left, right, rest: rest)
    pipeline.add(node, parents, join=join)
