"""detect(): a detector without a pipeline."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import at_once

import freshframe as ff

SCENES = {
    "circles": "demo:circles?frames=2&size=640x360&pace=0",
    "shapes": "demo:shapes?frames=2&size=640x360&pace=0",
}
DETECTORS: dict[str, tuple[Callable[..., Any], str]] = {
    "CircleDetector": (ff.CircleDetector, SCENES["circles"]),
    "OnnxDetector": (lambda **options: ff.OnnxDetector(ff.demo.shapes_model(), **options), SCENES["shapes"]),
}
EACH = pytest.mark.parametrize(("make", "scene"), DETECTORS.values(), ids=DETECTORS)


@EACH
@pytest.mark.parametrize("roi", [None, (100, 40, 500, 340)])
def test_it_finds_what_the_node_finds(make: Callable[..., Any], scene: str, roi: Any) -> None:
    detector = make(roi=roi)
    with ff.stream(ff.open(scene), make(roi=roi)) as stream:
        for sample in stream:
            assert len(sample.value) > 0
            assert detector.detect(sample.frame).to_dicts() == sample.value.to_dicts()


@EACH
def test_it_takes_arrays_too(make: Callable[..., Any], scene: str) -> None:
    frame = ff.Frame.from_array(next(iter(ff.stream(ff.open(scene)))).value.bgr)
    detector = make()
    found = detector.detect(frame)
    assert len(found) > 0
    assert detector.detect(frame.bgr).to_dicts() == found.to_dicts()
    assert detector.detect(frame.bgr[::-1][::-1]).to_dicts() == found.to_dicts()
    gray = ff.Frame.from_array(frame.luma, "gray")
    assert detector.detect(gray.luma).to_dicts() == detector.detect(gray).to_dicts()


@EACH
@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        ("a.png", ff.OptionTypeError, r"Detector.detect\(\) needs a uint8 array"),
        (np.zeros((20, 20, 3)), ff.OptionTypeError, "got float64"),
        (np.zeros((20, 20, 4), np.uint8), ff.OptionError, r"got \(20, 20, 4\)"),
    ],
    ids=["path", "floats", "four channels"],
)
def test_what_is_no_picture_is_refused(
    make: Callable[..., Any], scene: str, frame: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make().detect(frame)


@EACH
def test_a_picture_without_the_rectangle_is_refused(make: Callable[..., Any], scene: str) -> None:
    with pytest.raises(ff.FreshframeError, match="640"):
        make(roi=(600, 0, 640, 40)).detect(np.zeros((40, 320, 3), np.uint8))


@EACH
def test_a_detector_of_a_pipeline_refuses_it(make: Callable[..., Any], scene: str) -> None:
    detector = make()
    pipeline = ff.Pipeline()
    pipeline.add(detector, pipeline.add(ff.open(scene)))
    with pytest.raises(ff.StateError, match=r"is a node of a pipeline.*create another one for detect\(\)"):
        detector.detect(np.zeros((40, 40), np.uint8))


@EACH
def test_threads_may_share_one(make: Callable[..., Any], scene: str) -> None:
    with ff.stream(ff.open(scene)) as stream:
        frames = [sample.frame for sample in stream]
    detector = make()
    wanted = [detector.detect(frame).to_dicts() for frame in frames]

    def ask(which: int) -> bool:
        return all(detector.detect(frames[which]).to_dicts() == wanted[which] for _ in range(5))

    assert at_once(*(functools.partial(ask, n % 2) for n in range(4))) == [True] * 4


def called_and_added(make: Callable[..., Any], scene: str) -> str:
    """Calls detect() while the node is added.

    Returns the error of add(), or "" if it happened between two calls.
    """
    detector, picture = make(), np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8)
    added = threading.Event()

    def ask() -> None:
        with contextlib.suppress(ff.StateError):
            while not added.is_set():
                detector.detect(picture)

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(scene))
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        time.sleep(0.01)
        pipeline.add(detector, camera)
    except ff.StateError as error:
        return str(error)
    finally:
        added.set()
        thread.join()
    return ""


@EACH
def test_a_node_that_is_in_a_call_cannot_be_added(make: Callable[..., Any], scene: str) -> None:
    said = next(filter(None, (called_and_added(make, scene) for _ in range(100))))
    assert "is in a call on another thread" in said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_model_of_the_parent_is_refused_in_a_forked_child() -> None:
    detector = ff.OnnxDetector(ff.demo.shapes_model())
    detector.detect(np.zeros((40, 40, 3), np.uint8))
    child = os.fork()
    if child == 0:
        try:
            detector.detect(np.zeros((40, 40, 3), np.uint8))
        except ff.StateError as error:
            os._exit(0 if "before this process was forked" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
