"""Every number argument is used unchanged, or rejected with its value and what was expected."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import decimal
import fractions
import functools
import inspect
import math
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import freshframe as ff
from freshframe import gil, masks
from freshframe._graph.node import unset_stop_token

BOX = [[10, 20, 30, 40]]
# Messages of lower layers, which do not say what the option expects.
FOREIGN = re.compile(
    r"incompatible function arguments|Python int too large|cannot convert float|could not convert"
    r"|int\(\) argument|has no attribute|inhomogeneous|not subscriptable|object is not iterable"
    r"|unsupported operand|ufunc|__index__"
)


class Odd:
    """An object whose conversions raise."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no array")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __index__(self) -> int:
        raise RuntimeError("no number")

    def __len__(self) -> int:
        raise RuntimeError("no length")


ODD: list[Any] = [
    2**31, -(2**31) - 1, 2**32, 2**40, 2**63, -(2**63) - 1, 2**64, 10**400, -1, 0,
    1.5, -0.5, 1e18, 1e300, -1e300, math.nan, math.inf, -math.inf,
    np.int64(2**40), np.uint64(2**63), np.float32("nan"), np.float64("inf"),
    np.array(2**40), np.array([1, 2]),
    True, None, "x", "1", "", b"1", 1 + 2j, decimal.Decimal("1e400"),
    fractions.Fraction(1, 3),
    [], [1], [[1, 2], [3]], (1.5, 4), (2**40, 2), ("a", "b"), {}, {"a": 2**70}, object(), Odd(), len,
]  # fmt: skip


def keys(value: Any) -> Any:
    return [value]


def classifier() -> str:
    return str(ff.demo.shapes_model())


def add() -> Call:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:circles?frames=1"))
    return lambda node, **options: pipeline.add(node, source, **options)


def reader() -> Call:
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:circles?frames=1"))
    return lambda **options: pipeline.reader(source, **options)


def read() -> Call:
    get: Call = reader()().get
    return get


def latest() -> Call:
    newest: Call = reader()().latest
    return newest


def frame() -> ff.Frame:
    return ff.Frame.from_array(np.zeros((48, 64, 3), np.uint8))


def tracks() -> ff.Detections:
    return ff.Detections(BOX, tracker_id=[1])


def is_refused_well(call: Callable[[], Any], foreign: re.Pattern[str] = FOREIGN) -> str:
    """Returns "" if the call works, or raises an error of the package that says what is wrong."""
    try:
        call()
    except ff.FreshframeError as error:
        text = str(error)
        return f"{type(error).__name__}: {text}" if foreign.search(text) or len(text) < 12 else ""
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return ""


Call = Callable[..., Any]
# Required arguments besides the tested one. The others are taken from the signatures.
NEEDED: dict[str, tuple[Callable[[], Call], dict[str, Any]]] = {
    "Detections": (lambda: ff.Detections, {"xyxy": BOX}),
    "Circles": (lambda: ff.Circles, {"xyr": [[10, 20, 5]]}),
    "BoxTracker": (lambda: ff.BoxTracker, {}),
    "BoxTracker.update": (lambda: ff.BoxTracker().update, {"boxes": ff.Detections(BOX), "pts": 0.0}),
    "BoxPredictor": (lambda: ff.BoxPredictor, {}),
    "CircleTracker": (lambda: ff.CircleTracker, {}),
    "CircleTracker.update": (lambda: ff.CircleTracker().update, {"frame": frame(), "pts": 0.0}),
    "CircleDetector": (lambda: ff.CircleDetector, {}),
    "LineCounter": (lambda: ff.LineCounter, {"start": (0, 10), "end": (60, 10)}),
    "LineCounter.update": (
        lambda: ff.LineCounter((0, 10), (60, 10)).update,
        {"tracks": tracks(), "pts": 0.0},
    ),
    "ZoneCounter": (lambda: ff.ZoneCounter, {"zones": {"a": [(0, 0), (50, 0), (50, 40)]}}),
    "ZoneCounter.update": (
        lambda: ff.ZoneCounter({"a": [(0, 0), (50, 0), (50, 40)]}).update,
        {"tracks": tracks(), "pts": 0.0},
    ),
    "Ground": (
        lambda: ff.Ground,
        {"points": [(0, 0), (640, 0), (640, 480), (0, 480)], "places": [(0, 0), (5, 0), (5, 5), (0, 5)]},
    ),
    "Annotate": (lambda: ff.Annotate, {}),
    "Annotate.draw": (lambda: ff.Annotate().draw, {"frame": frame(), "found": tracks()}),
    "Queue": (lambda: ff.Queue, {}),
    "Batch": (lambda: ff.Batch, {"size": 2}),
    "Join": (lambda: ff.Join, {}),
    "Look": (lambda: ff.Look, {}),
    "ClipRecorder": (lambda: ff.ClipRecorder, {}),
    "Process": (lambda: ff.Process, {}),
    "Pipeline": (lambda: ff.Pipeline, {"name": "", "stall_timeout": None, "max_held_bytes": None}),
    "VideoFile": (lambda: ff.VideoFile, {"path": "out.mp4"}),
    "Csv": (lambda: ff.Csv, {"path": "out.csv"}),
    "JsonLines": (lambda: ff.JsonLines, {"path": "out.jsonl"}),
    "Publish": (lambda: ff.Publish, {"url": "rtsp://localhost:1/x"}),
    "open": (lambda: ff.open, {"url": "demo:circles?frames=1"}),
    "OnnxDetector": (lambda: ff.OnnxDetector, {"path": ff.demo.shapes_model()}),
    "OnnxModel": (lambda: ff.OnnxModel, {"path": ff.demo.shapes_model()}),
    "Frame.crops": (lambda: frame().crops, {"boxes": BOX, "size": (4, 4)}),
    "Frame.jpeg": (lambda: frame().jpeg, {}),
    "Frame.copy": (lambda: frame().copy, {}),
    "Frame.to": (lambda: frame().to, {"format": "gray"}),
    "Frame.from_array": (lambda: ff.Frame.from_array, {"array": np.zeros((4, 4, 3), np.uint8)}),
    "StopToken.wait": (lambda: stop_token().wait, {"seconds": 0}),
    "gil.watch": (lambda: gil.watch, {}),
    "gil.GilWatch.threshold": (lambda: gil.watch, {"threshold": 0.01}),
    "Presence": (lambda: ff.Presence, {"key": keys}),
    "Spool": (lambda: ff.Spool, {"folder": "spool", "send": keys}),
    "Ask": (lambda: ff.Ask, {"url": "http://127.0.0.1:1/v1", "question": "what?"}),
    "OnnxClassifier": (lambda: ff.OnnxClassifier, {"path": classifier()}),
    "probe": (lambda: ff.probe, {"url": "demo:circles?frames=1"}),
    "MockCamera": (lambda: ff.testing.MockCamera, {}),
    "numeric.sum": (lambda: ff.numeric.sum, {"x": np.arange(4.0)}),
    "numeric.mean": (lambda: ff.numeric.mean, {"x": np.arange(4.0)}),
    "demo.circles": (lambda: ff.demo.circles, {"url": "demo:circles", "seq": 1}),
    "demo.shapes": (lambda: ff.demo.shapes, {"url": "demo:shapes", "seq": 1}),
    "Pipeline.add": (add, {"node": keys}),
    "Pipeline.reader": (reader, {}),
    "Pipeline.stop": (lambda: ff.Pipeline().stop, {}),
    "Pipeline.run": (lambda: ff.Pipeline().run, {}),
    "Reader.get": (read, {"timeout": 0}),
    "Reader.latest": (latest, {"max_age": None}),
    "Detections.inside": (lambda: tracks().inside, {"corners": [(0, 0), (50, 0), (50, 40)]}),
    "masks.encode": (lambda: masks.encode, {"masks": np.zeros((1, 4, 6), bool)}),
    "masks.decode": (lambda: masks.decode, {"texts": [""], "size": (6, 4)}),
}
FURTHER: dict[str, list[str]] = {
    "Pipeline.add": [
        "name",
        "queue",
        "on_error",
        "max_age",
        "max_rate",
        "every",
        "process",
        "batch",
        "as_source",
        "join",
    ],
    "Pipeline.reader": ["queue", "name", "frames", "join", "max_rate"],
}
# Options that accept any object, or a function of the program.
ANY = {"self", "on_stall", "target", "function", "encoder_options"}


def may_wait(seconds: Any) -> bool:
    try:
        return not isinstance(seconds, str | bytes) and float(seconds) > 0
    except Exception:
        return False


def stop_token() -> Any:
    return unset_stop_token()


def signature(call: Call) -> list[inspect.Parameter]:
    """Returns the parameters; empty for a native function."""
    try:
        found = inspect.signature(call).parameters.values()
    except ValueError:
        return []
    return [each for each in found if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]


def parameters(name: str, call: Call) -> Iterator[str]:
    yield from (each.name for each in signature(call) if each.name not in ANY)
    yield from NEEDED[name][1]
    yield from FURTHER.get(name, [])


def call_with(name: str, given: dict[str, Any]) -> Any:
    call = NEEDED[name][0]()
    arguments = dict(given)
    alone = [
        each.name for each in signature(call) if each.kind is each.POSITIONAL_ONLY and each.name in arguments
    ]
    return call(*[arguments.pop(each) for each in alone], **arguments)


CASES = [
    (name, parameter)
    for name, (make, _) in NEEDED.items()
    for parameter in dict.fromkeys(parameters(name, make()))
]


@pytest.mark.parametrize(
    ("name", "parameter"), CASES, ids=[f"{name}-{parameter}" for name, parameter in CASES]
)
def test_an_odd_value_is_taken_or_refused_with_what_is_wanted(
    name: str, parameter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    needed = NEEDED[name][1]
    faults = []
    for value in ODD:
        if (name == "StopToken.wait" and may_wait(value)) or (
            name.startswith("numeric") and isinstance(value, Odd)
        ):
            continue  # it would wait; numeric lets exceptions of __index__() propagate
        fault = is_refused_well(functools.partial(call_with, name, {**needed, parameter: value}))
        if fault:
            faults.append(f"{ff._check.show(value)}: {fault[:200]}")
    assert not faults, "\n".join(faults)


DTYPES: Any = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES += ["float16", "float32", "float64", "bool", "object"]


@pytest.mark.parametrize("column", ["class_id", "tracker_id"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "number", [0, 1, -1, 7.0, 2.5, 2**31, 2**40, 2**53 + 1, 2**63, -(2**63), math.nan, math.inf]
)
def test_arrays_and_lists_of_each_type_are_taken_whole_or_refused(
    column: str, dtype: Any, number: float
) -> None:
    with np.errstate(all="ignore"):
        try:
            array = np.array([number]).astype(dtype)
        except (OverflowError, ValueError):
            pytest.skip("NumPy has no such array")
    bits = 32 if column == "class_id" else 64
    wanted = array.tolist()[0]
    fits = math.isfinite(wanted) and wanted == int(wanted) and -(2 ** (bits - 1)) <= wanted < 2 ** (bits - 1)
    for given in (array, array.tolist()):
        columns: dict[str, Any] = {column: given}
        if fits:
            found = getattr(ff.Detections(BOX, **columns), column)
            assert found.tolist() == [int(wanted)]
        else:
            with pytest.raises(
                ff.OptionError,
                match=rf"Detections.{column} must be whole numbers from -\d+ to \d+ \(int{bits}\), got",
            ):
                ff.Detections(BOX, **columns)


@pytest.mark.parametrize("value", [1e300, -1e300, 10**400, 3.5e38])
def test_a_coordinate_that_single_precision_cannot_hold_is_refused(value: float) -> None:
    for make in (lambda: ff.Detections([[-abs(value), 0, 1, 1]]), lambda: ff.Circles([[value, 0, 1]])):
        with pytest.raises(ff.OptionError, match="must be numbers that fit into float32"):
            make()


def test_numbers_from_other_packages_are_checked_the_same_way() -> None:
    class Foreign:  # as supervision's
        xyxy = np.array(BOX, np.float64)
        confidence = None
        class_id = np.array([2**40])
        tracker_id = None
        data: ClassVar[dict[str, Any]] = {}
        metadata: ClassVar[dict[str, Any]] = {}
        mask = None

    with pytest.raises(ff.OptionError, match="class_id must be whole numbers"):
        ff.Detections.from_supervision(Foreign())


def test_a_file_that_cannot_be_written_is_an_error_of_the_package_and_of_python(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere") as missing:
        frame().write(tmp_path / "nowhere" / "a.png")
    assert isinstance(missing.value, ff.FreshframeError)
    assert missing.value.filename == str(tmp_path / "nowhere" / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(IsADirectoryError) as folder:
        frame().write(tmp_path / "b.png")
    assert isinstance(folder.value, ff.FreshframeError)
    again = pickle.loads(pickle.dumps(missing.value))
    assert (type(again), again.errno, again.filename) == (
        type(missing.value),
        missing.value.errno,
        missing.value.filename,
    )
