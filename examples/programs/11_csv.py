"""Detects and tracks the objects in a video, and writes them all to a table.

pip install 'freshframe[onnx]'
"""

import freshframe as ff

pipeline = ff.Pipeline()
video = pipeline.add(ff.open("match.mp4"))
boxes = pipeline.add(ff.OnnxDetector("yolo11n.onnx"), video)
tracks = pipeline.add(ff.BoxTracker(), boxes)
pipeline.add(ff.Csv("tracks.csv"), tracks)
report = pipeline.run(progress=True)
print(report.samples, "frames,", "complete" if report.complete else report.losses)
