"""A notebook's cell: the objects of one frame of a video, as a table and as a picture.

pip install 'freshframe[onnx]' pandas
"""

import freshframe as ff

ff.Pipeline.stop_all()  # stops what an earlier run of this cell has left

frame = ff.Frame.read("match.mp4", pts=3.2)
boxes = ff.OnnxDetector("yolo11n.onnx").detect(frame)
boxes.to_pandas()
ff.Annotate().draw(frame, boxes)  # the cell shows the picture
