"""Counts the objects of a class in each zone of a JSON file, and draws the counts into a video.

python count_people_in_zone.py                                  # the built-in scene
python count_people_in_zone.py door.mp4 zones.json yolo11n.onnx --only person

The file has the corners of each zone, by name: {"till": [[0, 0], [320, 0], [320, 360], [0, 360]]}.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
from pathlib import Path

import freshframe as ff

SCENE = "demo:shapes?size=640x360&fps=30&frames=300&pace=0"
ZONES = {
    "left": [(0, 0), (320, 0), (320, 360), (0, 360)],
    "right": [(320, 0), (640, 0), (640, 360), (320, 360)],
}


def main() -> None:
    """Prints the counts of each second, and writes the video."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", default=SCENE, help="default: %(default)s")
    parser.add_argument("zones", nargs="?", type=Path, help="a JSON file; default: the halves of the scene")
    parser.add_argument("model", nargs="?", help="a detector's ONNX file; default: that of the scene")
    parser.add_argument("--only", default="ball", help="a class, default: %(default)s")
    parser.add_argument("--video", default="counted.mp4", help="default: %(default)s")
    options = parser.parse_args()
    zones = json.loads(options.zones.read_text()) if options.zones else ZONES

    def wanted(boxes: ff.Detections) -> ff.Detections:
        kinds = boxes.class_name
        return boxes[[] if kinds is None else kinds == options.only]

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(options.source))
    boxes = pipeline.add(ff.OnnxDetector(options.model or ff.demo.shapes_model()), camera)
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(wanted, boxes))
    counts = pipeline.add(ff.ZoneCounter(zones, anchor="bottom"), tracks)
    pipeline.add(ff.VideoFile(options.video), pipeline.add(ff.Annotate(), counts))
    with pipeline:
        shown = -1
        for sample in pipeline.reader(counts):
            if int(sample.pts) > shown:
                shown = int(sample.pts)
                inside = ", ".join(f"{len(zone.inside)} {name}" for name, zone in sample.value.items())
                print(f"{shown:4} s: {inside}")


if __name__ == "__main__":
    main()
