"""`freshframe demo --shapes`: a neural network finds the shapes of a built-in scene."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import freshframe as ff

from ..dashboard import serve_if_asked
from ..messages import Messages
from ..outcome import ExitCode, watched

SCENE = "demo:shapes?fps=30&size=640x360&shapes=4&seed=1"
_RECORDED = 300  # frames
_PICTURED = 150  # number of the frame saved as an image
_VISIBLE = 0.7  # minimum visible share of the outline for a shape to count
_OVERLAP = 0.5  # intersection over union from which a box matches a shape


@dataclass(frozen=True, slots=True)
class Found:
    """The accuracy of network and tracker, over the frames compared with the truth."""

    frames: int
    shapes: int  # visible shapes, over all frames
    found: int
    wrong: int  # boxes without a shape, or with one of another class


def compare(url: str, samples: Iterable[ff.Sample[ff.Detections]]) -> Found:
    """Matches the boxes of each sample with the true shapes of its frame."""
    frames = shapes = found = wrong = 0
    for sample in samples:
        frames += 1
        names = sample.value.class_name
        boxes = sample.value.xyxy.tolist()
        left = set(range(len(boxes)))
        for shape in ff.demo.shapes(url, sample.seq):
            truth = (shape.x1, shape.y1, shape.x2, shape.y2)
            hits = [
                index
                for index in left
                if names is not None
                and names[index] == shape.class_name
                and _overlap(boxes[index], truth) >= _OVERLAP
            ]
            left -= set(hits[:1])
            if shape.visible >= _VISIBLE:
                shapes += 1
                found += bool(hits)
        wrong += len(left)
    return Found(frames, shapes, found, wrong)


def _overlap(a: Any, b: Any) -> float:
    """Returns the intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))


def run(options: Any, messages: Messages, folder: Path) -> ExitCode:
    """Runs the command and writes its files into `folder`."""
    detector = _detector()
    messages.say(
        f"For {options.seconds:g} s a neural network of 0.6 MB finds balls, squares and triangles in\n"
        "a video of 30 frames per second."
    )
    pipeline = ff.Pipeline("shapes")
    tracks, view = _add(pipeline, SCENE, detector)
    reader = pipeline.reader(tracks, queue=ff.Queue(32), frames=False)
    serve_if_asked(pipeline, options, messages, [view])
    with watched(pipeline), pipeline:
        seen = list(_during(options.seconds, reader))
        stats = pipeline.stats()
    accuracy = compare(SCENE, seen)
    messages.say(f"recording {_RECORDED} frames of the same scene, now losslessly ...")
    video, picture = folder / "freshframe-shapes.mp4", folder / "freshframe-shapes.png"
    recording = _record(video, picture)
    record = _as_json(stats, accuracy, recording, detector)
    record |= {"video": str(video), "picture": str(picture)}
    print(json.dumps(record) if options.json else "\n".join(_as_text(record)))
    return ExitCode.OK if recording.complete else ExitCode.INCOMPLETE


def _during(duration: float, reader: ff.Reader[ff.Detections]) -> Iterator[ff.Sample[ff.Detections]]:
    end = time.monotonic() + duration
    with suppress(ff.ReadTimeoutError):
        while (left := end - time.monotonic()) > 0:
            yield reader.get(timeout=left)


def _detector() -> ff.OnnxDetector:
    return ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.65)


def _add(
    pipeline: ff.Pipeline, url: str, detector: ff.OnnxDetector
) -> tuple[ff.Port[ff.Detections], ff.Port[ff.Frame]]:
    """Adds scene, detector, tracker and drawing. Returns the ports of the tracks and of the drawn frames."""
    scene = pipeline.add(ff.open(url), name="scene")
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(detector, scene, name="detector"), name="tracker")
    return tracks, pipeline.add(ff.Annotate(), tracks, name="drawn")


def _record(video: Path, picture: Path) -> ff.stats.Report:
    """Records the same scene without dropping a frame: pace=0 makes it as fast as it can be processed."""
    pipeline = ff.Pipeline("recording")
    _, drawn = _add(pipeline, f"{SCENE}&pace=0&frames={_RECORDED}", _detector())
    pipeline.add(ff.VideoFile(video), drawn)

    def keep(sample: ff.Sample[ff.Frame]) -> None:
        if sample.seq == _PICTURED:
            sample.value.write(picture)

    pipeline.add(_Each(keep), drawn, name="picture")
    with watched(pipeline), pipeline:
        return pipeline.run()


class _Each(ff.Node[ff.Frame, None]):
    """Calls a function with each sample."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        """Calls the function."""
        self._function(sample)


def _as_json(
    stats: ff.stats.Stats, accuracy: Found, recording: ff.stats.Report, detector: ff.OnnxDetector
) -> dict[str, Any]:
    node = stats.nodes["detector"]
    edge = next(edge for edge in stats.edges if edge.child == "detector")
    return {
        "model": str(ff.demo.shapes_model()),
        "provider": detector.provider,
        "threads": detector.threads,
        "frames": accuracy.frames,
        "shapes": accuracy.shapes,
        "found": accuracy.found,
        "wrong": accuracy.wrong,
        "node_p50_seconds": node.duration_p50,
        "age_p99_seconds": edge.age_p99,
        "dropped": edge.dropped,
        "recorded": recording.samples,
        "recorded_per_second": recording.samples / recording.elapsed if recording.elapsed else None,
        "complete": recording.complete,
    }


def _as_text(record: dict[str, Any]) -> list[str]:
    share = record["found"] / record["shapes"] if record["shapes"] else 0.0
    p50, age = record["node_p50_seconds"] * 1e3, record["age_p99_seconds"] * 1e3
    return [
        f"found       {record['found']} of {record['shapes']} shapes in {record['frames']} frames "
        f"({share:.1%}), and {record['wrong']} boxes without a shape",
        f"network     {p50:.1f} ms from image to boxes on {record['provider']} "
        f"with {record['threads']} threads",
        f"freshness   99 % of the frames reach the network within {age:.1f} ms; "
        f"{record['dropped']} were replaced by newer ones",
        f"recorded    {record['recorded']} frames at {record['recorded_per_second'] or 0:.0f} per second"
        + ("" if record["complete"] else ", NOT complete"),
        f"video       {record['video']}",
        f"picture     {record['picture']}",
    ]
