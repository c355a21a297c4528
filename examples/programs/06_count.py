"""Counts people who enter and leave.

pip install 'freshframe[onnx]'
"""

import freshframe as ff

detector = ff.OnnxDetector("yolo11n.onnx", classes=["person"])
door = ff.LineCounter((0, 360), (1280, 360), anchor="bottom")
for sample in ff.stream(ff.open("rtsp://10.0.0.7/live"), detector, ff.BoxTracker(), door):
    print(sample.value.forward, "in", sample.value.backward, "out")
