"""Shows a webcam in a window until q is pressed.

pip install opencv-python
"""

import cv2

import freshframe as ff

with ff.open(0) as camera:
    for sample in camera:
        cv2.imshow("camera", sample.frame.bgr)
        if cv2.waitKey(1) == ord("q"):
            break
