"""Messages for the mistakes of beginners: what was expected, what was found, what to do."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rigs.watchdog import run_to_end

import freshframe as ff
from freshframe import _check

SCENE = "demo:circles?size=320x240&fps=30&frames=30"


def with_camera(then: Callable[[ff.Pipeline, Any], object]) -> Callable[[], object]:
    def attempt() -> object:
        pipeline = ff.Pipeline()
        return then(pipeline, pipeline.add(ff.open(SCENE), name="cam"))

    return attempt


def removed_parent(pipeline: ff.Pipeline, camera: Any) -> object:
    tracker = pipeline.add(ff.CircleTracker(), camera)
    with pipeline:
        pipeline.remove(tracker)
        return pipeline.add(lambda circles: 1, tracker)


def removed_source(pipeline: ff.Pipeline, camera: Any) -> object:
    cameras = [camera, pipeline.add(ff.open(SCENE))]
    tracker = pipeline.add(ff.CircleTracker(), cameras)
    circles = tracker.of(camera)
    with pipeline:
        pipeline.remove(camera)
        return pipeline.add(lambda circles: 1, circles)


def latest_with_timeout(pipeline: ff.Pipeline, camera: Any) -> object:
    reader = pipeline.reader(camera)
    return reader.latest(timeout=2)  # type: ignore[call-arg]


def nowhere(pipeline: ff.Pipeline, camera: Any) -> object:
    with pipeline.serve() as dashboard:
        return dashboard.mjpeg_url("nope")


def not_viewed(pipeline: ff.Pipeline, camera: Any) -> object:
    drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), camera))
    with pipeline.serve(view=drawn) as dashboard:
        return dashboard.mjpeg_url(camera)


def served_twice(pipeline: ff.Pipeline, camera: Any) -> object:
    with pipeline.serve():
        return pipeline.serve(view=camera)


def zero_line() -> None:
    ff.LineCounter((0, 0), (100, 100)).line = (0, 0)  # type: ignore[assignment]


def set_on(name: str) -> Callable[[], object]:
    return lambda: setattr(ff.OnnxDetector(ff.demo.shapes_model()), name, ["ball"])


def labelled(labels: str) -> Callable[[ff.Pipeline, Any], object]:
    return lambda pipeline, camera: pipeline.add(
        ff.Annotate(labels=labels), pipeline.add(ff.CircleTracker(), camera)
    )


MISTAKES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "one box without its row": (
        lambda: ff.Detections([10, 10, 50, 90], [0.9], [0]),
        ff.OptionError,
        "must have a row of x1, y1, x2, y2 per box, so the shape (n, 4), got the shape (4,); one box is "
        "written [[",
    ),
    "boxes of five numbers": (
        lambda: ff.Detections([[1, 2, 3, 4, 5]], [0.9], [0]),
        ff.OptionError,
        "so the shape (n, 4), got the shape (1, 5)",
    ),
    "an option with a letter too few": (
        set_on("confidense"),
        AttributeError,
        "an OnnxDetector has no option 'confidense'. Did you mean 'min_confidence'? It may change 'classes', "
        "'min_confidence' while it works",
    ),
    "an option that is fixed": (
        set_on("layout"),
        AttributeError,
        "cannot set 'layout': an OnnxDetector is native and its options are fixed at construction but for "
        "'classes', 'min_confidence'; make another OnnxDetector",
    ),
    "a line that is a point": (
        zero_line,
        ff.OptionTypeError,
        "line must be its two ends, such as ((0, 120), (320, 120)), got (0, 0)",
    ),
    "wake() of a scene": (
        with_camera(lambda pipeline, camera: camera.wake(3)),
        ff.GraphError,
        "does not sleep: wake() is for a live network stream, such as rtsp://, opened with "
        'decode="keyframes"',
    ),
    "packets of a scene": (
        with_camera(lambda pipeline, camera: camera.packets),
        ff.GraphError,
        "has no packets: only live network streams such as rtsp:// have them",
    ),
    "latest() with a timeout": (
        with_camera(latest_with_timeout),
        TypeError,
        "takes max_age by name, latest(max_age=0.1): get(timeout=2) waits for the next sample",
    ),
    "the name as a source's parent": (
        lambda: ff.Pipeline().add(ff.open(SCENE), "cam"),  # type: ignore[arg-type]
        ff.OptionTypeError,
        "a source has no parent, got 'cam': to give it this name, write name='cam'",
    ),
    "a parent that was removed": (
        with_camera(removed_parent),
        ff.StateError,
        "the parent 'CircleTracker' of 'lambda' was removed",
    ),
    "a source of a parent that was removed": (
        with_camera(removed_source),
        ff.StateError,
        "the parent 'CircleTracker' of 'lambda' has no more samples of 'cam', which was removed",
    ),
    "an address of no network card": (
        with_camera(lambda pipeline, camera: pipeline.serve(host="192.0.2.1", token="a-long-enough-token")),
        ff.FreshframeError,
        'host must be an address of this machine: "0.0.0.0" listens on all of them',
    ),
    "the picture of no port": (
        with_camera(nowhere),
        ff.OptionError,
        "this dashboard does not show 'nope': it shows 'cam'; choose the ports with serve(view=...)",
    ),
    "the picture of a port that is not viewed": (
        with_camera(not_viewed),
        ff.OptionError,
        "this dashboard does not show 'cam': it shows 'Annotate'; choose the ports with serve(view=...)",
    ),
    "serve() with another view": (
        with_camera(served_twice),
        ff.StateError,
        "with another view: serve() without arguments returns that dashboard; close() it",
    ),
    "a label's field that circles have not": (
        with_camera(labelled("{speed:.1f}")),
        ff.OptionError,
        "Annotate(labels=) has a field {speed}, but circles have only tracker_id, x, y, r, confidence, "
        "vx, vy, track_age, track_confidence",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_what_was_wanted_and_found_and_what_to_do(mistake: str) -> None:
    attempt, kind, text = MISTAKES[mistake]
    with pytest.raises(kind, match=re.escape(text)):
        attempt()


def test_serve_without_arguments_gives_the_dashboard_that_is_open() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(SCENE), name="cam")
    with pipeline.serve(view=camera, away_after=None) as dashboard:
        assert pipeline.serve() is dashboard


def test_an_option_reads_as_it_was_given() -> None:
    detector = ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.9)
    assert detector.min_confidence == 0.9
    detector.min_confidence = 0.3
    assert detector.min_confidence == 0.3


@pytest.mark.parametrize(
    ("field", "shown"), [("class_name", "dog"), ("tracker_id", "7"), ("class_id", "1"), ("x1", "10")]
)
def test_labels_know_the_names_that_the_columns_of_detections_have(field: str, shown: str) -> None:
    boxes = ff.Detections([[10, 10, 50, 90]], [0.9], [1], tracker_id=[7], names=("person", "dog"))
    frame = ff.Frame.from_array(np.zeros((120, 160, 3), np.uint8), "bgr")
    by_name = ff.Annotate(labels=f"{{{field}}}").draw(frame, boxes).bgr
    assert np.array_equal(by_name, ff.Annotate(labels=shown).draw(frame, boxes).bgr)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Frame", "a Frame"),
        ("OnnxDetector", "an OnnxDetector"),
        ("int", "an int"),
        ("list", "a list"),
        ("uint8", "a uint8"),
        ("UnknownThing", "an UnknownThing"),
        ("", "a "),
    ],
)
def test_a_name_has_the_article_that_its_sound_needs(name: str, wanted: str) -> None:
    assert _check.with_article(name) == wanted


@pytest.mark.parametrize(
    ("value", "text"), [("5", "returned an int"), ("[5]", "returned a list"), ("(5,)", "returned a tuple")]
)
def test_a_wrong_result_is_named_with_the_right_article(value: str, text: str) -> None:
    pipeline = ff.Pipeline()
    results = pipeline.add(lambda frame: eval(value), pipeline.add(ff.open(SCENE)))
    pipeline.add(ff.BoxTracker(), results)
    with pytest.raises(ff.NodeError, match=text):
        pipeline.run()


BUILT = """
import freshframe as ff

pipeline = ff.Pipeline("yard")
pipeline.add(ff.CircleTracker(), pipeline.add(ff.open("demo:circles?frames=3")))
"""
UNSTARTED = "pipeline 'yard' was built and never started: run() starts it and waits for its end"
ENDS = {
    "": True,
    "pipeline.run()": False,
    "pipeline.start(); pipeline.stop()": False,
    "pipeline.stop()": False,  # the failure is not logged: stop() was called on purpose
    "del pipeline": False,
    "raise ValueError('another fault, which is said')": False,
    "pipeline = ff.Pipeline('empty')": False,
}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
def test_a_program_that_forgets_to_start_its_pipeline_is_told(end: str) -> None:
    program = run_to_end([sys.executable, "-c", BUILT + end])
    assert (UNSTARTED in program.stderr) == ENDS[end], program.stderr
    assert program.returncode == (1 if "raise" in end else 0)


def test_a_value_of_more_than_a_hundred_letters_is_cut_in_a_message() -> None:
    assert _check.show("x" * 98) == repr("x" * 98)
    assert _check.show("x" * 99) == "'" + "x" * 99 + " ... (str)"
