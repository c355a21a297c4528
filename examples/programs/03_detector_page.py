"""Detects and tracks objects, and shows them on a page whose address it prints.

pip install 'freshframe[onnx]'
"""

import freshframe as ff

pipeline = ff.Pipeline()
camera = pipeline.add(ff.open("rtsp://10.0.0.7/live"))
boxes = pipeline.add(ff.OnnxDetector("yolo11n.onnx"), camera)
tracks = pipeline.add(ff.BoxTracker(), boxes)
drawn = pipeline.add(ff.Annotate(), tracks)
print(pipeline.serve(view=drawn).url)
pipeline.run()
