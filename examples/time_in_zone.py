"""Measures how long objects stay in a zone and how fast they move; draws labels, and prints each visit.

python time_in_zone.py                                  # the built-in scene
python time_in_zone.py rtsp://cam1.local/stream model.onnx
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
from collections import defaultdict

import freshframe as ff

SCENE = "demo:shapes?size=640x360&fps=30&frames=300&pace=0"
ZONE = [(0, 0), (320, 0), (320, 360), (0, 360)]  # the left half
# The corners of the image, as if it showed a floor of 16 x 9 m from above. Replace them by measured points.
FLOOR = ff.Ground(points=[(0, 0), (640, 0), (640, 360), (0, 360)], places=[(0, 0), (16, 0), (16, 9), (0, 9)])


def main() -> None:
    """Prints each visit when it has ended, and the means at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", default=SCENE, help="default: %(default)s")
    parser.add_argument("model", nargs="?", help="a detector's ONNX file; default: that of the scene")
    parser.add_argument("--video", help="write the pictures with zone and seconds to this file")
    parser.add_argument("--loiter", type=float, default=2.0, help="seconds, default: %(default)s")
    options = parser.parse_args()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(options.source))
    boxes = pipeline.add(ff.OnnxDetector(options.model or ff.demo.shapes_model()), camera)
    tracks = pipeline.add(ff.BoxTracker(ground=FLOOR), boxes)
    zones = pipeline.add(ff.ZoneCounter({"till": ZONE}, anchor="bottom", loiter_after=options.loiter), tracks)
    if options.video:
        view = pipeline.add(ff.Annotate(labels="#{tracker_id} {dwell:.0f} s"), zones)
        pipeline.add(ff.VideoFile(options.video), view)
    dwells: dict[str, list[float]] = defaultdict(list)
    with pipeline:
        for sample in pipeline.reader(zones):
            till = sample.value["till"]
            tracked = sample.value.tracks
            assert isinstance(tracked, ff.Detections)
            names = tracked.names or ()
            for visit in till.visits:
                name = names[visit.class_id] if visit.class_id < len(names) else str(visit.class_id)
                dwells[name].append(visit.dwell)
                print(
                    f"{visit.last_pts:6.1f} s: {name} #{visit.tracker_id} {visit.reason} after "
                    f"{visit.dwell:.1f} s"
                )
            if till.loitered and tracked.tracker_id is not None:
                speeds = dict(zip(tracked.tracker_id.tolist(), tracked.data["speed"], strict=True))
                for tracker_id in till.loitered:
                    speed = speeds.get(tracker_id, float("nan"))
                    print(f"{sample.pts:6.1f} s: #{tracker_id} loiters, at {speed:.1f} m/s")
    for name, seconds in sorted(dwells.items()):
        print(f"{name}: {len(seconds)} visits, {sum(seconds) / len(seconds):.1f} s in the mean")


if __name__ == "__main__":
    main()
