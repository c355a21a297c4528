"""Which functions hold or release the GIL: in the sources, in the docstrings, and tested at run time."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import importlib
import itertools
import operator
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Push, Ticker, edge

import freshframe as ff

ROOT = Path(__file__).parents[3]
MODULES = ("freshframe._native", "freshframe._numeric", "gil_budget._gil")
# Native functions that release the GIL. All others hold it.
LETTING_GO = {
    "Engine.close_server",
    "Engine.finish",
    "Engine.finish_add",
    "Engine.give_up_add",
    "Engine.join",
    "Engine.metrics",
    "Engine.remove",
    "Engine.replace",
    "Engine.request_stop",
    "Engine.start",
    "Engine.stop",
    "Engine.wait",
    "Engine.why",
    "FleetAgent.next_order",
    "Frame.array",
    "Frame.bgr",
    "Frame.copy",
    "Frame.crops",
    "Frame.from_array",
    "Frame.luma",
    "Frame.planes",
    "Frame.rgb",
    "Frame.to",
    "LoneNode.close",
    "LoneNode.finish",
    "LoneNode.on_tick",
    "LoneNode.open",
    "LoneNode.process",
    "LoneNode.process_out",
    "Reader.get",
    "StopToken.every",
    "StopToken.wait",
    "Pages.close",
    "Watch.serve",
    "Watch.settle",
    "Watch.start",
    "Watch.stop",
    "absdiff_mean",
    "annotate",
    "claim_file",
    "find_writer",
    "WriteClaim.release",
    "camera_controls",
    "camera_setting",
    "cameras",
    "set_camera",
    "rotate_frame",
    "detect_circles",
    "detect_onnx",
    "encode_masks",
    "Frame.jpeg",
    "find_cards",
    "load_function_node",
    "load_node",
    "load_onnx",
    "prepare_onnx_batches",
    "look_snapshots",
    "make_onnx_classifier",
    "make_onnx_detector",
    "onnx_runtime",
    "OnnxModel.run",
    "mean",
    "next_segment",
    "Frame.read",
    "run_node",
    "run_process",
    "save_clip",
    "WorkerEnd.receive",
    "WorkerEnd.receive_batch",
    "WorkerEnd.reply",
    "WorkerEnd.reply_all",
    "sum",
    "update_box_tracker",
    "update_circle_tracker",
    "wait_log",
    "Frame.write",
}
# Guards of the binding libraries, shown for comparison: they compile even if they release the GIL twice.
SHOWN = {
    "examples/fibonacci/src/fibonacci_nanobind.cpp: gil_scoped",
    "examples/fibonacci/src/fibonacci_pybind11.cpp: gil_scoped",
}


# --- the sources --------------------------------------------------------------------------------------------


def test_the_gil_is_changed_in_one_file_only() -> None:
    changes = re.compile(
        r"PyGILState_|PyEval_(Save|Restore)Thread|PyEval_(Acquire|Release)|PyThreadState_(Swap|Get|New)"
        r"|Py_(BEGIN|END|BLOCK|UNBLOCK)_(ALLOW_)?THREADS|gil_scoped"
    )
    files = [
        path
        for folder in ("src", "include", "gil", "bench", "examples", "tests")
        for path in (ROOT / folder).rglob("*.[chp]*")
    ]
    assert len(files) > 50
    offenders = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        if path.suffix in {".cpp", ".hpp", ".c", ".h"}
        if path != ROOT / "gil/include/freshframe/gil/interpreter.hpp"
        for match in changes.finditer(path.read_text())
    }
    assert offenders - SHOWN == set()


# --- the docstrings -----------------------------------------------------------------------------------------


def bound() -> Iterator[tuple[str, Any]]:
    """Yields every callable and every property of the native modules."""
    everything = [
        (module, name, thing)
        for module in map(importlib.import_module, MODULES)
        for name, thing in vars(module).items()
    ]
    for module, name, thing in everything:
        if name.startswith("__"):
            continue
        if isinstance(thing, type):
            if issubclass(thing, BaseException) or thing.__module__ != module.__name__:
                continue
            for member, what in vars(thing).items():
                if not member.startswith("_") and (callable(what) or isinstance(what, property)):
                    yield f"{name}.{member}", what
        elif callable(thing):
            yield name, thing


def test_docstrings_say_where_the_gil_is_let_go_and_nowhere_that_it_is_held() -> None:
    docs = {name: thing.__doc__ or "" for name, thing in bound()}
    assert len(docs) > 100
    assert [name for name, text in docs.items() if "GIL: held" in text] == []
    assert "holds the GIL unless its docstring says" in (ff.__doc__ or "")
    assert {name for name, text in docs.items() if "GIL: released" in text} == LETTING_GO


# --- proved while running -----------------------------------------------------------------------------------


class Witness:
    """A thread that records whenever another thread releases the GIL."""

    def __init__(self, switch_interval: float) -> None:
        self.marks: list[None] = []
        self._interval = switch_interval
        self._stop = False
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._stop:
            self.marks.append(None)
            time.sleep(0)

    def __enter__(self) -> Witness:
        self._before = sys.getswitchinterval()
        self._thread.start()
        sys.setswitchinterval(self._interval)
        time.sleep(0.05)  # requests that started with the old interval have ended by then
        return self

    def __exit__(self, *_: object) -> None:
        sys.setswitchinterval(self._before)
        self._stop = True
        self._thread.join()


def holds(call: Callable[[], object], times: int = 20_000) -> bool:
    """Returns True if no other thread got the GIL during `times` calls. `call` must not run Python code.

    The calls and the counting run in C without interruption, where the interpreter never switches threads on
    its own. The witness requests the GIL all the time, so it gets it even during a short release.
    """
    never = object()
    with Witness(switch_interval=1e-6) as witness:
        rounds = zip(iter(call, never), iter(witness.marks.__len__, -1))  # noqa: B905  # both are endless
        return len(set(map(operator.itemgetter(1), itertools.islice(rounds, times)))) == 1


def lets_go(call: Callable[[], object], tries: int = 2000) -> bool:
    """Returns True if another thread got the GIL in one of `tries` calls, although no switch was forced."""
    with Witness(switch_interval=1000) as witness:
        for _ in range(tries):
            before = len(witness.marks)
            call()
            if len(witness.marks) != before:
                return True
        return False


@pytest.mark.needs_gil
def test_the_proofs_distinguish_calls_that_release_from_calls_that_hold() -> None:
    assert lets_go(lambda: time.sleep(1e-6))
    assert not lets_go(lambda: sum(range(100)), 200)
    assert not holds(functools.partial(time.sleep, 1e-6), 2000)
    assert holds(functools.partial(sum, range(100)), 2000)


@pytest.fixture
def camera() -> Iterator[tuple[ff.Pipeline, ff.Reader[ff.Frame]]]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open("demo:circles?size=64x48&fps=1000")))
    with pipeline:
        yield pipeline, reader


@pytest.mark.needs_gil
def test_latest_holds_the_gil(camera: tuple[ff.Pipeline, ff.Reader[ff.Frame]]) -> None:
    pipeline, reader = camera
    first = reader.get()
    offered = edge(pipeline, "reader").passed_in
    while edge(pipeline, "reader").passed_in < offered + 5:
        assert holds(reader.latest)
    sample = reader.latest()
    assert sample is not None
    assert sample.seq > first.seq  # it did see new frames in the meantime


@pytest.mark.needs_gil
def test_poll_holds_the_gil(camera: tuple[ff.Pipeline, ff.Reader[ff.Frame]]) -> None:
    pipeline, reader = camera
    delivered = edge(pipeline, "reader").delivered
    while edge(pipeline, "reader").delivered < delivered + 5:
        assert holds(reader.poll)


@pytest.mark.needs_gil
def test_looking_at_a_sample_and_its_frame_holds_the_gil(
    camera: tuple[ff.Pipeline, ff.Reader[ff.Frame]],
) -> None:
    sample = camera[1].get()
    parts = operator.attrgetter("value", "seq", "pts", "captured", "age", "source", "dropped", "frame")
    assert holds(functools.partial(parts, sample))
    views = operator.attrgetter("width", "height", "format", "luma", "planes")
    assert holds(functools.partial(views, sample.value))


def test_get_lets_go_of_the_gil_while_it_waits() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Push()))
    with pipeline:

        def wait() -> None:
            with pytest.raises(ff.ReadTimeoutError):
                reader.get(timeout=0.002)

        assert lets_go(wait)


def test_wait_and_stop_let_go_of_the_gil() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Ticker()))
    with pipeline:
        assert lets_go(lambda: pipeline.wait(timeout=0.002))
        with Witness(switch_interval=1000):
            pipeline.stop()  # waits for the source's thread, which needs the GIL to end


def test_pixel_conversions_let_go_of_the_gil() -> None:
    pixels = np.zeros((1080, 1920, 3), np.uint8)
    frames = (ff.Frame.from_array(pixels, "bgr") for _ in itertools.count())
    assert lets_go(lambda: next(frames).to("i420"))
    assert lets_go(lambda: next(frames).to("rgb"))
    assert lets_go(lambda: next(frames).luma)
    assert lets_go(next(frames).copy)


@pytest.mark.needs_gil
def test_a_conversion_that_was_made_before_holds_the_gil() -> None:
    frame = ff.Frame.from_array(np.zeros((480, 640, 3), np.uint8), "bgr")
    assert frame.rgb.shape == (480, 640, 3)
    assert holds(functools.partial(operator.attrgetter("rgb", "array"), frame))


@pytest.mark.needs_gil
def test_native_nodes_work_on_while_python_holds_the_gil() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=200"))
    circles = pipeline.add(ff.CircleTracker(), camera)
    reader = pipeline.reader(circles)
    with pipeline:
        reader.get()
        with Witness(switch_interval=1000) as witness:
            before, marks = edge(pipeline, "reader").passed_in, len(witness.marks)
            deadline = time.monotonic() + WATCHDOG
            while edge(pipeline, "reader").passed_in < before + 20:
                assert time.monotonic() < deadline, "the native branch stood still while Python held the GIL"
            assert len(witness.marks) == marks  # no other thread got the GIL in the meantime
        assert reader.get().frame.width


def test_a_python_node_that_holds_the_gil_does_not_stop_a_native_branch() -> None:
    done = threading.Event()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48&fps=500"))
    detector = pipeline.add(ff.CircleDetector(), camera, name="native")
    reader = pipeline.reader(detector)

    def hog(_: ff.Frame) -> None:
        if done.is_set():
            return
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1000)
        try:
            before = edge(pipeline, "native").delivered
            deadline = time.monotonic() + WATCHDOG
            while edge(pipeline, "native").delivered < before + 50:
                assert time.monotonic() < deadline
        finally:
            sys.setswitchinterval(interval)
        done.set()

    pipeline.add(hog, camera)
    with pipeline:
        assert done.wait(WATCHDOG)
        reader.get()
