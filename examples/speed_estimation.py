"""Measures the speed of cars on a road, and draws it into a video in km/h.

python speed_estimation.py                                  # the built-in scene, whose objects bounce
python speed_estimation.py road.mp4 yolo11n.onnx            # measure ROAD and METRES in your video

The estimate assumes cars, which need some seconds to stop. For a second after a bounce, it is wrong.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse

import numpy as np

import freshframe as ff

SCENE = "demo:shapes?size=640x360&fps=30&frames=300&pace=0"
ROAD = [(0, 0), (640, 0), (640, 360), (0, 360)]  # corners of the road in the image, in pixels
METRES = [(0, 0), (6.4, 0), (6.4, 3.6), (0, 3.6)]  # the same corners on the ground, in metres


def with_kmh(tracks: ff.Detections) -> ff.Detections:
    """Adds the speed in km/h where its error is below a quarter of it."""
    speed, error = tracks.data["speed"], tracks.data["speed_error"]
    return tracks.with_data(kmh=np.where(error < speed / 4, 3.6 * speed, np.nan))


def main() -> None:
    """Prints the fastest object of each second, and writes the video."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", default=SCENE, help="default: %(default)s")
    parser.add_argument("model", nargs="?", help="a detector's ONNX file; default: that of the scene")
    parser.add_argument("--video", default="speeds.mp4", help="default: %(default)s")
    options = parser.parse_args()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(options.source))
    boxes = pipeline.add(ff.OnnxDetector(options.model or ff.demo.shapes_model()), camera)
    on_road = pipeline.add(lambda found: found[found.inside(ROAD, anchor="bottom")], boxes)
    tracks = pipeline.add(ff.BoxTracker(ground=ff.Ground(points=ROAD, places=METRES)), on_road)
    speeds = pipeline.add(with_kmh, tracks)
    view = pipeline.add(ff.Annotate(labels="#{tracker_id} {kmh:.0f} km/h", trail=2), speeds)
    pipeline.add(ff.VideoFile(options.video), view)
    with pipeline:
        shown = -1
        for sample in pipeline.reader(speeds):
            ids, kmh = sample.value.tracker_id, sample.value.data["kmh"]
            if ids is not None and int(sample.pts) > shown and np.isfinite(kmh).any():
                shown = int(sample.pts)
                fastest = np.nanargmax(kmh)
                print(f"{shown:4} s: #{ids[fastest]} at {kmh[fastest]:.0f} km/h")


if __name__ == "__main__":
    main()
