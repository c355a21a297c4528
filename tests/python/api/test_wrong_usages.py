"""Usages that newcomers get wrong: each raises an error that says what to do instead."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rigs.attempts import GivesSample, forgot_return, joined, numbers, reads, swapped
from support import WATCHDOG, Count, Push, until

import freshframe as ff
from freshframe._cli import main

SCENE = "demo:circles?size=160x120&frames=4&pace=0"
PICTURE = np.zeros((24, 32, 3), np.uint8)


def below(node: Any, **options: Any) -> Callable[[], object]:
    """Returns an attempt: adds the node downstream of a camera and runs the pipeline."""

    def attempt() -> None:
        pipeline = ff.Pipeline()
        pipeline.add(node, pipeline.add(ff.open(SCENE), name="camera"), **options)
        pipeline.run()

    return attempt


def through(given: Any, taker: Callable[[], Any]) -> Callable[[], object]:
    """Returns an attempt: passes the result of a function to a node that expects something else."""

    def attempt() -> None:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(SCENE), name="camera")
        pipeline.add(taker(), pipeline.add(given, camera, name="mine"))
        pipeline.run()

    return attempt


def of_camera(use: Callable[[ff.Pipeline, Any], object]) -> Callable[[], object]:
    def attempt() -> object:
        pipeline = ff.Pipeline()
        return use(pipeline, pipeline.add(ff.open(SCENE), name="camera"))

    return attempt


def opens(address: str) -> Callable[[], object]:
    return lambda: ff.stream(ff.open(address)).__enter__()


def first_sample() -> ff.Sample[Any]:
    return next(iter(ff.stream(ff.open(SCENE))))


def sets_pixels(pipeline: ff.Pipeline, camera: Any) -> None:
    reader = pipeline.reader(camera)
    with pipeline:
        reader.get().value.bgr[0, 0] = 1


class Plain:
    def process(self, sample: Any) -> Any:
        return sample.value


class PlainSource:
    def read(self) -> Any:
        yield 1, 0.0


class WithoutSelf(ff.Node[Any, Any]):
    def process(sample: Any) -> Any:  # type: ignore[override]  # noqa: N805
        return 1


async def awaits_get() -> None:
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source))
    async with pipeline:
        source.push(1)
        await reader.get()  # type: ignore[misc]


def never_ends() -> None:
    pipeline, going = ff.Pipeline(), threading.Event()
    pipeline.add(lambda value: going.wait(WATCHDOG), pipeline.add(Count(1)), name="endless")
    pipeline.start()
    try:
        until(lambda: pipeline.stats().nodes["endless"].state == "working", "the call")
        pipeline.stop(timeout=0)
    finally:
        going.set()
        pipeline.stop(WATCHDOG)


def replaced_by(node: Any) -> Callable[[], object]:
    def attempt() -> None:
        pipeline, source = ff.Pipeline(), Push()
        port = pipeline.add(lambda value: value, pipeline.add(source), name="same")
        with pipeline:
            pipeline.replace(port, node)

    return attempt


# Usage -> the attempt, the class of its exception, and fragments that the message must contain.
BOXES = ff.Detections([[0, 0, 10, 20]], names=["ball"])
TRACKS = ff.Detections([[0, 0, 10, 20]], tracker_id=[1])
LINE = ff.LineCounter((0, 0), (9, 0))
ZONES = ff.ZoneCounter({"till": [(0, 0), (9, 0), (9, 9)]})
RAISED: dict[str, tuple[Callable[[], object], type[Exception], tuple[str, ...]]] = {
    "the name of a box": (lambda: BOXES[0].name, AttributeError, ("class_name",)),  # type: ignore[attr-defined]
    "the id of a box": (lambda: BOXES[0].id, AttributeError, ("tracker_id",)),  # type: ignore[attr-defined]
    "the ids of boxes": (lambda: BOXES.ids, AttributeError, ("tracker_id",)),  # type: ignore[attr-defined]
    "the radius of a circle": (
        lambda: ff.Circles([[9, 9, 5]])[0].radius,  # type: ignore[attr-defined]
        AttributeError,
        ("it is r",),
    ),
    "supervision's count of a line": (
        lambda: LINE.update(TRACKS, pts=0).in_count,  # type: ignore[attr-defined]
        AttributeError,
        ("forward",),
    ),
    "supervision's count of a zone": (
        lambda: ZONES.update(TRACKS, pts=0)["till"].current_count,  # type: ignore[attr-defined]
        AttributeError,
        ("len(zone.visible)", "len(zone.inside)"),
    ),
    "labels as a choice": (
        lambda: ff.Annotate(labels=True),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("{class_name}", "got True"),
    ),
    "a batch as a node": (
        lambda: ff.Batch(ff.BoxTracker()),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("batch=Batch(8)",),
    ),
    "a join as a node": (
        below(ff.Join(0.1)),
        ff.OptionTypeError,
        ("it is an option", "join=freshframe.Join(...)"),
    ),
    "a misspelt option of a node": (
        lambda: ff.OnnxDetector(ff.demo.shapes_model(), confidance=0.3),  # type: ignore[call-arg]
        TypeError,
        ("'confidance'. Did you mean 'min_confidence'?",),
    ),
    "a misspelt option of add()": (
        below(ff.CircleTracker(), que=ff.LATEST),
        TypeError,
        ("add() got", "'que'. Did you mean 'queue'?"),
    ),
    "a misspelt option of Pipeline": (
        lambda: ff.Pipeline(stall_timout=5),  # type: ignore[call-arg]
        TypeError,
        ("'stall_timout'. Did you mean 'stall_timeout'?",),
    ),
    "a misspelt option of a function": (
        lambda: ff.open(SCENE, reconect=False),  # type: ignore[call-arg]
        TypeError,
        ("open() got", "'reconect'. Did you mean 'reconnect'?"),
    ),
    "a misspelt option of a dataclass": (
        lambda: ff.Join(withn=0.1),  # type: ignore[call-arg]
        TypeError,
        ("'withn'. Did you mean 'within'?",),
    ),
    "a misspelt option of a class that is loaded later": (
        lambda: ff.Csv("a.csv", complet=True),  # type: ignore[call-arg]
        TypeError,
        ("'complet'. Did you mean 'complete'?",),
    ),
    "a misspelt option of get()": (
        of_camera(lambda pipeline, camera: pipeline.reader(camera).get(timout=2)),  # type: ignore[call-arg]
        TypeError,
        ("get() takes one argument", "get(timeout=2)"),
    ),
    "several parents in a row": (
        of_camera(lambda pipeline, camera: pipeline.add(lambda value: value, camera, camera)),  # type: ignore[call-overload]
        TypeError,
        ("Pipeline.add() got too many arguments", "several parents as a list", "add(node, [left, right]"),
    ),
    "several ports in a row": (
        of_camera(lambda pipeline, camera: pipeline.reader(camera, camera)),  # type: ignore[call-overload]
        TypeError,
        ("Pipeline.reader() got too many arguments", "pass several ports as a list", "reader([left, right]"),
    ),
    "serve(view=node)": (
        lambda: ff.Pipeline().serve(view=ff.CircleTracker()),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("view must be a port", "add() it, and give what add() returns"),
    ),
    "serve(view=[node])": (
        lambda: ff.Pipeline().serve(view=[ff.CircleTracker()]),  # type: ignore[list-item]
        ff.OptionTypeError,
        ("view must contain ports", "add() it, and give what add() returns"),
    ),
    "add(port, node)": (
        of_camera(lambda pipeline, camera: pipeline.add(camera, ff.CircleTracker())),  # type: ignore[call-overload]
        ff.OptionTypeError,
        ("add(node, parent)", "the port 'camera' as the node"),
    ),
    "stream(node, source)": (
        lambda: ff.stream(ff.CircleTracker(), ff.open(SCENE)),  # type: ignore[call-overload]
        ff.OptionTypeError,
        (
            "stream(freshframe.open(...), node)",
            "'CircleTracker', which is not a source",
            "and a source comes after it",
        ),
    ),
    "stream(function)": (
        lambda: ff.stream(lambda frame: 1),  # type: ignore[call-overload]
        ff.OptionTypeError,
        ("pass the source first",),
    ),
    **{
        f"the address {address}": (
            opens(address),
            ff.SourceError,
            ("there is no such file; the address of a camera begins with its protocol", "rtsp://host/path"),
        )
        for address in ("10.0.0.7/stream1", "10.0.0.7", "camera.lan:554/stream", "admin@camera/stream")
    },
    **{
        f"the path {path}": (
            opens(path),
            ff.SourceError,
            ("there is no such file; check the path",),
        )
        for path in ("match.mp4", "my.videos/match.1.mp4", "10.0/clip")
    },
    **{
        f"the scheme {given}": (
            opens(f"{given}://10.0.0.7/x"),
            ff.OptionError,
            (f"the scheme '{given}' is not supported; did you mean '{meant}'?",),
        )
        for given, meant in (("rstp", "rtsp"), ("rtps", "rtsp"), ("htttp", "http"), ("httpss", "https"))
    },
    "a scheme like no other": (
        opens("gopher://h/x"),
        ff.OptionError,
        ("'gopher' is not supported; this version opens",),
    ),
    "a float32 picture": (
        lambda: ff.Frame.from_array(PICTURE.astype(np.float32)),
        ff.OptionTypeError,
        ("got float32", "(255 * array).clip(0, 255).astype(np.uint8)"),
    ),
    "an int64 picture": (
        lambda: ff.Frame.from_array(PICTURE.astype(np.int64)),
        ff.OptionTypeError,
        ("got int64: pass array.astype(np.uint8)",),
    ),
    "a float32 picture of a node": (
        through(lambda frame: frame.bgr.astype(np.float32) / 255, ff.CircleTracker),
        ff.NodeError,
        ("Frame.from_array((255 * x).clip(0, 255).astype(np.uint8))",),
    ),
    "a picture of one channel": (
        lambda: ff.Frame.from_array(PICTURE[:, :, :1]),
        ff.OptionError,
        ('pass array[:, :, 0] with format="gray"',),
    ),
    "a format in capitals": (
        lambda: ff.Frame.from_array(PICTURE, "RGBA"),  # type: ignore[arg-type]
        ff.OptionError,
        ("must be one of gray, nv12, i420, i422, i444, bgr, rgb, bgra, rgba",),
    ),
    "a format to convert to": (
        lambda: ff.Frame.from_array(PICTURE).to("rgba"),  # type: ignore[arg-type]
        ff.OptionError,
        ("must be one of gray, nv12, i420, i422, i444, bgr, rgb, got 'rgba'",),
    ),
    "a generator object as a source": (
        lambda: ff.Pipeline().add(numbers()),  # type: ignore[call-overload]
        ff.OptionTypeError,
        ("<generator object", "derive a class from freshframe.Source", "read(self) yields"),
    ),
    "an iterator as a source": (
        lambda: ff.Pipeline().add(iter([1])),  # type: ignore[call-overload]
        ff.OptionTypeError,
        ("derive a class from freshframe.Source",),
    ),
    "a plain class with process()": (
        below(Plain()),
        ff.OptionTypeError,
        ("derive its class from freshframe.Node, class Plain(freshframe.Node)",),
    ),
    "a plain class with read()": (
        lambda: ff.Pipeline().add(PlainSource()),  # type: ignore[call-overload]
        ff.OptionTypeError,
        ("derive its class from freshframe.Source, class PlainSource(freshframe.Source)",),
    ),
    "read() yields arrays": (
        reads(lambda: iter([PICTURE])),
        ff.NodeError,
        (
            "must yield (value, pts)",
            "an array of shape (24, 32, 3)",
            "yield freshframe.Frame.from_array(array), pts",
        ),
    ),
    "read() yields values": (
        reads(lambda: iter([7])),
        ff.NodeError,
        ("got 7: yield the value and its time in seconds",),
    ),
    "a lambda without argument": (
        below(lambda: 1),
        ff.GraphError,
        ("'<lambda>' cannot be called with one value", "It takes nothing: write lambda value: ..."),
    ),
    "a lambda of two arguments": (
        below(lambda a, b: 1),
        ff.GraphError,
        ("It takes a, b: write lambda value: ...",),
    ),
    "a function of two arguments": (below(swapped), ff.GraphError, ("write def swapped(value):",)),
    "process() without self": (below(WithoutSelf()), ff.GraphError, ("Write def process(self, sample):",)),
    "process() returns the sample": (
        through(GivesSample(), ff.CircleTracker),
        ff.NodeError,
        ("returned a Sample", "return sample.value instead of the sample"),
    ),
    "a line of four numbers": (
        lambda: ff.LineCounter(0, 180, 640, 180),  # type: ignore[call-arg, arg-type]
        TypeError,
        ("LineCounter() got too many arguments", "2 (start, end)", "LineCounter((0, 180), (640, 180))"),
    ),
    "VideoFile as cv2.VideoWriter": (
        lambda: ff.VideoFile("a.mp4", 30, (640, 480)),  # type: ignore[call-arg, arg-type]
        TypeError,
        ("VideoFile() got too many arguments", "size and frame rate are those of the frames"),
    ),
    "a zone without a name to ZoneCounter": (
        lambda: ff.ZoneCounter([(0, 0), (9, 0), (9, 9)]),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("zones must map names to corners, such as {'till': [(0, 0), (90, 0), (90, 90)]}, got [(0, 0),",),
    ),
    "BoxTracker below a camera": (
        below(ff.BoxTracker()),
        ff.GraphError,
        ("takes Detections", "add a detector between them, such as an OnnxDetector"),
    ),
    "Annotate below a camera": (
        below(ff.Annotate()),
        ff.GraphError,
        ("add a detector between them, such as an OnnxDetector or a CircleTracker",),
    ),
    "VideoFile below circles": (
        through(ff.CircleTracker(), lambda: ff.VideoFile("never.mp4")),
        ff.GraphError,
        ("returns Circles: add Annotate() between them",),
    ),
    "sample.image": (
        lambda: first_sample().image,  # type: ignore[attr-defined]
        AttributeError,
        ("'Sample' object has no attribute 'image'. sample.frame is the frame", "sample.frame.bgr"),
    ),
    **{
        f"np.{function.__name__}(sample)": (
            lambda function=function: function(first_sample()),  # type: ignore[misc]
            TypeError,
            ("a Sample is not an array", "use sample.frame.bgr for the pixels", "sample.value for its value"),
        )
        for function in (np.asarray, np.array, np.mean)
    },
    "source.read() as cap.read()": (
        lambda: ff.open(SCENE).read(),
        ff.StateError,
        ("VideoSource is native", "`for sample in source:`, where sample.frame.bgr"),
    ),
    "source.isOpened()": (
        lambda: ff.open(SCENE).isOpened(),  # type: ignore[attr-defined]
        AttributeError,
        ("'VideoSource' object has no attribute 'isOpened': `for sample in source:`",),
    ),
    "source.add(node)": (
        lambda: ff.open(SCENE).add(ff.CircleTracker()),  # type: ignore[attr-defined]
        AttributeError,
        ("has no attribute 'add': pipeline.add() adds: port = pipeline.add(source)",),
    ),
    "port.add(node)": (
        of_camera(lambda pipeline, camera: camera.add(ff.CircleTracker())),
        AttributeError,
        ("'Port' object has no attribute 'add': pipeline.add(node, port) adds a node downstream of it",),
    ),
    "port.get()": (
        of_camera(lambda pipeline, camera: camera.get()),
        AttributeError,
        ("pipeline.reader(port) gives a reader",),
    ),
    **{
        f"freshframe.{name}": (
            lambda name=name: getattr(ff, name),  # type: ignore[misc]
            AttributeError,
            (f"module 'freshframe' has no attribute '{name}': ", f"{meant}("),
        )
        for name, meant in (
            ("VideoCapture", "`for sample in freshframe.open"),
            ("VideoWriter", "freshframe.VideoFile"),
            ("YOLO", "freshframe.OnnxDetector"),
            ("imread", "freshframe.Frame.read"),
            ("imshow", "freshframe.Pipeline has serve"),
            ("imwrite", "frame.write"),
        )
    },
    "a blocking queue of a stream through a node": (
        lambda: ff.stream(ff.open("demo:circles"), lambda frame: 1, queue=ff.LOSSLESS),
        ff.GraphError,
        (
            "stream() has a blocking queue downstream of the live source 'VideoSource'",
            "before they reach 'lambda'",
            "use LATEST",
        ),
    ),
    "a model of PyTorch that is not there": (
        lambda: ff.OnnxDetector("yolo11n.pt"),
        ff.OptionError,
        (
            "there is no such file in ",
            ", and by its name it is a PyTorch file",
            "yolo export model=FILE format=onnx",
        ),
    ),
    "pixels of a frame are set in a node": (
        below(lambda frame: frame.bgr.fill(0)),
        ff.NodeError,
        ('The pixels of a frame are read-only: draw on a copy, frame.copy("bgr")',),
    ),
    "pixels of a frame are set in a loop": (
        of_camera(sets_pixels),
        ValueError,
        ('The pixels of a frame are read-only: draw on a copy, frame.copy("bgr")',)
        if hasattr(BaseException, "add_note")
        else ("read-only",),
    ),
    "frame[10, 20]": (
        lambda: ff.Frame.from_array(PICTURE)[10, 20],  # type: ignore[index]
        TypeError,
        ("'Frame' object is not subscriptable", "frame.bgr[y, x]"),
    ),
    "max_age with a unit": (
        below(lambda frame: 1, max_age="100ms"),
        ff.OptionTypeError,
        ("max_age must be a number of seconds, such as 0.1, got '100ms'",),
    ),
    "names of classes for their numbers": (
        lambda: ff.Detections([[0, 0, 9, 9]], [0.5], np.array(["person"])),
        ff.OptionTypeError,
        ("class_id must be an array of int32", 'class_id=[0], names=["person"]'),
    ),
    "NaN in a box": (
        lambda: ff.Detections(np.array([[0, 0, 5, 5], [0, 0, np.nan, 9]]), [0.5, 0.5], [0, 0]),
        ff.OptionError,
        ("Detections.xyxy must not contain NaN, got the box (0, 0, nan, 9) in row 1", "np.isnan"),
    ),
    "NaN in a box of a node": (
        through(lambda frame: ff.Detections([[float("nan")] * 4], [0.5], [0]), ff.BoxTracker),
        ff.NodeError,
        ("Detections.xyxy must not contain NaN",),
    ),
    "a join with the parents' names in another order": (
        joined(swapped),
        ff.GraphError,
        (
            "'swapped' takes (right, left)",
            "in the order (left, right)",
            "'right' would be the value of 'left'",
        ),
    ),
    "await reader.get()": (
        lambda: asyncio.run(awaits_get()),
        TypeError,
        ("a Sample cannot be awaited", "`async for sample in reader:`"),
    ),
    "a call without an end": (
        never_ends,
        ff.StopTimeoutError,
        ("still busy 0 s after stop(): 'endless'", "self.stop_token.stopped", "a longer timeout"),
    ),
    "a refusal with its reason in bytes": (
        lambda: ff.RefusedError(b"too large"),
        ff.OptionTypeError,
        ("RefusedError([2], 'why')",),
    ),
    "a refusal by a dict": (
        lambda: ff.RefusedError({2: "why"}),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("RefusedError([2], 'why')",),
    ),
    "a refusal with its reason only": (
        lambda: ff.RefusedError("too large"),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("RefusedError([2], 'why')", "RefusedError(reason='why')", "'too large'"),
    ),
    "a refusal of one number": (
        lambda: ff.RefusedError(2, "too large"),  # type: ignore[arg-type]
        ff.OptionTypeError,
        ("RefusedError([2], 'why')", "got 2"),
    ),
    "a function replaced by a recorder": (
        replaced_by(ff.JsonLines("a.jsonl")),
        ff.GraphError,
        ("'JsonLines', the new node, is a recorder", "add() the new node"),
    ),
    "a function replaced by a source": (
        replaced_by(Push()),
        ff.GraphError,
        ("'Push', the new node, is a source written in Python",),
    ),
    "a node without return, and get()": (
        forgot_return(lambda reader: reader.get(timeout=0)),
        ff.ReadTimeoutError,
        (
            "node 'light' received 60 samples and returned none: does its function or process() "
            "return a value?",
        ),
    ),
    "a node without return, and latest()": (
        forgot_return(lambda reader: reader.latest().value),  # type: ignore[union-attr]
        AttributeError,
        ("'NoneType' object has no attribute 'value'",),
    ),
}


@pytest.mark.table(cases=50)
@pytest.mark.parametrize("usage", RAISED)
def test_a_wrong_usage_raises_what_to_do(usage: str) -> None:
    attempt, kind, fragments = RAISED[usage]
    with pytest.raises(kind) as raised:
        attempt()
    text = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", ())])
    assert [each for each in fragments if each not in text] == [], text


def test_help_of_from_array_begins_with_the_order_of_colours() -> None:
    first = (ff.Frame.from_array.__doc__ or "").split("\n\n")[1]
    assert "BGR" in first
    assert "format='rgb'" in first


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["track", SCENE, "--modle", "x.onnx"], "--model"),
        (["run", "app.py", "--srve"], "--serve"),
        (["fleet", "status", "--jsn"], "--json"),
    ],
)
def test_a_misspelt_option_of_a_command_has_a_suggestion(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"; did you mean {meant}?" in capsys.readouterr().err


def test_public_functions_that_explain_wrong_calls_can_be_pickled() -> None:
    for function in (ff.open, ff.testing.run_node, ff.stamped, ff.probe):
        assert pickle.loads(pickle.dumps(function)) is function
