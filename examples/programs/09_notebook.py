"""A notebook cell: the objects in one frame of a video, as a table and as an image.

pip install 'freshframe[onnx]' pandas
"""

import freshframe as ff

ff.Pipeline.stop_all()  # stops pipelines of earlier runs of this cell

frame = ff.Frame.read("match.mp4", pts=3.2)
boxes = ff.OnnxDetector("yolo11n.onnx").detect(frame)
boxes.to_pandas()
ff.Annotate().draw(frame, boxes)  # the cell displays the image
