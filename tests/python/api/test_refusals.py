"""Each public callable raises OptionTypeError for an argument of an unsupported type."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import pytest
from support import Count, Push, picture

import freshframe as ff
from freshframe import gil, native, numeric

THING: Any = object()
GRAY = picture(0)
BOX = [[0, 0, 10, 10]]

# Callables that accept any value, or have no arguments.
WITHOUT_ARGUMENTS = {"Node", "Source"}
# Created only by the engine; see test_errors.py.
NOT_MADE_BY_HAND = {
    "Frame",
    "Port",
    "Reader",
    "Sample",
}
# Plain records, created by the engine or (Circles) by a detector.
SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1)]
RECORDS = {
    "Circles",
}
FRAME = ff.Frame.from_array(GRAY, "gray")


def _added(**arguments: Any) -> object:
    pipeline = ff.Pipeline()
    return pipeline.add(lambda value: value, pipeline.add(Push()), **arguments)


def _read(**arguments: Any) -> object:
    pipeline = ff.Pipeline()
    return pipeline.reader(pipeline.add(Push()), **arguments)


def _with_reader(use: Callable[[ff.Reader[int]], object]) -> object:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(1)))
    with pipeline:
        return use(reader)


class _Waits(ff.Source[int]):
    def read(self) -> Any:
        self.stop_token.wait(THING)
        yield 1, 0.0


def _stop_token() -> NoReturn:
    pipeline = ff.Pipeline()
    pipeline.add(_Waits())
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    cause = caught.value.__cause__
    assert cause is not None
    raise cause


def _streamed(**options: Any) -> object:
    return ff.stream(Push(), **options)


def options_of(function: Callable[..., object]) -> list[str]:
    names = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    assert names
    return names


def each_option(function: Callable[..., object], *first: Any) -> list[Callable[[], object]]:
    return [partial(function, *first, **{name: THING}) for name in options_of(function)]


# Name in the package -> for each argument, a value that it must reject.
CALLS: dict[str, list[Callable[[], object]]] = {
    "Annotate": each_option(ff.Annotate),
    "Ask": [
        lambda: ff.Ask(THING),
        lambda: ff.Ask("http://localhost:1/v1", THING),
        *each_option(ff.Ask, "http://localhost:1/v1"),
    ],
    "CircleDetector": each_option(ff.CircleDetector),
    "CircleTracker": each_option(ff.CircleTracker),
    "ClipRecorder": each_option(ff.ClipRecorder),
    "Csv": [lambda: ff.Csv(THING)],
    "JsonLines": [lambda: ff.JsonLines(THING)],
    "Detections": [
        lambda: ff.Detections(THING, [1], [0]),
        lambda: ff.Detections(BOX, THING, [0]),
        lambda: ff.Detections(BOX, [1], THING),
        lambda: ff.Detections(BOX, [1], [0], tracker_id=THING),
        lambda: ff.Detections(BOX, [1], [0], data=THING),
        lambda: ff.Detections(BOX, [1], [0], velocity=THING),
        lambda: ff.Detections(BOX, [1], [0], names=THING),
    ],
    "fleet.Fleet": [lambda: ff.fleet.Fleet(THING), *each_option(ff.fleet.Fleet)],
    "LineCounter": [
        lambda: ff.LineCounter(THING, (9, 9)),
        lambda: ff.LineCounter((0, 0), THING),
        *each_option(ff.LineCounter, (0, 0), (9, 9)),
    ],
    "Ground": [
        lambda: ff.Ground(points=THING, places=SQUARE),
        lambda: ff.Ground(points=SQUARE, places=THING),
        lambda: ff.Ground(points=SQUARE, places=SQUARE, click_error=THING),
        lambda: ff.Ground(points=SQUARE, places=SQUARE, acceleration=THING),
    ],
    "ZoneCounter": [
        lambda: ff.ZoneCounter(THING),
        lambda: ff.ZoneCounter({"a": THING}),
        *each_option(ff.ZoneCounter, {"a": [(0, 0), (9, 0), (9, 9)]}),
    ],
    "Look": each_option(ff.Look),
    "testing.MockCamera": [
        lambda: ff.testing.MockCamera(THING),
        lambda: ff.testing.MockCamera(GRAY, fps=THING),
    ],
    "OnnxDetector": [lambda: ff.OnnxDetector(THING), *each_option(ff.OnnxDetector, "a.onnx")],
    "OnnxModel": [lambda: ff.OnnxModel(THING), *each_option(ff.OnnxModel, "a.onnx")],
    "Pipeline": [
        lambda: ff.Pipeline(THING),
        lambda: ff.Pipeline(stall_timeout=THING),
        lambda: ff.Pipeline(max_held_bytes=THING),
        lambda: ff.Pipeline(max_device_bytes=THING),
    ],
    "Process": [
        lambda: ff.Process(THING),
        lambda: ff.Process(ordered=THING),
        lambda: ff.Process(timeout=THING),
        lambda: ff.Process(max_bytes=THING),
        lambda: ff.Process(max_restarts=THING),
        lambda: ff.Process(restart_window=THING),
        lambda: ff.Process(env=THING),
    ],
    "Batch": [lambda: ff.Batch(THING), lambda: ff.Batch(1, max_wait=THING)],
    "Join": [
        lambda: ff.Join(THING),
        lambda: ff.Join(max_wait=THING),
        lambda: ff.Join(by=THING),
        lambda: ff.Join(partial=THING),
    ],
    "Presence": [lambda: ff.Presence(THING), lambda: ff.Presence(list, max_gap=THING)],
    "Spool": [
        lambda: ff.Spool(THING, print),
        lambda: ff.Spool("box", THING),
        *each_option(ff.Spool, "box", print),
    ],
    "Queue": [lambda: ff.Queue(THING), lambda: ff.Queue(1, THING)],
    "BoxTracker": each_option(ff.BoxTracker),
    "Publish": [lambda: ff.Publish(THING), *each_option(ff.Publish, "rtsp://host/a")],
    "BoxPredictor": each_option(ff.BoxPredictor),
    "OnnxClassifier": [lambda: ff.OnnxClassifier(THING), *each_option(ff.OnnxClassifier, "a.onnx")],
    "masks.encode": [lambda: ff.masks.encode(THING)],
    "masks.decode": [
        lambda: ff.masks.decode(THING),
        lambda: ff.masks.decode([""], THING),
    ],
    "VideoFile": [lambda: ff.VideoFile(THING), *each_option(ff.VideoFile, "a.mp4")],
    "open": [lambda: ff.open(THING), *each_option(ff.open, "a.mp4")],
    "probe": [lambda: ff.probe(THING), *each_option(ff.probe, "a.mp4")],
    "stats.prometheus_collector": [lambda: ff.stats.prometheus_collector(THING)],
    "stamped": [
        lambda: ff.stamped(1, like=THING),
        lambda: _with_reader(lambda reader: ff.stamped(1, like=reader.get(), frame=THING)),
    ],
    "testing.stamp": [
        lambda: ff.testing.stamp(seq=THING),
        lambda: ff.testing.stamp(pts=THING),
        lambda: ff.testing.stamp(captured=THING),
        lambda: ff.testing.stamp(source=THING),
    ],
    "testing.run_node": [
        lambda: ff.testing.run_node(THING, []),
        lambda: ff.testing.run_node(len, THING),
        lambda: ff.testing.run_node(len, [], fps=THING),
        lambda: ff.testing.run_node(len, [], process=THING),
        lambda: ff.testing.run_node(len, [], stamps=THING),
    ],
    "stream": [
        lambda: ff.stream(THING),
        lambda: ff.stream(Push(), THING),
        *(partial(_streamed, **{name: THING}) for name in options_of(ff.stream)),
    ],
}

METHODS: dict[str, Callable[[], object]] = {
    "Frame.jpeg, max_side": lambda: FRAME.jpeg(max_side=THING),
    "Frame.jpeg, quality": lambda: FRAME.jpeg(quality=THING),
    "Frame.read": lambda: ff.Frame.read(THING),
    "Frame.read, pts": lambda: ff.Frame.read("a.png", pts=THING),
    "Frame.write": lambda: FRAME.write(THING),
    "Pipeline.add, node": lambda: ff.Pipeline().add(THING),
    "Pipeline.add, parent": lambda: ff.Pipeline().add(print, THING),
    **{
        f"Pipeline.add, {name}": partial(_added, **{name: THING})
        for name in ("name", "queue", "on_error", "max_age", "max_rate", "every", "process")
    },
    "Pipeline.reader": lambda: ff.Pipeline().reader(THING),
    **{
        f"Pipeline.reader, {name}": partial(_read, **{name: THING})
        for name in ("queue", "name", "frames", "max_rate")
    },
    "Pipeline.wait": lambda: ff.Pipeline().wait(THING),
    "Pipeline.stop": lambda: ff.Pipeline().stop(THING),
    "Pipeline.stop_all": lambda: ff.Pipeline.stop_all(THING),
    "Dashboard.show": lambda: ff.Pipeline().serve().show(window=THING),
    "Pipeline.run, progress": lambda: ff.Pipeline().run(progress=THING),
    "Pipeline.run, progress_every": lambda: ff.Pipeline().run(progress_every=THING),
    **{
        f"Pipeline.serve, {name}": partial(ff.Pipeline().serve, **{name: THING})
        for name in ("host", "port", "view", "token", "away_after", "look", "looks_per_minute", "origins")
    },
    "Look.now": lambda: ff.Look().now(max_age=THING),
    "Look.ago": lambda: ff.Look().ago(THING),
    "Look.last": lambda: ff.Look().last(THING),
    "Look.last, n": lambda: ff.Look().last(1, THING),
    "Look.last, exact": lambda: ff.Look().last(1, exact=THING),
    "Ask.ask, snapshots": lambda: ff.Ask("http://localhost:1/v1").ask("What?", snapshots=THING),
    "Reader.get": lambda: _with_reader(lambda reader: reader.get(THING)),
    "StopToken.wait": _stop_token,
    "Frame.from_array": lambda: ff.Frame.from_array(THING),
    "Frame.from_array, format": lambda: ff.Frame.from_array(GRAY, THING),
    "Frame.from_array, copy": lambda: ff.Frame.from_array(GRAY, "gray", copy=THING),
    "Frame.to": lambda: FRAME.to(THING),
    "Frame.copy": lambda: FRAME.copy(THING),
    "Frame, pickled": lambda: pickle.dumps(FRAME),
    "Pipeline, pickled": lambda: pickle.dumps(ff.Pipeline()),
    "Annotate.draw": lambda: ff.Annotate().draw(FRAME, THING),
    "Annotate.draw, frame": lambda: ff.Annotate().draw(THING, ff.Detections(BOX, [1], [0])),
    "Annotate.draw, time": lambda: ff.Annotate().draw(FRAME, ff.Detections(BOX, [1], [0]), pts=THING),
    "LineCounter.update": lambda: ff.LineCounter((0, 0), (9, 9)).update(THING, pts=0),
    "ZoneCounter.update": lambda: ff.ZoneCounter({"till": [(0, 0), (9, 0), (9, 9)]}).update(THING, pts=0),
    "CircleDetector.detect": lambda: ff.CircleDetector().detect(THING),
    "Detections.inside": lambda: ff.Detections(BOX).inside(THING),
    "Detections.inside, anchor": lambda: ff.Detections(BOX).inside(SQUARE, anchor=THING),
    "Detections.merge": lambda: ff.Detections.merge([ff.Detections(BOX), THING]),
    "Detections.with_data": lambda: ff.Detections(BOX).with_data(kind=THING),
    "Detections.from_ultralytics": lambda: ff.Detections.from_ultralytics(THING),
    "BoxTracker.update": lambda: ff.BoxTracker().update(THING, pts=0),
    "BoxTracker.update, time": lambda: ff.BoxTracker().update(ff.Detections(BOX, [1], [0]), pts=THING),
    "CircleTracker.update": lambda: ff.CircleTracker().update(THING, pts=0),
    "CircleTracker.update, time": lambda: ff.CircleTracker().update(GRAY, pts=THING),
    "Circles, chosen": lambda: ff.CircleDetector().detect(GRAY)[THING],
    "Detections, chosen": lambda: ff.Detections(BOX, [1], [0])[THING],
    "demo.circles": lambda: ff.demo.circles(THING, 0),
    "demo.circles, seq": lambda: ff.demo.circles("demo:circles", THING),
    "demo.shapes": lambda: ff.demo.shapes(THING, 0),
    "demo.shapes, seq": lambda: ff.demo.shapes("demo:shapes", THING),
    "gil.watch, threshold": lambda: gil.watch(threshold=THING),
    "gil.watch, on_stall": lambda: gil.watch(on_stall=THING),
    "gil.watch, max_stalls": lambda: gil.watch(max_stalls=THING),
    "native.load": lambda: native.load(THING, "f", out=()),
    "native.load, symbol": lambda: native.load("f.so", THING, out=()),
    "native.load, out": lambda: native.load("f.so", "f", out=THING),
    "native.load, size": lambda: native.load("f.so", "f", out=(THING,)),
    "native.load, format": lambda: native.load("f.so", "f", out=(), format=THING),
    "native.load, dtype": lambda: native.load("f.so", "f", out=(), dtype=THING),
    "native.load, max_rows": lambda: native.load("f.so", "f", out=(None,), max_rows=THING),
    "native.load, state": lambda: native.load("f.so", "f", out=(), state=THING),
    "native.load, signature": lambda: native.load("f.so", "f", out=(), signature=THING),
    "native.function": lambda: native.function(THING, out=()),
    "native.numba": lambda: native.numba(out=THING),
    "native.node": lambda: native.node(THING, "f"),
    "native.node, name": lambda: native.node("f.so", THING),
    "native.node, option": lambda: native.node("f.so", "f", option=THING),
    "numeric.sum": lambda: numeric.sum(THING),
    "numeric.sum, threads": lambda: numeric.sum(GRAY, threads=THING),
    "numeric.sum, compensated": lambda: numeric.sum(GRAY, compensated=THING),
    "numeric.mean": lambda: numeric.mean(THING),
    "numeric.absdiff_mean": lambda: numeric.absdiff_mean(GRAY, THING),
}


def test_every_public_callable_is_in_the_table() -> None:
    public = {"fleet.Fleet", "stats.prometheus_collector"}
    public |= {f"{module}.{name}" for module in ("masks", "testing") for name in getattr(ff, module).__all__}
    public |= {
        name
        for name in ff.__all__
        if callable(getattr(ff, name))
        and not (inspect.isclass(getattr(ff, name)) and issubclass(getattr(ff, name), BaseException))
    }
    assert public - set(CALLS) - WITHOUT_ARGUMENTS - NOT_MADE_BY_HAND - RECORDS == set()
    assert set(CALLS) <= public


@pytest.mark.table
@pytest.mark.parametrize(
    ("name", "index"), [(name, index) for name, calls in CALLS.items() for index in range(len(calls))]
)
def test_an_object_of_another_type_is_refused(name: str, index: int) -> None:
    with pytest.raises(ff.OptionTypeError, match=r"object|Frame"):
        CALLS[name][index]()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_refuses_an_object_of_another_type(name: str) -> None:
    with pytest.raises(ff.OptionTypeError, match=r"object|pickled"):
        METHODS[name]()


PUBLIC = [getattr(ff, name) for name in sorted(ff.__all__)]
ERRORS = [
    each
    for each in PUBLIC
    if inspect.isclass(each) and issubclass(each, ff.FreshframeError) and each is not ff.RefusedError
]


def test_a_refusal_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(ff.RefusedError([2, 3], "too large")))
    assert (again.indices, again.reason, str(again)) == (
        (2, 3),
        "too large",
        "2 events were refused: too large",
    )


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_each_error_survives_pickling_with_its_attributes(error: type[ff.FreshframeError]) -> None:
    raised = error("the wanted value, the given one")
    wanted: dict[str, str | None] = {name: f"any {name}" for name in getattr(error, "__annotations__", {})}
    for name, value in wanted.items():
        setattr(raised, name, value)
    if isinstance(raised, ff.SourceError):
        raised.errno = 111
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is error
    assert str(again) == str(raised)
    if error is ff.NodeError:
        wanted["sample"] = None  # its image refers to memory of this process
    assert {name: getattr(again, name) for name in wanted} == wanted
    if isinstance(again, ff.SourceError):
        assert again.errno == 111
